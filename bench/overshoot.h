/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot.h: what the files of the overshoot benchmark share.
 *
 *   overshoot.c           options, the runs one after the other, the table
 *   overshoot_world.c     one run: the event loop, the clients
 *   overshoot_provider.c  the provider, and what it bills
 *   overshoot_dialect.c   how each API writes requests and answers
 *   overshoot_draw.c      lengths of replies
 */
#ifndef PAWL_BENCH_OVERSHOOT_H
#define PAWL_BENCH_OVERSHOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

enum { STREAMS_MAX = 256, CHANCES = 1000 };

enum distribution {
    DRAW_LOGNORMAL,
    DRAW_PARETO,
    DRAW_BIMODAL,
    DRAW_SHORT,
    DRAW_CEILING, /* every reply is as long as it may be */
    DRAW_COUNT
};
extern const char *const distribution_names[DRAW_COUNT];

enum dialect { DIALECT_CHAT, DIALECT_RESPONSES, DIALECT_ANTHROPIC, DIALECT_GEMINI, DIALECT_COUNT };
extern const char *const dialect_names[DIALECT_COUNT];

/* What happens in one run. */
struct scene {
    const char *host_path; /* of gateway_host */
    const char *mode;      /* "auto", "ceiling", "extend" */
    enum distribution distribution;
    uint64_t seed;
    int64_t cap_microcents;
    int64_t price_input; /* microcents per million tokens */
    int64_t price_output;
    int64_t asked;  /* max_tokens of every request */
    int64_t median; /* tokens of a reply */
    int64_t input_tokens;
    int64_t patience_s;  /* how long a client says that it waits */
    int64_t pace;        /* tokens a second of one stream; 0: all at once */
    uint32_t streams;    /* clients, each with one call at a time */
    uint32_t hang_up;    /* per mille of the clients' calls */
    uint32_t lies;       /* per mille of the replies */
    uint32_t unstreamed; /* per mille of the calls */
    uint32_t ignored;    /* per mille of the replies that keep to no ceiling */
    uint32_t cold;       /* per mille of the calls that go to a model of their own */
    bool dialects[DIALECT_COUNT];
    int64_t words;  /* tokens of a thousand words of a reply; 0: a token is four bytes */
    bool bill_full; /* a stream that is left is billed to its end */
};

struct outcome {
    int64_t billed;    /* by the provider, in all, microcents */
    int64_t booked;    /* by pawl, when everything was settled */
    int64_t usable;    /* booked when the refusal that latches came */
    int64_t overshoot; /* as pawl says */
    uint32_t calls;    /* that the provider answered */
    uint32_t ended;    /* of them at a ceiling that pawl had lowered */
    uint32_t cut;      /* that ended with pawl's words */
    uint32_t held;     /* refusals that do not latch */
    int64_t took_us;
    int64_t open_us; /* summed over the streams: how long calls were under way at the provider */
};

void run_scene(const struct scene *scene, struct outcome *ret_outcome);

/* --- overshoot_draw.c ----------------------------------------------------------------------- */

int64_t draw_reply(const struct scene *scene, struct pawl_prng *prng);

/* --- overshoot_dialect.c -------------------------------------------------------------------- */

struct question {
    enum dialect dialect;
    uint32_t model;
    bool streamed;
    int64_t asked;
};
struct figures {
    int64_t input;
    int64_t output;
    bool silent; /* nothing is said of them */
};

int dialect_path(const struct question *question, char *out, size_t size);
/* What stands before the prompt's text, and behind it. */
int dialect_body_head(const struct question *question, char *out, size_t size);
const char *dialect_body_end(enum dialect dialect);
enum dialect dialect_of_request(const char *request);
const char *dialect_ceiling_key(enum dialect dialect);
bool dialect_wants_stream(enum dialect dialect, const char *request);
/* Events: the first ones, a piece of text, the last ones. */
int dialect_open(enum dialect dialect, const struct figures *figures, char *out, size_t size);
int dialect_delta(enum dialect dialect, const char *text, char *out, size_t size);
int dialect_close(enum dialect dialect, const struct figures *figures, char *out, size_t size);
/* An answer in one piece: what stands before its text, and behind it. */
const char *dialect_whole_head(enum dialect dialect);
int dialect_whole_end(enum dialect dialect, const struct figures *figures, char *out, size_t size);

/* --- overshoot_provider.c ------------------------------------------------------------------- */

struct provider;

struct provider *provider_new(const struct scene *scene, int epoll);
void provider_free(struct provider *provider);
int provider_port(const struct provider *provider);
/* Takes an event of the epoll if it is the provider's. */
bool provider_event(struct provider *provider, void *pointer, uint32_t events, int64_t now_us);
/* Sends what is due, and returns when something is due again; INT64_MAX: never. */
int64_t provider_tick(struct provider *provider, int64_t now_us);
/* Adds what was billed so far. */
void provider_account(const struct provider *provider, struct outcome *outcome);

#endif
