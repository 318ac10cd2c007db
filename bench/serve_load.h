/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_load.h: what the files of the server's load generator share.
 *
 *   serve_load.c    options, what is printed
 *   serve_drive.c   connections, and the loop that keeps each of them busy
 *   serve_answer.c  reading answers: status, length, one field
 *   serve_text.c    requests as the clients send them
 *   serve_setup.c   tenants, keys and budgets, made through the API
 *   serve_stats.c   histograms, processor time
 *   serve_sync.c    what one synced append takes on a disk
 *
 * Everything is in one thread. The generator shares no code with the server's network layer, so
 * that a mistake there is not made twice.
 */
#ifndef PAWL_BENCH_SERVE_LOAD_H
#define PAWL_BENCH_SERVE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

enum {
    LOAD_CONNECTIONS_MAX = 4096,
    LOAD_STEPS_MAX = 2,
    LOAD_REQUEST_BYTES_MAX = 8192,
    LOAD_ANSWER_BYTES_MAX = 1 << 18,
    LOAD_ID_BYTES_MAX = 160,  /* of a reservation's id */
    LOAD_NAME_BYTES_MAX = 32, /* of a tenant's name */
    LOAD_SECRET_BYTES_MAX = 128,
    LOAD_STATUS_MAX = 600
};

_Noreturn void load_die(const char *what);

/* --- The budgets. -------------------------------------------------------------------------------
 *
 * Scopes are the leaves: `scopes` of them, numbered from 0, dealt out to the tenants in equal
 * parts. Depth 1: each is a workspace. Depth 4: each is an agent, ten to a workflow, a hundred to
 * an app, a thousand to a workspace. Every level has a budget, the tenant included, so an operation
 * books on depth + 1 budgets. With one tenant its budget is the hot parent of everybody.
 */
struct shape {
    uint32_t scopes;
    uint32_t tenants; /* at most scopes */
    uint32_t depth;   /* 1 or 4 */
};

struct tenant {
    char name[LOAD_NAME_BYTES_MAX];
    char secret[LOAD_SECRET_BYTES_MAX]; /* its API key */
};

/* --- Requests. ----------------------------------------------------------------------------------
 *
 * A template is a text with fields, cut into pieces once, so that writing a request is a row of
 * copies. Every field but the reservation's id has a fixed width: Content-Length is a constant.
 */
enum field {
    FIELD_NONE,        /* the piece is literal */
    FIELD_KEY,         /* $i: a new random UUID; the second $i of a request repeats it */
    FIELD_TENANT,      /* $t */
    FIELD_SECRET,      /* $s */
    FIELD_WORKSPACE,   /* $w: six digits each */
    FIELD_APP,         /* $p */
    FIELD_WORKFLOW,    /* $f */
    FIELD_AGENT,       /* $a */
    FIELD_RESERVATION, /* $r */
    FIELD_LEASE,       /* $l: milliseconds, seven characters with spaces in front */
    FIELD_COUNT
};

struct piece {
    const char *text; /* of a literal; lies in the template's own copy */
    uint32_t bytes;
    enum field field;
};

enum { TEMPLATE_PIECES_MAX = 40 };

struct template
{
    char *text;
    struct piece pieces[TEMPLATE_PIECES_MAX];
    uint32_t count;
    const char *name;    /* of the step: "reserve" */
    bool has_id;         /* the answer names a reservation, which the next step needs */
    uint32_t body_bytes; /* of the request */
};

/* What fills the fields of one request. */
struct filling {
    struct pawl_prng *prng;
    const struct tenant *tenant;
    uint32_t scope;
    uint32_t per_workspace; /* scopes */
    const char *reservation;
    uint32_t reservation_bytes;
    uint32_t lease_ms; /* below 10,000,000; grace comes on top */
};

enum { LOAD_LEASE_MS = 60000, LOAD_GRACE_MS = 5000 };

enum work { WORK_RESERVE, WORK_LIFECYCLE, WORK_DECIDE, WORK_BALANCES, WORK_EVENT, WORK_COUNT };
extern const char *const work_names[WORK_COUNT];

/* The steps of a kind of work; returns how many. */
uint32_t load_templates_of(enum work work, const struct shape *shape, struct template *out);
/* A request from a file, sent byte for byte. */
void load_template_literal(struct template *out, const char *path);
/* From text with fields; `body` may be NULL. The head gets its Content-Length here. */
void load_template_cut(struct template *out, const char *name, const char *head, const char *body);
/* Writes the request; returns its bytes, at most LOAD_REQUEST_BYTES_MAX. */
size_t load_template_fill(const struct template *from, const struct filling *filling, char *out);

/* --- Answers. --------------------------------------------------------------------------------- */

struct answer {
    uint32_t status; /* below LOAD_STATUS_MAX */
    size_t head_bytes;
    size_t bytes; /* head and body */
    bool closes;  /* Connection: close */
};

/* false while the head is not complete. Dies on what is no answer with a Content-Length. */
bool load_answer_read(const char *text, size_t bytes, struct answer *ret_answer);
/* The text behind "name":" in a JSON body; false if it is not there. The text is not decoded. */
bool load_answer_field(
    const char *body, size_t bytes, const char *name, const char **ret_text, size_t *ret_bytes);

/* --- Figures. --------------------------------------------------------------------------------- */

enum { HISTOGRAM_SUB_BITS = 7, HISTOGRAM_BUCKETS = 36 << HISTOGRAM_SUB_BITS };

/* Nanoseconds up to half an hour, each within 1/128 of itself. */
struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void load_histogram_add(struct histogram *histogram, uint64_t ns);
void load_histogram_merge(struct histogram *into, const struct histogram *from);
/* The value that `permyriad` of 10,000 samples do not exceed, as near as the buckets are; 0 of an
 * empty one. */
uint64_t load_histogram_at(const struct histogram *histogram, uint32_t permyriad);

enum { CPU_NAMES_MAX = 16, CPU_NAME_BYTES = 16 };

/* Of the threads that have this name, together. */
struct cpu_share {
    char name[CPU_NAME_BYTES];
    uint64_t ran_ns;
};

struct cpu_time {
    uint64_t ran_ns;
    uint64_t waited_ns; /* ready to run, while others had the core */
    struct cpu_share shares[CPU_NAMES_MAX];
    uint32_t share_count;
};

uint64_t load_now_ns(void);
uint64_t load_own_cpu_ns(void);
/* Of all threads of a process that are alive; zeros for pid 0. */
void load_cpu_of(uint32_t pid, struct cpu_time *ret_time);
/* What was used since `from`. */
void load_cpu_since(struct cpu_time *time, const struct cpu_time *from);

/* --- The drive. ------------------------------------------------------------------------------- */

/* What one run of the loop does, set by whoever calls it. */
struct drive {
    uint16_t port;
    uint32_t connections;
    uint64_t warm_up_ns;
    uint64_t measure_ns; /* 0: until `next` has no more */
    uint32_t server_pid;
    /* Writes the next request of a connection into `out` and returns its bytes; 0: none is left
     * for it. `step` counts the requests of one lifecycle and is the drive's. */
    size_t (*next)(void *arg, uint32_t connection, uint32_t step, char *out);
    /* Looks at the answer; its body ends with a 0 byte. Returns the step that comes next. */
    uint32_t (*done)(void *arg,
                     uint32_t connection,
                     uint32_t step,
                     const struct answer *answer,
                     const char *body);
    void *arg;
};

struct figures {
    uint64_t took_ns; /* of the part that is measured, as all below */
    uint64_t requests;
    uint64_t lifecycles; /* that came back to step 0 with all answers 2xx */
    uint64_t disconnects;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t own_cpu_ns;
    struct cpu_time server;
    uint64_t statuses[LOAD_STATUS_MAX];     /* measured */
    uint64_t statuses_all[LOAD_STATUS_MAX]; /* warm-up and end included */
    struct histogram steps[LOAD_STEPS_MAX];
    char refusal[512]; /* body of the first answer that is not 2xx, cut */
};

/* Runs to the end, answers that are still to come included. `ret_figures` is the caller's and
 * zeroed. */
void load_drive(const struct drive *drive, struct figures *ret_figures);

/* --- Setting up. ------------------------------------------------------------------------------ */

/* Makes tenants, one key each and all budgets, with the administrator's key; writes the keys to a
 * file, "tenant secret" a line. Dies on the first answer that is not 2xx. */
void load_setup(uint16_t port,
                uint32_t connections,
                const struct shape *shape,
                const char *prefix,
                const char *admin_key,
                const char *keys_path);
/* Reads that file; exactly `count` lines are wanted. */
struct tenant *load_tenants_read(const char *keys_path, uint32_t count);

/* Prints the time of an append of 4 KiB with fsync in a file in `folder`. */
void load_sync_probe(const char *folder);

#endif
