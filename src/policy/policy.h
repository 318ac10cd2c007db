/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h: what applies to a run, as a person writes it down: caps, who must be there, what may be
 * used. A policy is a list of values for the fields of fields.def, each with the place where it
 * came from. It begins as a built-in one, a YAML file lies on top of it, flags on top of that;
 * later values replace earlier ones field by field. docs/POLICY.md is the page for users.
 *
 * Nothing here acts: whoever enforces a field reads its value.
 */
#ifndef PAWL_POLICY_POLICY_H
#define PAWL_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/money.h"
#include "base/slice.h"

/* A year: it keeps every deadline within what the ledger can tell. */
#define PAWL_POLICY_TIME_MS_MAX (INT64_C(365) * 24 * 60 * 60 * 1000)

enum pawl_policy_type {
    PAWL_POLICY_TEXT,
    PAWL_POLICY_MONEY,    /* dollars; the number is microcents */
    PAWL_POLICY_COUNT,    /* "60K" */
    PAWL_POLICY_DURATION, /* "1h30m"; the number is milliseconds */
    PAWL_POLICY_CHOICE,   /* the number is the index of the word in `choices` */
};

enum pawl_policy_field_id {
#define PAWL_POLICY_FIELD(id, path, type, least, most, usual, choices, help) PAWL_POLICY_##id,
#include "policy/fields.def"
#undef PAWL_POLICY_FIELD
    PAWL_POLICY_FIELD_COUNT
};

struct pawl_policy_field {
    const char *path; /* "caps.usd"; "*" stands for a name that the user chooses */
    enum pawl_policy_type type;
    int64_t least;
    int64_t most;
    int64_t usual;       /* above it `check` warns; 0: nowhere */
    const char *choices; /* "a|b" */
    const char *help;
};

extern const struct pawl_policy_field pawl_policy_fields[PAWL_POLICY_FIELD_COUNT];

/* Where a value came from, the weakest first. */
enum pawl_policy_origin {
    PAWL_POLICY_FROM_BUILTIN,
    PAWL_POLICY_FROM_FILE,
    PAWL_POLICY_FROM_ENVIRONMENT,
    PAWL_POLICY_FROM_FLAG
};

struct pawl_policy_value {
    enum pawl_policy_field_id field;
    struct pawl_slice key;  /* what "*" is here; else empty */
    struct pawl_slice text; /* as it was written */
    int64_t number;
    bool share; /* of the run's cap; the number is in thousandths */
    bool word;  /* one of `choices` in place of the type's own form; the number is its index */
    enum pawl_policy_origin origin;
    const char *source; /* the built-in policy's name, the file's path, the flag's name */
    uint32_t line;      /* of the file; else 0 */
};

enum { PAWL_POLICY_FORM_BYTES = 240 }; /* of what a field takes, in words */
enum { PAWL_POLICY_PHASES_MAX = 8, PAWL_POLICY_PHASE_NAME_MAX = 32 };
enum { PAWL_POLICY_VALUES_MAX = 256, PAWL_POLICY_BYTES_MAX = 64 * 1024 };

struct pawl_policy {
    struct pawl_arena arena; /* owns all texts */
    struct pawl_policy_value values[PAWL_POLICY_VALUES_MAX];
    uint32_t value_count;
};

/* Something that is wrong in a file, or worth a second look. */
struct pawl_policy_problem {
    bool warning;
    uint32_t line;    /* 0: of the whole */
    const char *path; /* of the field, "caps.usd"; "" if it is about none */
    const char *message;
};
typedef void pawl_policy_report_fn(void *arg, const struct pawl_policy_problem *problem);

/* Who is told what is wrong. Errors are counted; a NULL `report` only counts. */
struct pawl_policy_reporter {
    pawl_policy_report_fn *report;
    void *arg;
    uint32_t errors;
    uint32_t warnings;
};

/* --- Making one (policy.c, builtin.c, read.c). Must be freed, whatever they return. ---------- */

void pawl_policy_init(struct pawl_policy *policy);
void pawl_policy_free(struct pawl_policy *policy);

/* The built-in policies, in their order: names and what they are for. NULL at the end. */
const char *pawl_policy_builtin_name(uint32_t index);
const char *pawl_policy_builtin_purpose(uint32_t index);
/* Fills an initialised policy. false: there is none of that name. */
PAWL_MUST_CHECK bool pawl_policy_load_builtin(struct pawl_policy *policy, struct pawl_slice name);

/* Fills an initialised policy from a YAML text: what it extends first (`individual` where it does
 * not say), its own values on top. Goes on behind an error to tell them all; false: there was one.
 * The path is borrowed as the values' source. */
PAWL_MUST_CHECK bool pawl_policy_read(struct pawl_policy *policy,
                                      const char *path,
                                      struct pawl_slice text,
                                      struct pawl_policy_reporter *reporter);

/* Gives a field a value, over an earlier one. The texts are copied, the source borrowed. INVALID
 * with what the field takes instead. */
struct pawl_policy_setting {
    enum pawl_policy_field_id field;
    struct pawl_slice key;
    struct pawl_slice text;
    enum pawl_policy_origin origin;
    const char *source;
    uint32_t line;
};
PAWL_MUST_CHECK pawl_err pawl_policy_set(struct pawl_policy *policy,
                                         const struct pawl_policy_setting *setting,
                                         struct pawl_errmsg *msg);

/* What makes no sense together, and what is outside of the usual ranges (check.c). */
void pawl_policy_check(const struct pawl_policy *policy, struct pawl_policy_reporter *reporter);

/* Why a word says nothing about a phase's limit: what it takes instead, and, where the word is one
 * of a run's limit, why a phase has no such thing. */
const char *pawl_policy_phase_mode_wrong(struct pawl_slice word,
                                         char out[static PAWL_POLICY_FORM_BYTES]);
/* Whether a phase can be called so. */
PAWL_MUST_CHECK bool pawl_policy_phase_name_ok(struct pawl_slice name);

/* The policy as a YAML file, in the order of the table. */
void pawl_policy_write(const struct pawl_policy *policy, struct pawl_buf *out);

/* --- Asking it ------------------------------------------------------------------------------- */

/* NULL: the field has no value. */
const struct pawl_policy_value *
pawl_policy_get(const struct pawl_policy *policy, enum pawl_policy_field_id field, const char *key);
/* The number of a field that every policy has. */
int64_t pawl_policy_number(const struct pawl_policy *policy, enum pawl_policy_field_id field);
/* Whether a field has this word. */
bool pawl_policy_is(const struct pawl_policy *policy,
                    enum pawl_policy_field_id field,
                    const char *word);
/* The field at a path such as "caps.usd" or "phases.verification.usd", and what "*" is in it;
 * FIELD_COUNT: none. */
enum pawl_policy_field_id pawl_policy_find_field(struct pawl_slice path,
                                                 struct pawl_slice *ret_key);

/* "40%", "12.5%": thousandths, above 0 and up to 100 %. */
PAWL_MUST_CHECK bool pawl_policy_parse_share(struct pawl_slice text, int64_t *ret_permille);

enum { PAWL_POLICY_PATH_BYTES = 200 };
/* The field's path with the value's own name in place of "*". */
void pawl_policy_value_path(const struct pawl_policy_value *value,
                            char out[static PAWL_POLICY_PATH_BYTES]);

/* What a field takes: "dollars, such as 1.50", "one of allow, forbid". */
const char *pawl_policy_form(enum pawl_policy_field_id field_id,
                             char out[static PAWL_POLICY_FORM_BYTES]);

#endif
