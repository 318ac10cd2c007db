/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_priv.h: the inside of the server, shared by its files:
 *
 *   server.c    life: opening, closing
 *   handles.c   signals and timers, the end
 *   turn.c      what is done at the end of a turn, and when there is nothing to do
 *   listen.c    addresses, doors, the first line
 *   first.c     the administrator's key
 *   quick.c     the quick start
 *   control.c   the host's own paths: metrics, a copy of the journal
 *   scrape.c    what metrics tell beside what was counted
 *   drains.c    holds of closed tenants
 *   memory.c    what the maxima come to
 */
#ifndef PAWL_SERVER_SERVER_PRIV_H
#define PAWL_SERVER_SERVER_PRIV_H

#include <uv.h>

#include "archive/archive.h"
#include "base/assert.h"
#include "cycles/call.h"
#include "cycles/cycles.h"
#include "engine/engine.h"
#include "net/due.h"
#include "net/loop.h"
#include "net/server.h"
#include "net/tls.h"
#include "net/wake.h"
#include "registry/registry.h"
#include "server/metrics.h"
#include "server/place.h"
#include "server/restored.h"
#include "server/server.h"

enum { PAWL_SERVE_MAGIC = 0x73727665, PAWL_SERVE_URL_BYTES = 300 };
enum { PAWL_SERVE_ADDRESSES_BYTES = 64 * PAWL_SERVE_URL_BYTES }; /* three lists of 16, and more */
enum { PAWL_SERVE_TENANT_BYTES = 32 };

struct pawl_serve_drains {
    bool wanted;                          /* a tenant may have been closed since the last look */
    bool looking;                         /* a look goes through the open reservations */
    bool submitted;                       /* a slice is on its way */
    uint32_t cursor;                      /* of the look */
    char tenant[PAWL_NAME_BYTES_MAX + 1]; /* whose holds go back; "": nobody's */
    uint32_t from;
    struct pawl_op op;
};

struct pawl_serve {
    uint32_t magic;
    const struct pawl_server_options *options;
    const struct pawl_serve_options *said;
    struct pawl_place place;
    char journal_dir[PAWL_PLACE_PATH_BYTES];
    struct pawl_engine *engine;
    struct pawl_restored restored; /* the engine's ids borrow it */
    struct pawl_registry *registry;
    struct pawl_archive *archive;
    struct pawl_cycles *cycles;
    struct pawl_tls_server *tls; /* NULL: plain */
    struct pawl_http_server *http;
    struct pawl_metrics *metrics;
    uint32_t connections_max; /* as many as there are descriptors for */
    int64_t started_us;       /* real time */

    uv_loop_t loop;
    bool has_loop;
    struct pawl_turn *turn;
    struct pawl_wake wake;         /* a commit or a checkpoint's slice has ended */
    struct pawl_wake archive_wake; /* a query was answered */
    struct pawl_due due;           /* by the ledger's time */
    uv_timer_t archive_timer;
    uv_timer_t watchdog;
    uv_timer_t drain_timer;
    uv_signal_t term;
    uv_signal_t interrupt;
    uv_signal_t hangup;
    bool archive_busy; /* it has more to read back */
    bool ending;
    bool stopped;
    bool cut; /* a second signal: the end does without what only saves time */
    struct pawl_serve_drains drains;

    /* While the journal is replayed. */
    int64_t progress_at_us;
    bool progress_shown;

    /* Of the first line. */
    char url[PAWL_SERVE_URL_BYTES]; /* the first address, as a client of this machine writes it */
    struct pawl_buf addresses;      /* all, as they were opened, a NUL behind each */
    bool told_plain;                /* that keys are readable on the way */

    /* Told once, and wiped then. */
    char admin_key[PAWL_SECRET_BYTES];  /* "": none was made */
    char tenant_key[PAWL_SECRET_BYTES]; /* of the quick start; "": none was made */
    const char *quick_word;             /* why there was none; NULL: nothing to say */
};

/* Of a callback's argument. */
static inline struct pawl_serve *pawl_serve_of(void *arg)
{
    struct pawl_serve *serve = arg;
    PAWL_ASSERT(serve != NULL && serve->magic == PAWL_SERVE_MAGIC);
    return serve;
}

/* --- handles.c --- */

void pawl_serve_handles_init(struct pawl_serve *serve);
void pawl_serve_handles_start(struct pawl_serve *serve);
/* Closes the server's own but those of signals, and then these, after which signals are waited with
 * until the process is gone. Both come back when it is done. */
void pawl_serve_handles_close(struct pawl_serve *serve);
void pawl_serve_signals_close(struct pawl_serve *serve);

/* --- end.c --- */

/* Closes all that was opened. `failed`: the start did not come to serving. */
void pawl_serve_close(struct pawl_serve *serve, bool failed);

/* --- turn.c --- */

void pawl_serve_want_turn(void *arg);
void pawl_serve_turn(void *arg);
void pawl_serve_on_due(void *arg);
void pawl_serve_on_wake(void *arg);
void pawl_serve_on_archive_wake(void *arg);
void pawl_serve_on_archive_timer(uv_timer_t *timer);
/* The engine's and cycles' hooks. */
void pawl_serve_on_batch(void *arg, const struct pawl_journal_batch *batch);
void pawl_serve_observe(void *arg, const struct pawl_cycles_seen *seen);

/* --- listen.c --- */

/* Says how many connections there can be at once; before files are opened. */
PAWL_MUST_CHECK pawl_err pawl_serve_take_descriptors(struct pawl_serve *serve,
                                                     struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_serve_listen(struct pawl_serve *serve, struct pawl_errmsg *msg);
/* A certificate that has ended, or ends within a week, is told in the log. */
void pawl_serve_warn_of_certificate(const struct pawl_serve *serve);
/* The first line on stdout, then what is told once. */
void pawl_serve_tell_start(struct pawl_serve *serve);
/* The service manager: that requests are taken, and where. */
void pawl_serve_tell_manager(const struct pawl_serve *serve);
/* The key that this start made, if it made one, and forgets it. */
void pawl_serve_tell_admin_key(struct pawl_serve *serve);

/* --- first.c, quick.c --- */

/* The key of the environment or of the file into the registry; one of our own where there is none
 * yet. Durable when it returns. */
PAWL_MUST_CHECK pawl_err pawl_serve_first_key(struct pawl_serve *serve, struct pawl_errmsg *msg);
/* Reads the key's file; "": none was named. */
PAWL_MUST_CHECK pawl_err pawl_serve_read_admin_key(const struct pawl_server_options *options,
                                                   char out[static PAWL_ADMIN_KEY_BYTES],
                                                   struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_serve_quick_start(struct pawl_serve *serve, struct pawl_errmsg *msg);
void pawl_serve_tell_quick_start(struct pawl_serve *serve);
/* One operation, carried through to the disk; for the start, when nobody else is there. */
struct pawl_serve_wait {
    struct pawl_op op;
    bool done;
};
void pawl_serve_wait_init(struct pawl_serve_wait *wait);
PAWL_MUST_CHECK pawl_err pawl_serve_wait(struct pawl_serve *serve,
                                         struct pawl_serve_wait *wait,
                                         const char *what,
                                         struct pawl_errmsg *msg);

/* --- control.c, scrape.c --- */

bool pawl_serve_other(void *serve, struct pawl_call *call);
/* Tags of listeners beside a set of planes and PAWL_DOOR_TRUSTED. */
enum { PAWL_SERVE_DOOR_LOCAL = 512 };
void pawl_serve_scrape(struct pawl_serve *serve, struct pawl_buf *out);

/* --- drains.c --- */

void pawl_serve_drains_look(struct pawl_serve *serve);
/* One slice. true: there is more to do. */
bool pawl_serve_drains_turn(struct pawl_serve *serve);

#endif
