/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price.h: the price book. What one model costs at one time, who says so, and from when.
 *
 * The book is data/prices.json, made by tools/refresh_prices.mjs, checked when pawl is built and
 * compiled into the binary. A user's file may add prices, replace them or scale them
 * (docs/PRICES.md). Lookups are by provider and model name and never guess a family: a
 * name that no rule covers is not found, and the caller refuses the call.
 *
 * Prices are microcents per million tokens, or per thousand for what is counted in pieces. They
 * may depend on the size of the prompt: a row whose `over_tokens` is below the input of the request
 * (cache reads and writes included) is the rate for ALL of its tokens.
 *
 * A book does not change once lookups have begun; slices and rows in results live as long as it
 * does.
 */
#ifndef PAWL_GATEWAY_PRICE_H
#define PAWL_GATEWAY_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Per million tokens first, then per thousand pieces. The names in files are in price_book.c. */
enum pawl_price_kind {
    PAWL_PRICE_INPUT,
    PAWL_PRICE_CACHE_READ,
    PAWL_PRICE_CACHE_WRITE,      /* the short-lived one: 5 minutes, 30 minutes */
    PAWL_PRICE_CACHE_WRITE_LONG, /* 1 hour, 12 hours */
    PAWL_PRICE_OUTPUT,
    PAWL_PRICE_REASONING,
    PAWL_PRICE_INPUT_AUDIO,
    PAWL_PRICE_CACHE_AUDIO_READ,
    PAWL_PRICE_OUTPUT_AUDIO,
    PAWL_PRICE_INPUT_IMAGE,
    PAWL_PRICE_CACHE_IMAGE_READ,
    PAWL_PRICE_OUTPUT_IMAGE,
    PAWL_PRICE_INPUT_VIDEO,
    PAWL_PRICE_OUTPUT_VIDEO,
    PAWL_PRICE_REQUESTS,
    PAWL_PRICE_WEB_SEARCHES,
    PAWL_PRICE_FILE_SEARCHES,
    PAWL_PRICE_CONTAINER_MINUTES, /* in which the provider runs code; of 1 GB where sizes differ */
    PAWL_PRICE_KIND_COUNT
};

enum { PAWL_PRICE_TOKEN_KIND_COUNT = PAWL_PRICE_REQUESTS };

/* The kind has no price of its own. */
#define PAWL_PRICE_ABSENT (-1)

/* One list of prices, valid from a time on and for requests above a size. */
struct pawl_price_row {
    int64_t from_us;
    int64_t over_tokens;
    int64_t microcents[PAWL_PRICE_KIND_COUNT]; /* or PAWL_PRICE_ABSENT */
};

/* How a name found its price. */
enum pawl_price_match {
    PAWL_PRICE_MATCH_OVERRIDE, /* the user's file */
    PAWL_PRICE_MATCH_RULE,     /* a rule of the provider asked for, or named in "vendor/model" */
    PAWL_PRICE_MATCH_UNDATED,  /* such a rule, after a snapshot's date was left off the name */
    PAWL_PRICE_MATCH_ELSEWHERE /* exactly this name at another provider: the dearest of them */
};

struct pawl_price {
    const struct pawl_price_row *rows; /* of one time, by over_tokens; the first has 0 */
    uint32_t row_count;
    struct pawl_slice provider; /* "anthropic" */
    struct pawl_slice model;    /* the book's name for it */
    struct pawl_slice date;     /* the book's, "2026-09-23"; "override" for the user's file */
    const struct pawl_price_row
        *tools; /* the vendor's fees for tools, for what a row lacks; or NULL */
    struct pawl_slice tools_date;
    struct pawl_slice tools_source;
    struct pawl_slice source; /* "npm @pydantic/genai-prices 0.1.8", or the file's path */
    enum pawl_price_match match;
    int64_t context_tokens;       /* 0: not known */
    uint32_t multiplier_permille; /* from the user's file; 1000 without one */
    bool time_of_day;             /* the vendor is cheaper at some hours; these are the dearest */
};

struct pawl_price_query {
    struct pawl_slice provider; /* what the upstream is, "openai"; empty when nobody knows */
    struct pawl_slice model;
    int64_t at_us;
};

struct pawl_price_book;

enum { PAWL_PRICE_FILE_BYTES_MAX = 1024 * 1024 };

PAWL_MUST_CHECK pawl_err pawl_price_book_load_embedded(struct pawl_price_book **ret_book,
                                                       struct pawl_errmsg *msg);
/* The same from a text in the format of data/prices.json, which must outlive the book. */
PAWL_MUST_CHECK pawl_err pawl_price_book_load(struct pawl_slice text,
                                              struct pawl_price_book **ret_book,
                                              struct pawl_errmsg *msg);
/* Adds the user's file, and appends what is in it to the text, which needs room for
 * PAWL_PRICE_FILE_BYTES_MAX. At most once for a book, and before the first lookup. On an error the
 * book is as it was, and the message names file, line, column and field. */
PAWL_MUST_CHECK pawl_err pawl_price_book_load_overrides(struct pawl_price_book *book,
                                                        const char *path,
                                                        struct pawl_buf *text,
                                                        struct pawl_errmsg *msg);
/* The same from a text, which is copied; `path` is for messages. */
PAWL_MUST_CHECK pawl_err pawl_price_book_add_overrides(struct pawl_price_book *book,
                                                       const char *path,
                                                       struct pawl_slice text,
                                                       struct pawl_errmsg *msg);
void pawl_price_book_free(struct pawl_price_book *book);

struct pawl_slice pawl_price_book_date(const struct pawl_price_book *book);
struct pawl_slice pawl_price_book_source(const struct pawl_price_book *book);
struct pawl_slice pawl_price_book_licence(const struct pawl_price_book *book);

/* false: no price is known. */
PAWL_MUST_CHECK bool pawl_price_lookup(const struct pawl_price_book *book,
                                       struct pawl_price_query query,
                                       struct pawl_price *ret_price);
/* The provider that answers at a host ("api.anthropic.com"), empty when none is known. */
struct pawl_slice pawl_price_provider_of_host(const struct pawl_price_book *book,
                                              struct pawl_slice host);

/* The rate for a request of that many input tokens, before any multiplier. A kind without a
 * price of its own falls back to the one that it is a part of, never to a lower one
 * (docs/PRICES.md). */
int64_t
pawl_price_rate(const struct pawl_price *price, enum pawl_price_kind kind, int64_t input_tokens);
/* 1,000,000 for tokens, 1,000 for pieces. */
int64_t pawl_price_per(enum pawl_price_kind kind);
/* "input", "cache_read", …, as files spell it. */
const char *pawl_price_kind_name(enum pawl_price_kind kind);

/* --- Listing, for `pawl prices`. ---------------------------------------------------------- */

/* Overrides first, then the book in its order. */
uint32_t pawl_price_book_count(const struct pawl_price_book *book);
void pawl_price_book_at(const struct pawl_price_book *book,
                        uint32_t index,
                        int64_t at_us,
                        struct pawl_price *ret_price);
/* The first index >= `from` whose "provider/model" contains the text without regard to case, or
 * the count. */
uint32_t
pawl_price_book_search(const struct pawl_price_book *book, struct pawl_slice text, uint32_t from);
/* Up to `max` indexes of models whose names resemble a misspelt one, the nearest first; returns
 * how many. */
size_t pawl_price_book_suggest(const struct pawl_price_book *book,
                               struct pawl_slice model,
                               uint32_t *ret_indexes,
                               size_t max);

#endif
