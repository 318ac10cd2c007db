/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h: a command that speaks to a running `pawl serve`: its options, one request after the other,
 * and what is told of an answer that is no success.
 *
 *     status = pawl_ask_open(call, &ask);
 *     if (status == PAWL_EXIT_OK) {
 *         pawl_ask_path(&ask, "/v1/decide");
 *         … pawl_json_member_str(pawl_ask_body(&ask), "name", …) …
 *         status = pawl_ask_send(&ask, PAWL_PLANE_TENANT, "POST");
 *     }
 *     … ask.json is the answer …
 *     pawl_ask_close(&ask);
 */
#ifndef PAWL_CLI_ASK_H
#define PAWL_CLI_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "cli/cli.h"
#include "remote/remote.h"
#include "remote/words.h"

/* Numbers of options that several commands have; a command's own begin at 1. */
enum {
    PAWL_ASK_SERVER = 900,
    PAWL_ASK_KEY_FILE,
    PAWL_ASK_KEY,
    PAWL_ASK_CA_FILE,
    PAWL_ASK_TIMEOUT,
    PAWL_ASK_DATA_DIR,
    PAWL_ASK_JSON,
    PAWL_ASK_QUIET,
    PAWL_ASK_IDEMPOTENCY_KEY,
    PAWL_ASK_YES,
    PAWL_ASK_LIMIT,
    PAWL_ASK_SORT,
    PAWL_ASK_DESC,
    PAWL_ASK_METADATA
};

/* Of every such command. `--key` is there to be refused: it would else be short for --key-file. */
#define PAWL_ASK_OPTIONS                                                                           \
    {PAWL_ASK_JSON, 0, "json", NULL, "the server's own object, one a line"},                       \
        {PAWL_ASK_SERVER, 0, "server", "URL",                                                      \
         "http://, https:// or unix:PATH (else $PAWL_SERVER or this machine)"},                    \
        {PAWL_ASK_KEY_FILE, 0, "key-file", "FILE",                                                 \
         "the key (else $PAWL_KEY, $CYCLES_API_KEY or $PAWL_ADMIN_KEY)"},                          \
        {PAWL_ASK_KEY, 0, "key", "SECRET", NULL},                                                  \
        {PAWL_ASK_CA_FILE, 0, "ca-file", "FILE", "who may vouch for an https server"},             \
        {PAWL_ASK_TIMEOUT, 0, "timeout", "TIME", "how long to wait for an answer (default 30s)"},  \
    {                                                                                              \
        PAWL_ASK_DATA_DIR, 0, "data-dir", "DIR", "where the server of this machine keeps its data" \
    }
#define PAWL_ASK_QUIET_OPTION                                                                      \
    {                                                                                              \
        PAWL_ASK_QUIET, 'q', "quiet", NULL, "print the id, nothing else"                           \
    }
#define PAWL_ASK_IDEMPOTENCY_OPTION                                                                \
    {                                                                                              \
        PAWL_ASK_IDEMPOTENCY_KEY, 0, "idempotency-key", "WORD",                                    \
            "said again, it does nothing twice (else a random one)"                                \
    }
#define PAWL_ASK_YES_OPTION                                                                        \
    {                                                                                              \
        PAWL_ASK_YES, 'y', "yes", NULL, "do not ask whether it is meant"                           \
    }
#define PAWL_ASK_METADATA_OPTION                                                                   \
    {                                                                                              \
        PAWL_ASK_METADATA, 0, "metadata", "NAME=VALUE", "keep this beside it; may be repeated"     \
    }

enum {
    PAWL_ASK_KEY_WORD_BYTES = 257,
    PAWL_ASK_CELL_BYTES = 1280, /* more than any scope has, see ask_subject.c */
    PAWL_ASK_SAID_MAX = 16
};

/* What a field of the body is on the command line. */
struct pawl_ask_said {
    const char *key; /* without the objects around it */
    int option;
};

struct pawl_ask {
    const struct pawl_cli_call *call;
    struct pawl_target target;
    struct pawl_keys keys;
    struct pawl_remote *remote;
    struct pawl_remote_answer answer;
    struct pawl_arena arena; /* of `json`, and of texts read from it; anew with each answer */
    struct pawl_json json;   /* the last answer */
    struct pawl_buf path;
    struct pawl_buf body;
    struct pawl_json_writer writer;
    struct pawl_ask_said said[PAWL_ASK_SAID_MAX]; /* of the body's numbers */
    size_t said_count;
    char idempotency[PAWL_ASK_KEY_WORD_BYTES];
    bool has_body;
    bool is_keyed;      /* the body has its idempotency key */
    bool is_repeatable; /* a POST that does no more the second time */
    bool may_miss;      /* a 404 is told to nobody: REFUSED, with answer.status saying so */
    bool is_aside;      /* nothing that goes wrong is told: the command can do without */
    const char *may_be; /* the code of a refusal that is told to nobody: REFUSED, with `was` */
    bool was;
};

/* The tenant of a list: its operand, else its option. NULL: neither. */
const char *pawl_ask_tenant(const struct pawl_cli_call *call, int option);

/* Reads the options above; nothing is sent yet. Returns PAWL_EXIT_OK or another status, told. To be
 * closed in either case. */
int pawl_ask_open(const struct pawl_cli_call *call, struct pawl_ask *ask);
void pawl_ask_close(struct pawl_ask *ask);

/* Whether that would be done as the administrator, who has to name the tenant. */
bool pawl_ask_is_admin(const struct pawl_ask *ask, enum pawl_plane plane);

/* --- A request ------------------------------------------------------------------------------- */

/* Begins one. */
void pawl_ask_path(struct pawl_ask *ask, const char *path);
/* "/" and the text with percent signs; "name=value" of the query, nothing where there is none. */
void pawl_ask_segment(struct pawl_ask *ask, const char *text);
void pawl_ask_query(struct pawl_ask *ask, const char *name, const char *value);
/* The body's object, open; it is closed when it is sent. */
struct pawl_json_writer *pawl_ask_body(struct pawl_ask *ask);
/* Puts the idempotency key into it. */
void pawl_ask_put_key(struct pawl_ask *ask);
/* A text as a member, where it was given; and all of "--metadata NAME=VALUE", as an object. Returns
 * PAWL_CLI_GO_ON or a status. */
void pawl_ask_put_text(struct pawl_ask *ask, const char *key, const char *text);
int pawl_ask_put_pairs(struct pawl_ask *ask, const char *key, int option);
/* A number that an option says, nothing where it is negative: of one that the server refuses it is
 * told what the option takes. */
void pawl_ask_put_number(struct pawl_ask *ask, const char *key, int option, int64_t value);
/* The texts of an option that may be repeated, as an array; nothing where there is none. */
void pawl_ask_put_list(struct pawl_ask *ask, const char *key, int option);
/* Sends, waits, and reads. Returns PAWL_EXIT_OK for an answer of 2xx, which ask->json then is; of
 * anything else it is told what it means: REFUSED, or UNREACHABLE. */
int pawl_ask_send(struct pawl_ask *ask, enum pawl_plane plane, const char *method);
/* The same as PATCH, whose body has to say something: else "say what is to change" is told, and
 * `hint` behind it. */
int pawl_ask_send_change(struct pawl_ask *ask, enum pawl_plane plane, const char *hint);
/* Whether the last answer is about `tenant` (NULL: any): a server may pass over whose rows a
 * tenant's key asks for, and tell its own. Returns PAWL_EXIT_OK, or REFUSED, told. */
int pawl_ask_check_tenant(const struct pawl_ask *ask, enum pawl_plane plane, const char *tenant);
/* Something is there that cannot be an answer of such a server. Returns the status. */
int pawl_ask_tell_odd(const struct pawl_ask *ask);
/* On a terminal, asks whether it is meant; --yes says so, and without a terminal it has to be said.
 * Returns PAWL_CLI_GO_ON or a status. */
int pawl_ask_confirm(const struct pawl_ask *ask, const char *format, ...) PAWL_PRINTF(2, 3);

#endif
