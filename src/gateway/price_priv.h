/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_priv.h: the inside of the price book, shared by the price_*.c files.
 *
 * Everything that was read from one text lies in one block of memory: the book itself, then
 * arrays of providers, models, rules, rows and names that refer to each other by index. Text is
 * borrowed from what was read. Of the book that comes with pawl, only the first lies there: its
 * arrays are constants of the program. The user's overrides are a second block of the same kind,
 * which owns its text.
 */
#ifndef PAWL_GATEWAY_PRICE_PRIV_H
#define PAWL_GATEWAY_PRICE_PRIV_H

#include "base/arena.h"
#include "base/json.h"
#include "gateway/price.h"

enum {
    PRICE_NAME_BYTES_MAX = 256,     /* of a model's name in a lookup */
    PRICE_NONE = -1,                /* no such provider */
    PRICE_MULTIPLIER_ONE = 1000,    /* per mille */
    PRICE_MULTIPLIER_MAX = 100000,  /* 100 times the list price */
    PRICE_OVERRIDE_COUNT_MAX = 4096 /* entries in a user's file */
};

/* $1,000,000 for a million tokens: whatever is dearer is a mistake in the file. Keeps products with
 * the largest token count within 128 bits. */
#define PRICE_MICROCENTS_MAX (INT64_C(1000000) * INT64_C(100000000))

/* "Do these bytes belong to this model?" Text matches without regard to case, and '#' stands
 * for one digit. Rules with `more` form a group with the next one: all of a group must hold. */
struct price_rule {
    struct pawl_slice text;
    char op; /* '=' equals, '^' starts with, '$' ends with, '*' contains */
    bool negated;
    bool more;
};

struct price_span {
    uint32_t first;
    uint32_t count;
};

struct price_model {
    struct pawl_slice id;
    struct price_span rules; /* none: the name equals the id */
    struct price_span rows;  /* by from_us, then over_tokens */
    int64_t context_tokens;
    uint32_t provider; /* index */
    bool time_of_day;
};

struct price_provider {
    struct pawl_slice id;
    struct price_span models;
    struct price_span hosts; /* in names[]; a leading dot is a suffix */
    struct price_span aliases;
    struct price_span fallback; /* ids of providers to try next */
    struct price_span tools;    /* in rows[]: at most one, of fees that all of its models have */
    struct pawl_slice tools_date;
    struct pawl_slice tools_source;
};

/* One entry of the user's file: prices of its own, or a factor on the book's. */
struct price_override {
    struct price_rule rule;
    struct pawl_slice provider; /* empty: any */
    struct pawl_price_row row;
    int64_t context_tokens;
    uint32_t multiplier_permille;
    bool has_row;
};

struct price_overrides {
    struct pawl_slice path;
    uint32_t multiplier_permille; /* on every price of the book */
    uint32_t count;
    struct price_override entries[];
};

struct pawl_price_book {
    struct pawl_slice date;
    struct pawl_slice source;
    struct pawl_slice licence;
    const struct price_provider *providers;
    const struct price_model *models;
    const struct price_rule *rules;
    const struct pawl_price_row *rows;
    const struct pawl_slice *names;
    uint32_t provider_count;
    uint32_t model_count;
    uint32_t rule_count;
    uint32_t row_count;
    uint32_t name_count;
    struct price_overrides *overrides; /* owned, or NULL */
};

/* What tools/price_table.c made of data/prices.json. */
extern const struct pawl_price_book pawl_price_embedded;

/* price_lookup.c: does the name (in lower case) satisfy the rule? */
bool pawl_price_rule_holds(const struct price_rule *rule, struct pawl_slice name);
/* price_lookup.c: index of a provider by id or alias, or PRICE_NONE. */
int32_t pawl_price_find_provider(const struct pawl_price_book *book, struct pawl_slice id);
/* price_lookup.c: copies in lower case and trimmed. Empty when it does not fit. */
struct pawl_slice pawl_price_fold(struct pawl_slice text, char out[static PRICE_NAME_BYTES_MAX]);
/* price_lookup.c: fills a result from a model of the book, without overrides. */
void pawl_price_fill(const struct pawl_price_book *book,
                     const struct price_model *model,
                     int64_t at_us,
                     struct pawl_price *ret_price);
/* price_lookup.c: what a provider bills for its tools. PRICE_NONE is allowed. */
void pawl_price_fill_tools(const struct pawl_price_book *book,
                           int32_t provider,
                           struct pawl_price *ret_price);
/* price_lookup.c: fills a result from an override that has a row. */
void pawl_price_fill_override(const struct pawl_price_book *book,
                              const struct price_override *entry,
                              struct pawl_price *ret_price);

#endif
