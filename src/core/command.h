/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h: everything that can happen to the ledger. A command is plain data that borrows
 * its texts from the caller (or from the journal's record) for the duration of apply. Only what is
 * written here changes state; time arrives as an argument beside it.
 *
 * Numbers of types, levels, kinds and policies are stored in the journal: never renumbered,
 * never reused.
 */
#ifndef PAWL_CORE_COMMAND_H
#define PAWL_CORE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/money.h"
#include "base/slice.h"
#include "core/result.h"

enum {
    PAWL_NAME_BYTES_MAX = 128,  /* an identifier: tenant, level, dimension's name, session, phase */
    PAWL_VALUE_BYTES_MAX = 256, /* a dimension's value */
    PAWL_DIMENSIONS_MAX = 16,
    PAWL_METADATA_BYTES_MAX = 16384,
    PAWL_DOCUMENT_BYTES_MAX = 16384, /* a document's body */
    PAWL_KEY_BYTES_MAX = 1024,       /* an idempotency key: the protocol's 256 characters */
    PAWL_TZ_TRANSITIONS_MAX = 1024,
    PAWL_EXTENSIONS_MAX = 1000 /* of one lease */
};

/* How long a lease and its grace may be at most: seven days. */
#define PAWL_LEASE_MS_MAX (INT64_C(7) * 86400 * 1000)

enum pawl_command_type {
    PAWL_COMMAND_CONFIG = 1,
    PAWL_COMMAND_TZ_DEFINE = 2,
    PAWL_COMMAND_BUDGET_CREATE = 3,
    PAWL_COMMAND_BUDGET_FUND = 4,
    PAWL_COMMAND_BUDGET_SET = 5,
    PAWL_COMMAND_RESERVE = 6,
    PAWL_COMMAND_GROW = 7,
    PAWL_COMMAND_EXTEND = 8,
    PAWL_COMMAND_COMMIT = 9,
    PAWL_COMMAND_RELEASE = 10,
    PAWL_COMMAND_CORRECT = 11,
    PAWL_COMMAND_EVENT = 12,
    PAWL_COMMAND_DECIDE = 13,
    PAWL_COMMAND_EXPIRE = 14,
    PAWL_COMMAND_SESSION_OPEN = 15,
    PAWL_COMMAND_SESSION_SET = 16,
    PAWL_COMMAND_SESSION_PHASE = 17,
    PAWL_COMMAND_APPROVAL_OPEN = 18,
    PAWL_COMMAND_APPROVAL_ANSWER = 19,
    PAWL_COMMAND_NOTE = 20,
    PAWL_COMMAND_DOCUMENT_PUT = 21,
    PAWL_COMMAND_TENANT_DRAIN = 22,
    PAWL_COMMAND_TYPE_END
};

/* Canonical levels of a subject, in the order of a scope's path. */
enum pawl_level {
    PAWL_LEVEL_TENANT = 0,
    PAWL_LEVEL_WORKSPACE = 1,
    PAWL_LEVEL_APP = 2,
    PAWL_LEVEL_WORKFLOW = 3,
    PAWL_LEVEL_AGENT = 4,
    PAWL_LEVEL_TOOLSET = 5,
    PAWL_LEVEL_COUNT = 6,
    PAWL_LEVEL_DIMENSION = 6, /* a scope's level only */
    PAWL_LEVEL_SESSION = 7    /* a scope's level only */
};

struct pawl_dimension {
    struct pawl_slice name;
    struct pawl_slice value;
};

/* Who spends. Scopes that it touches: every cumulative path of its levels (gaps skipped), one scope
 * under the tenant for each dimension, and the session's. The tenant is required. */
struct pawl_subject {
    struct pawl_slice levels[PAWL_LEVEL_COUNT]; /* empty: not given */
    uint32_t dimension_count;
    struct pawl_dimension dimensions[PAWL_DIMENSIONS_MAX];
    struct pawl_slice session; /* the session's name, or empty */
};

/* One place where a budget sits: the levels up to the deepest one given; or the tenant and
 * exactly one dimension; or the tenant and a session. Nothing else is a scope. */
struct pawl_scope_name {
    struct pawl_slice levels[PAWL_LEVEL_COUNT];
    struct pawl_dimension dimension; /* name empty: none */
    struct pawl_slice session;       /* empty: none */
};

enum pawl_window_kind {
    PAWL_WINDOW_LIFETIME = 0,
    PAWL_WINDOW_CALENDAR = 1, /* civil periods in a time zone */
    PAWL_WINDOW_FIXED = 2,    /* a length, opening at the first use after the one before ended */
    PAWL_WINDOW_ROLLING = 3   /* a length in 60 buckets; not admitted yet: INVALID_REQUEST */
};

enum pawl_period {
    PAWL_PERIOD_NONE = 0,
    PAWL_PERIOD_HOUR = 1,
    PAWL_PERIOD_DAY = 2,
    PAWL_PERIOD_WEEK = 3,
    PAWL_PERIOD_MONTH = 4,
    PAWL_PERIOD_QUARTER = 5,
    PAWL_PERIOD_YEAR = 6
};

struct pawl_window {
    uint8_t kind;       /* enum pawl_window_kind */
    uint8_t period;     /* enum pawl_period, CALENDAR only */
    uint8_t week_start; /* 0 Monday .. 6 Sunday, WEEK only */
    uint16_t tz;        /* number of a defined time zone; 0 is UTC */
    int64_t length_us;  /* FIXED and ROLLING: > 0 */
};

/* What happens when the actual amount is above the hold. The first three are the protocol's. */
enum pawl_overage {
    PAWL_OVERAGE_REJECT = 1,
    PAWL_OVERAGE_ALLOW_IF_AVAILABLE = 2,
    PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT = 3,
    PAWL_OVERAGE_BOOK_FULL = 4 /* the true cost is booked, even below zero */
};

enum pawl_on_expiry {
    PAWL_ON_EXPIRY_RELEASE = 1,
    PAWL_ON_EXPIRY_SETTLE_AT_HOLD = 2 /* booked in full as unconfirmed, open to one correction */
};

enum pawl_budget_mode { PAWL_BUDGET_ENFORCE = 1, PAWL_BUDGET_SHADOW = 2 /* not admitted yet */ };

enum pawl_budget_state {
    PAWL_BUDGET_ACTIVE = 1,
    PAWL_BUDGET_FROZEN = 2,
    PAWL_BUDGET_CLOSED = 3 /* final */
};

enum pawl_fund_kind {
    PAWL_FUND_CREDIT = 1,      /* allocated += amount, repaying nothing */
    PAWL_FUND_DEBIT = 2,       /* allocated -= amount; refused below what is spent, held and owed */
    PAWL_FUND_RESET = 3,       /* allocated := amount */
    PAWL_FUND_RESET_SPENT = 4, /* allocated := amount, spent of the current window := spent */
    PAWL_FUND_REPAY_DEBT = 5   /* debt -= amount; what is more than the debt goes to allocated */
};

enum pawl_priority { /* 0 is "normal" on the wire, since most requests give none */
                     PAWL_PRIORITY_NORMAL = 0,
                     PAWL_PRIORITY_CRITICAL = 1,
                     PAWL_PRIORITY_HIGH = 2,
                     PAWL_PRIORITY_LOW = 3,
                     PAWL_PRIORITY_BULK = 4
};

enum pawl_session_state {
    PAWL_SESSION_ACTIVE = 1,
    PAWL_SESSION_PAUSED = 2,
    PAWL_SESSION_ENDED = 3 /* final */
};

enum pawl_session_reason {
    PAWL_REASON_NONE = 0,
    /* paused */
    PAWL_REASON_CAP = 1, /* latched: a cap is reached; only money or a person lifts it */
    PAWL_REASON_IDLE = 2,
    PAWL_REASON_APPROVAL = 3,
    PAWL_REASON_BREAKER = 4,
    /* ended */
    PAWL_REASON_COMPLETED = 16,
    PAWL_REASON_CAPPED = 17,
    PAWL_REASON_KILLED = 18,
    PAWL_REASON_FAILED = 19
};

enum pawl_approval_kind {
    PAWL_APPROVAL_RAISE_CAP = 1,
    PAWL_APPROVAL_MODEL = 2,
    PAWL_APPROVAL_RESUME = 3,
    PAWL_APPROVAL_PHASE = 4 /* more for a phase; what it gets is funded beside the answer */
};

enum pawl_approval_state {
    PAWL_APPROVAL_PENDING = 1,
    PAWL_APPROVAL_APPROVED = 2,
    PAWL_APPROVAL_DENIED = 3,
    PAWL_APPROVAL_EXPIRED = 4
};

/* A document is text that the ledger keeps for its host, with checkpoints and for good: who a
 * tenant is, a key's hash and rights, a policy's rules. The ledger reads nothing of it but whose it
 * is and, of a tenant, its state. */
enum pawl_document_kind {
    PAWL_DOCUMENT_TENANT = 1, /* its id is the tenant's */
    PAWL_DOCUMENT_KEY = 2,
    PAWL_DOCUMENT_POLICY = 3,
    PAWL_DOCUMENT_BUDGET =
        4, /* its id is the budget's number; what BUDGET_CREATE has no field for */
    PAWL_DOCUMENT_SERVER = 5, /* of the server itself; belongs to no tenant */
    PAWL_DOCUMENT_KIND_END
};

/* The state of a tenant's document. A tenant without one is bound by nothing of this. */
enum pawl_tenant_state {
    PAWL_TENANT_NONE = 0,
    PAWL_TENANT_ACTIVE = 1,
    PAWL_TENANT_SUSPENDED = 2, /* takes no new holds; what is open settles, debits are booked */
    PAWL_TENANT_CLOSED = 3     /* final: whatever would change anything of it is TENANT_CLOSED */
};

/* Kinds of NOTE, for history; docs/CONTRACTS.md has their metadata. */
enum pawl_note_kind {
    PAWL_NOTE_REFUSAL = 1,
    PAWL_NOTE_THRESHOLD = 2,
    PAWL_NOTE_RUN_START = 3,
    PAWL_NOTE_RUN_END = 4,
    PAWL_NOTE_BATCH = 5, /* model calls that are made and billed later, outside the books */
    PAWL_NOTE_SUMMARY = 6,
    PAWL_NOTE_DEGRADE = 7,
    PAWL_NOTE_PARTIAL = 8,
    PAWL_NOTE_BASELINE = 9
};

/* --- Payloads ------------------------------------------------------------------------------- */

/* Maxima: reaching one is answered LIMIT_REACHED, and nothing else makes the ledger full. The first
 * operation of every journal. */
struct pawl_config {
    uint32_t rules_version; /* of the code that wrote it */
    uint32_t strings_max;
    uint32_t scopes_max;
    uint32_t budgets_max;
    uint32_t reservations_max;
    uint32_t idempotency_max;
    uint32_t sessions_max;
    uint32_t approvals_max;
    uint32_t documents_max;
    int64_t idempotency_ttl_us;        /* reserve, extend, release and the rest: 24 h */
    int64_t idempotency_settle_ttl_us; /* commit and event: 7 d */
    int64_t correction_ttl_us;         /* unconfirmed settlements: 7 d */
    struct pawl_hash_key hash_key;     /* of the core's tables */
    struct pawl_hash_key id_key;       /* of the ids' check digits; the core only keeps it */
    uint16_t shard;
};

/* The tables that have a maximum which a host may set. */
enum pawl_maximum {
#define PAWL_MAXIMUM(id, name, words, most, used, row_bytes, at_once, comes_back, note)            \
    PAWL_MAXIMUM_##id,
#include "core/maxima.def"
#undef PAWL_MAXIMUM
    PAWL_MAXIMUM_COUNT
};

struct pawl_tz_transition {
    int64_t at_s;     /* first second, UTC, of the offset */
    int32_t offset_s; /* local = UTC + offset */
};

struct pawl_command_tz_define {
    uint16_t tz; /* > 0 */
    struct pawl_slice name;
    int32_t initial_offset_s;
    uint32_t transition_count;
    const struct pawl_tz_transition *transitions; /* ascending */
};

struct pawl_command_budget_create {
    struct pawl_scope_name scope;
    struct pawl_slice phase; /* empty: any */
    uint16_t unit;
    struct pawl_window window;
    int64_t allocated;
    int64_t overdraft_limit; /* debt allowed; 0: none */
    uint8_t mode;            /* enum pawl_budget_mode */
    uint8_t overage;         /* enum pawl_overage, kept for the host; 0: none of its own */
};

struct pawl_command_budget_fund {
    uint64_t budget;
    uint8_t kind; /* enum pawl_fund_kind */
    int64_t amount;
    int64_t spent; /* RESET_SPENT; else 0 */
};

struct pawl_command_budget_set {
    uint64_t budget;
    uint8_t state; /* enum pawl_budget_state; 0: as it is */
    bool set_overdraft_limit;
    int64_t overdraft_limit;
    uint8_t overage; /* enum pawl_overage; 0: as it is */
};

struct pawl_command_reserve { /* also DECIDE: evaluated and journaled, nothing held */
    struct pawl_subject subject;
    struct pawl_slice phase; /* empty: the session's current one */
    uint32_t line_count;     /* 1 .. PAWL_LINES_MAX, units distinct */
    struct pawl_amount lines[PAWL_LINES_MAX];
    int64_t ttl_ms;          /* 1 .. 7 days */
    int64_t grace_ms;        /* settlement is taken so long after the end */
    uint8_t overage;         /* enum pawl_overage */
    uint8_t on_expiry;       /* enum pawl_on_expiry */
    uint8_t priority;        /* enum pawl_priority */
    uint16_t extensions_max; /* 0 .. PAWL_EXTENSIONS_MAX */
    /* RESERVE only: evaluated as DECIDE is, under a key of RESERVE's. */
    bool dry_run;
    /* A document that takes so many holds in a minute of UTC, and beyond them answers RATE_LIMITED.
     * Only what is granted counts, and settling never does. 0: none. */
    uint64_t throttle;
    uint32_t throttle_per_minute; /* > 0 with a throttle */
};

struct pawl_command_settle { /* COMMIT, CORRECT: every unit of the hold, the actual amounts */
    uint64_t reservation;
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
};

struct pawl_command_grow { /* more on an open hold, all lines or none */
    uint64_t reservation;
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX]; /* what is added */
};

struct pawl_command_extend {
    uint64_t reservation;
    int64_t ttl_ms; /* added to the end of the lease */
};

struct pawl_command_release {
    uint64_t reservation;
};

struct pawl_command_event { /* a direct debit */
    struct pawl_subject subject;
    struct pawl_slice phase;
    uint32_t line_count;
    struct pawl_amount lines[PAWL_LINES_MAX];
    uint8_t overage; /* REJECT: all of it or nothing */
};

struct pawl_command_expire {
    int64_t until_us; /* everything due at or before, … */
    uint32_t max;     /* … at most so many: 1 .. PAWL_EXPIRE_MAX */
};

struct pawl_session_cap {
    struct pawl_slice phase; /* empty: the whole session */
    uint16_t unit;           /* WALL_CLOCK_MS becomes the deadline (whole session only) */
    int64_t amount;
};

enum { PAWL_SESSION_CAPS_MAX = 16 };

struct pawl_command_session_open {
    struct pawl_slice tenant;
    struct pawl_slice name;   /* the session's own, unique under the tenant */
    struct pawl_slice parent; /* not admitted yet: must be empty */
    struct pawl_slice phase;  /* the first one, may be empty */
    uint32_t cap_count;
    struct pawl_session_cap caps[PAWL_SESSION_CAPS_MAX];
};

struct pawl_command_session_set {
    struct pawl_slice tenant;
    struct pawl_slice name;
    uint8_t state;  /* enum pawl_session_state */
    uint8_t reason; /* enum pawl_session_reason */
    uint16_t unit;  /* of the cap, for CAP and CAPPED; else 0 */
};

struct pawl_command_session_phase {
    struct pawl_slice tenant;
    struct pawl_slice name;
    struct pawl_slice phase;
};

struct pawl_command_approval_open {
    struct pawl_slice tenant;
    struct pawl_slice session;
    uint8_t kind;        /* enum pawl_approval_kind */
    uint32_t line_count; /* RAISE_CAP: what is asked for, added to the session's caps */
    struct pawl_amount lines[PAWL_LINES_MAX];
    int64_t ttl_ms; /* 0: waits for ever */
};

struct pawl_command_approval_answer {
    uint64_t approval;
    bool approved;
    uint32_t line_count; /* RAISE_CAP: what is given; none: what was asked for */
    struct pawl_amount lines[PAWL_LINES_MAX];
};

/* Something that history should know and the ledger does not care about (a refusal by the
 * gateway, a threshold passed): only metadata. */
struct pawl_command_note {
    struct pawl_slice tenant;
    struct pawl_slice session;
    uint16_t kind; /* enum pawl_note_kind; the core takes any */
};

struct pawl_command_document_put { /* made, or put in the place of what it said before */
    uint8_t kind;                  /* enum pawl_document_kind */
    struct pawl_slice tenant;      /* whose it is; empty only of SERVER */
    struct pawl_slice id;          /* unique in its kind */
    uint64_t version;       /* the operation that wrote what it replaces; 0: there is none yet */
    uint8_t state;          /* TENANT: enum pawl_tenant_state; else the host's own, not 0 */
    struct pawl_slice body; /* at most PAWL_DOCUMENT_BYTES_MAX */
};

/* Gives back what a closed tenant holds, a slice at a time: looks at `max` places for reservations
 * from `from` on. The result's id is where to go on, `more_due` whether there is more. */
struct pawl_command_tenant_drain {
    struct pawl_slice tenant;
    uint32_t from; /* 0: the beginning */
    uint32_t max;  /* 1 .. PAWL_EXPIRE_MAX */
};

struct pawl_command {
    uint16_t type;                     /* enum pawl_command_type */
    struct pawl_slice idempotency_key; /* empty: none */
    uint64_t payload_hash[2];          /* of the canonical payload, for the key */
    struct pawl_slice metadata;        /* kept in the journal, never read by the core */
    union {
        struct pawl_config config;
        struct pawl_command_tz_define tz_define;
        struct pawl_command_budget_create budget_create;
        struct pawl_command_budget_fund budget_fund;
        struct pawl_command_budget_set budget_set;
        struct pawl_command_reserve reserve; /* RESERVE and DECIDE */
        struct pawl_command_grow grow;
        struct pawl_command_extend extend;
        struct pawl_command_settle settle; /* COMMIT and CORRECT */
        struct pawl_command_release release;
        struct pawl_command_event event;
        struct pawl_command_expire expire;
        struct pawl_command_session_open session_open;
        struct pawl_command_session_set session_set;
        struct pawl_command_session_phase session_phase;
        struct pawl_command_approval_open approval_open;
        struct pawl_command_approval_answer approval_answer;
        struct pawl_command_note note;
        struct pawl_command_document_put document_put;
        struct pawl_command_tenant_drain tenant_drain;
    } u;
};

const char *pawl_command_type_name(uint16_t type);
/* The reservation that a command settles or changes; 0: it is about none. */
uint64_t pawl_command_reservation(const struct pawl_command *command);
/* Whether it only asks, and its answer is kept whichever way it goes: DECIDE, and a dry run. */
bool pawl_command_decides(const struct pawl_command *command);

#endif
