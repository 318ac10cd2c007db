/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h: everything that the ledger remembers, as plain bytes. For the files of src/core only.
 *
 * The state is one `struct pawl_state` (the root) and slot tables in chunks. No slot holds a
 * pointer, every byte of padding has a name and is zero, and integers are little-endian, so that
 * a checkpoint is the bytes themselves and equal histories have equal bytes (core.h). Beside the
 * state stand, in struct pawl_core, `memory`, which knows where the chunks lie, `config`, which
 * follows from the state, and the rows of the last EXPIRE; none is in a checkpoint or in a digest.
 *
 * Links between slots are indexes of a table; 0 is nobody, so the first slot of a table of
 * objects is never used. Sizes are asserted: a change of one is a change of the checkpoint.
 */
#ifndef PAWL_CORE_STATE_H
#define PAWL_CORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "core/command.h"
#include "core/core.h"
#include "core/result.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the state's bytes are little-endian");

/* --- Tables ----------------------------------------------------------------------------------- */

enum pawl_table_id {
    PAWL_TABLE_STRING = 0,
    PAWL_TABLE_SCOPE = 1,
    PAWL_TABLE_BUDGET = 2,
    PAWL_TABLE_WINDOW = 3,
    PAWL_TABLE_RESERVATION = 4,
    PAWL_TABLE_HOLDS = 5,
    PAWL_TABLE_IDEM = 6,
    PAWL_TABLE_SESSION = 7,
    PAWL_TABLE_APPROVAL = 8,
    PAWL_TABLE_ZONE = 9,
    PAWL_TABLE_TIMER = 10,
    PAWL_TABLE_TIMER_RUN = 11,
    PAWL_TABLE_TIMER_NODE = 12,
    PAWL_TABLE_DOCUMENT = 13,
    PAWL_TABLE_BODY = 14,
    PAWL_TABLE_BUCKET = 15, /* the first of one table for each index */
    PAWL_TABLE_OVERFLOW = 21,
    PAWL_TABLE_COUNT = 22
};

enum pawl_index_id {
    PAWL_INDEX_STRING = 0,
    PAWL_INDEX_SCOPE = 1,
    PAWL_INDEX_WINDOW = 2,
    PAWL_INDEX_RESERVATION = 3,
    PAWL_INDEX_IDEM = 4,
    PAWL_INDEX_DOCUMENT = 5,
    PAWL_INDEX_COUNT = 6
};
_Static_assert((int)PAWL_TABLE_BUCKET + (int)PAWL_INDEX_COUNT == (int)PAWL_TABLE_OVERFLOW,
               "a table of buckets for each index");

struct pawl_table {
    uint32_t slot_count;  /* ever used, the freed ones included */
    uint32_t free_head;   /* of the list of freed slots; 0: none */
    uint32_t live_count;  /* in use */
    uint32_t chunk_count; /* that the slots lie in */
};

struct pawl_index {
    uint32_t entry_count;
    uint32_t bucket_count;
    uint32_t base_mask; /* buckets of the round before, less one */
    uint32_t zero;
};

/* --- Slots ------------------------------------------------------------------------------------ */

enum {
    PAWL_STRING_HEAD_BYTES = 56, /* of the text, in the first slot; the rest follows in the next */
    PAWL_SCOPE_INLINE_BYTES = 24,
    PAWL_LINES_INLINE = 4,
    PAWL_HOLDS_INLINE = 4,
    PAWL_HOLDS_BLOCK = 8,
    PAWL_BODY_BYTES = 248, /* of a document's body, in one slot */
    PAWL_BUCKET_ENTRIES = 7,
    PAWL_TIMER_OPEN_RUNS = 256,
    PAWL_TZ_MAX = 1024 /* numbers of time zones: 1 .. PAWL_TZ_MAX */
};

struct pawl_string_slot {
    uint32_t hash;
    uint32_t bytes;
    char text[PAWL_STRING_HEAD_BYTES];
};
_Static_assert(sizeof(struct pawl_string_slot) == 64, "string slot");

struct pawl_scope_slot {
    uint32_t parent;
    uint32_t value; /* string */
    uint32_t name;  /* string: a dimension's name */
    uint32_t first_budget;
    uint32_t last_budget;
    uint32_t session;
    uint16_t value_bytes;
    uint8_t level;        /* enum pawl_level */
    uint8_t live;         /* 1 */
    uint8_t tenant_state; /* of a tenant: enum pawl_tenant_state */
    uint8_t zero[3];
    uint32_t first_child; /* of the levels below; dimensions and sessions are in no such list */
    uint32_t next_sibling;
    char value_head[PAWL_SCOPE_INLINE_BYTES]; /* of the value, so that most need no look-up */
};
_Static_assert(sizeof(struct pawl_scope_slot) == 64, "scope slot");

/* The first line is what admission reads. */
struct pawl_budget_slot {
    int64_t allocated;
    int64_t spent;         /* of the instance `ordinal` */
    int64_t reserved;      /* likewise */
    int64_t debt;          /* of the budget */
    int64_t window_end_us; /* of the instance; 0 before the first one */
    uint32_t ordinal;
    uint32_t refs;  /* holds that point at the instance */
    uint32_t phase; /* string; 0: any */
    uint32_t next;  /* budget of the same scope */
    uint16_t unit;
    uint8_t state; /* enum pawl_budget_state; 0 is a free slot */
    uint8_t over_limit;
    uint32_t tenant; /* scope */

    int64_t overdraft_limit;
    int64_t window_start_us;
    int64_t window_length_us;
    uint16_t window_tz;
    uint8_t window_kind;
    uint8_t window_period;
    uint8_t window_week_start;
    uint8_t mode;
    uint8_t overage; /* enum pawl_overage; 0: none of its own */
    uint8_t zero_a;
    uint32_t scope;
    uint32_t zero_b;
    int64_t created_us;
    int64_t updated_us;
    uint64_t zero_c;
};
_Static_assert(sizeof(struct pawl_budget_slot) == 128, "budget slot");
_Static_assert(offsetof(struct pawl_budget_slot, overdraft_limit) == 64, "budget's first line");

/* An instance that has ended and that holds still point at. */
struct pawl_window_slot {
    uint32_t budget;
    uint32_t ordinal;
    uint32_t refs;
    uint32_t zero_a;
    int64_t start_us;
    int64_t end_us;
    int64_t spent;
    int64_t reserved;
    uint64_t zero_b[2];
};
_Static_assert(sizeof(struct pawl_window_slot) == 64, "window slot");

struct pawl_hold {
    uint32_t budget;
    uint32_t ordinal; /* of the window instance in which it was taken */
};

struct pawl_reservation_slot {
    uint64_t id; /* number of the operation that made it */
    int64_t created_us;
    int64_t expires_us; /* whole milliseconds */
    uint32_t grace_ms;
    uint32_t session;
    uint32_t timer;
    uint32_t more; /* the first block */
    uint16_t extensions;
    uint8_t state; /* enum pawl_reservation_state; 0 is a free slot */
    uint8_t overage;
    uint8_t on_expiry;
    uint8_t line_count;
    uint8_t hold_count;
    uint8_t priority;
    uint16_t units[PAWL_LINES_INLINE];
    uint8_t hold_line[PAWL_HOLDS_INLINE];
    uint16_t extensions_max;
    uint16_t zero;
    int64_t values[PAWL_LINES_INLINE];
    struct pawl_hold holds[PAWL_HOLDS_INLINE];
};
_Static_assert(sizeof(struct pawl_reservation_slot) == 128, "reservation slot");

/* What does not fit the slot: lines 4 to 7 in the first block, eight holds in every one. */
struct pawl_holds_slot {
    int64_t values[PAWL_LINES_INLINE];
    uint16_t units[PAWL_LINES_INLINE];
    uint32_t next;
    uint32_t live; /* 1 */
    struct pawl_hold holds[PAWL_HOLDS_BLOCK];
    uint8_t hold_line[PAWL_HOLDS_BLOCK];
    uint64_t zero;
};
_Static_assert(sizeof(struct pawl_holds_slot) == 128, "block of holds");
_Static_assert((int)PAWL_LINES_MAX == 2 * (int)PAWL_LINES_INLINE, "all lines fit slot and block");

struct pawl_idem_slot {
    uint64_t key_hash[2];
    uint64_t payload_hash[2];
    int64_t expires_us;
    uint64_t op;
    uint64_t id;   /* of the answer */
    uint32_t next; /* younger one of the same retention */
    uint32_t live; /* 1 */
};
_Static_assert(sizeof(struct pawl_idem_slot) == 64, "idempotency record");

struct pawl_session_slot {
    int64_t opened_us;
    int64_t deadline_us; /* whole milliseconds; INT64_MAX: none */
    uint32_t scope;
    uint32_t name;  /* string */
    uint32_t phase; /* string; 0: none */
    uint32_t timer;
    uint32_t open_holds;
    uint16_t unit;
    uint8_t state; /* enum pawl_session_state; 0 is a free slot */
    uint8_t reason;
    uint32_t zero[6];
};
_Static_assert(sizeof(struct pawl_session_slot) == 64, "session slot");

struct pawl_approval_slot {
    int64_t opened_us;
    int64_t expires_us;
    int64_t values[PAWL_LINES_MAX];
    uint16_t units[PAWL_LINES_MAX];
    uint32_t session;
    uint32_t timer;
    uint32_t generation;
    uint32_t next; /* settled after this one */
    uint8_t kind;
    uint8_t state; /* enum pawl_approval_state; 0 is a free slot */
    uint8_t line_count;
    uint8_t zero_a;
    uint32_t zero_b[3];
};
_Static_assert(sizeof(struct pawl_approval_slot) == 128, "approval slot");

/* Kind and name are unique together, and found by an index; a document is never removed. */
struct pawl_document_slot {
    uint64_t version; /* the operation that wrote the body */
    int64_t created_us;
    int64_t updated_us;
    uint32_t name;   /* string */
    uint32_t tenant; /* string; 0: it belongs to none */
    uint32_t body;   /* its first slot; 0: it is empty */
    uint32_t body_bytes;
    uint32_t minute; /* of UTC since 1970, in which … */
    uint32_t taken;  /* … so many holds were taken under this document's throttle */
    uint8_t kind;    /* enum pawl_document_kind; 0 is a free slot */
    uint8_t state;
    uint8_t zero_a[6];
    uint64_t zero_b;
};
_Static_assert(sizeof(struct pawl_document_slot) == 64, "document slot");

struct pawl_body_slot {
    uint32_t next;
    uint32_t live; /* 1 */
    char text[PAWL_BODY_BYTES];
};
_Static_assert(sizeof(struct pawl_body_slot) == 256, "part of a body");

struct pawl_zone_slot {
    uint32_t count;
    int32_t initial_offset_s;
    uint32_t live; /* 1 */
    uint32_t zero[1021];
    int64_t at_s[PAWL_TZ_TRANSITIONS_MAX];
    int32_t offset_s[PAWL_TZ_TRANSITIONS_MAX];
};
_Static_assert(sizeof(struct pawl_zone_slot) == 16384, "zone slot");

/* An entry of the heap: deadline and sequence number in one 96-bit key, and the run that it is. */
struct pawl_timer_entry_slot {
    uint64_t key_high; /* due_ms << 20 | sequence >> 32 */
    uint32_t key_low;  /* the lower half of the sequence number */
    uint32_t run;
};
_Static_assert(sizeof(struct pawl_timer_entry_slot) == 16, "timer entry");

/* Timers of one deadline, in the order in which they were set. */
struct pawl_timer_run_slot {
    uint32_t head; /* node */
    uint32_t tail;
    int64_t due_ms;
    uint32_t position; /* in the heap */
    uint32_t zero[3];
};
_Static_assert(sizeof(struct pawl_timer_run_slot) == 32, "run of timers");

struct pawl_timer_node_slot {
    uint32_t next; /* in the run */
    uint32_t previous;
    uint32_t run;
    uint32_t owner; /* kind and slot; 0 is a free slot */
};
_Static_assert(sizeof(struct pawl_timer_node_slot) == 16, "timer node");

struct pawl_index_entry {
    uint32_t hash;
    uint32_t slot;
};

struct pawl_bucket_slot {
    uint32_t count;
    uint32_t overflow; /* a further bucket */
    struct pawl_index_entry entries[PAWL_BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct pawl_bucket_slot) == 64, "bucket");

/* --- Root ------------------------------------------------------------------------------------- */

struct pawl_queue {
    uint32_t head;
    uint32_t tail;
};

/* The two retentions of idempotency records; within one, records expire in order. */
enum { PAWL_RETENTION_PLAIN = 0, PAWL_RETENTION_SETTLE = 1, PAWL_RETENTION_COUNT = 2 };

struct pawl_limits { /* struct pawl_config without padding */
    uint32_t rules_version;
    uint32_t strings_max;
    uint32_t scopes_max;
    uint32_t budgets_max;
    uint32_t reservations_max;
    uint32_t idempotency_max;
    uint32_t sessions_max;
    uint32_t approvals_max;
    uint32_t documents_max;
    uint32_t zero;
    int64_t idempotency_ttl_us;
    int64_t idempotency_settle_ttl_us;
    int64_t correction_ttl_us;
    uint64_t hash_key[2];
    uint64_t id_key[2];
    uint32_t shard;
    uint32_t configured; /* 1 once CONFIG was applied */
};

#define PAWL_STATE_MAGIC UINT64_C(0x3165746174536c77) /* "wlState1" */
/* Raised with any change of these bytes, of a hash, or of the order in which slots are taken;
 * tests/unit/test_core_layout.c notices. */
enum { PAWL_STATE_LAYOUT = 3 };

struct pawl_state {
    uint64_t magic;
    uint32_t layout; /* version of these bytes */
    uint32_t bytes;  /* of this structure */
    uint64_t op;
    int64_t now_us;
    struct pawl_limits limits;
    struct pawl_table tables[PAWL_TABLE_COUNT];
    struct pawl_index indexes[PAWL_INDEX_COUNT];
    struct pawl_queue idem_queues[PAWL_RETENTION_COUNT];
    struct pawl_queue settled_approvals;
    uint64_t timer_sequence;
    uint32_t timer_open_runs[PAWL_TIMER_OPEN_RUNS]; /* by a hash of the deadline; 0: none */
    uint32_t string_count;
    uint32_t pending_approvals;
    uint16_t zone_of_tz[PAWL_TZ_MAX]; /* slot of time zone number i + 1; 0: not defined */
};

/* --- Beside the state ------------------------------------------------------------------------- */

struct pawl_chunk_ref {
    unsigned char *live;
    unsigned char *aside; /* as it was when the snapshot began; NULL: unchanged since */
};

enum {
    PAWL_PAGE_REFS = PAWL_CHUNK_BYTES / (2 * sizeof(void *)),
    PAWL_PAGES_MAX = 256 /* of one table: 64 GiB */
};

struct pawl_snapshot {
    bool active;
    enum pawl_table_id table; /* the next chunk to hand out … */
    uint32_t ordinal;
    uint32_t number;
    struct pawl_state state; /* as it was when the snapshot began */
};

struct pawl_memory {
    struct pawl_chunk_ref *pages[PAWL_TABLE_COUNT][PAWL_PAGES_MAX];
    uint32_t page_count[PAWL_TABLE_COUNT];
    uint32_t ref_count[PAWL_TABLE_COUNT]; /* chunks that are there */
    void *free_chunks;                    /* a list through their first bytes */
    uint32_t free_count;
    uint32_t aside_count;
    bool restoring;
    struct pawl_snapshot snapshot;
};

struct pawl_core {
    struct pawl_state state;
    struct pawl_memory memory;
    struct pawl_config config; /* as the host gave it; follows from state.limits */
    struct pawl_expired expired[PAWL_EXPIRE_MAX];
};

#endif
