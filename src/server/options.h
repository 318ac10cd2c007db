/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h: what was said about a server, from flags, variables, one file and the defaults of
 * options.def, each value with its origin. A stronger origin replaces a weaker one, whichever was
 * read first; a list is replaced whole.
 */
#ifndef PAWL_SERVER_OPTIONS_H
#define PAWL_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum pawl_serve_type {
    PAWL_SERVE_TEXT,
    PAWL_SERVE_LIST,
    PAWL_SERVE_COUNT,  /* "60K", "2M": decimal */
    PAWL_SERVE_BYTES,  /* "64K", "20G": powers of 1024 */
    PAWL_SERVE_TIME,   /* "1h30m"; milliseconds */
    PAWL_SERVE_CHOICE, /* the number is the word's place in `choices` */
    PAWL_SERVE_SWITCH  /* yes or no; 1 or 0 */
};

enum pawl_serve_option_id {
#define PAWL_SERVE_OPTION(id, flag, argument, type, least, most, by_default, choices, places,      \
                          help)                                                                    \
    PAWL_SERVE_OPT_##id,
#include "server/options.def"
#undef PAWL_SERVE_OPTION
    PAWL_SERVE_OPTION_COUNT
};

enum pawl_serve_places { PAWL_SERVE_PLACES_A, PAWL_SERVE_PLACES_E, PAWL_SERVE_PLACES_F };

struct pawl_serve_option {
    const char *flag;
    const char *argument; /* NULL: a switch */
    enum pawl_serve_type type;
    int64_t least; /* of TEXT: bytes */
    int64_t most;
    const char *by_default; /* "": none */
    const char *choices;    /* "a|b" */
    enum pawl_serve_places places;
    const char *help;
};
extern const struct pawl_serve_option pawl_serve_option_table[PAWL_SERVE_OPTION_COUNT];

enum pawl_serve_origin { /* the weakest first */
                         PAWL_SERVE_FROM_DEFAULT,
                         PAWL_SERVE_FROM_FILE,
                         PAWL_SERVE_FROM_VARIABLE,
                         PAWL_SERVE_FROM_FLAG
};

enum { PAWL_SERVE_LIST_MAX = 16, PAWL_SERVE_NAME_BYTES = 48 };

struct pawl_serve_value {
    const char *texts[PAWL_SERVE_LIST_MAX]; /* as written; of all but LIST there is one */
    uint32_t count;                         /* 0: it has no value */
    int64_t number;
    enum pawl_serve_origin origin;
    uint32_t line; /* of the file */
};

struct pawl_serve_options {
    struct pawl_arena arena; /* owns all texts */
    struct pawl_serve_value values[PAWL_SERVE_OPTION_COUNT];
};

/* With the defaults. Must be freed. */
void pawl_serve_options_init(struct pawl_serve_options *options);
void pawl_serve_options_free(struct pawl_serve_options *options);
/* Gives a value unless a stronger origin gave one. INVALID with what the option takes instead. */
PAWL_MUST_CHECK pawl_err pawl_serve_options_set(struct pawl_serve_options *options,
                                                enum pawl_serve_option_id id,
                                                const char *text,
                                                enum pawl_serve_origin origin,
                                                struct pawl_errmsg *msg);
/* Every $PAWL_SERVE_… that is set and not empty. One of a name that no option has is an error,
 * since it would have no effect. */
PAWL_MUST_CHECK pawl_err pawl_serve_options_read_variables(struct pawl_serve_options *options,
                                                           char *const *environment,
                                                           struct pawl_errmsg *msg);
/* The first problem is told, "FILE:LINE: …". */
PAWL_MUST_CHECK pawl_err pawl_serve_options_read_file(struct pawl_serve_options *options,
                                                      const char *path,
                                                      struct pawl_errmsg *msg);
/* What a ledger keeps of the times where nothing is said to a start; 0: not known yet. */
struct pawl_serve_kept {
    int64_t keys_ms;    /* keep-idempotency */
    int64_t settled_ms; /* keep-settlements */
};
/* What makes no sense together, as it will be in force: what was said over what the ledger keeps
 * over the defaults. `kept`: NULL: there is no ledger. Two times of which nothing was said are
 * good, and nothing is compared with one that is not known. */
PAWL_MUST_CHECK pawl_err pawl_serve_options_check(const struct pawl_serve_options *options,
                                                  const struct pawl_serve_kept *kept,
                                                  struct pawl_errmsg *msg);

/* NULL: it has no value. */
const char *pawl_serve_text(const struct pawl_serve_options *options, enum pawl_serve_option_id id);
int64_t pawl_serve_number(const struct pawl_serve_options *options, enum pawl_serve_option_id id);
/* "a flag", "$PAWL_SERVE_…", "FILE:LINE", "default". */
const char *pawl_serve_origin_text(const struct pawl_serve_options *options,
                                   enum pawl_serve_option_id id,
                                   char *out,
                                   size_t bytes);
/* "PAWL_SERVE_TLS_CERT". */
const char *pawl_serve_variable(enum pawl_serve_option_id id,
                                char out[static PAWL_SERVE_NAME_BYTES]);

/* "127.0.0.1:7878", "[::1]:0", "localhost:80", ":7878" or "*:7878" (every address), "unix:PATH",
 * "/PATH". */
struct pawl_serve_address {
    bool is_unix;
    uint16_t port;
    char host[256]; /* or the path; of a host without the brackets, never empty */
};
PAWL_MUST_CHECK pawl_err pawl_serve_address_parse(const char *text,
                                                  struct pawl_serve_address *ret_address,
                                                  struct pawl_errmsg *msg);

#endif
