/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c: see audit.h. Every record passes here in order: its number, its time, its key, and then
 * the rule of its kind (audit_rules.c). The book is compared with the ledger's own totals at every
 * restart.
 *
 * What was told before is kept as one hash for each operation, so that a record which
 * comes back from the journal changed by a byte is noticed.
 */
#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit_priv.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "core/codec.h"

/* So long a key is kept at least. */
#define KEY_US_MIN (INT64_C(24) * 3600 * 1000000)

void audit_wrong(const struct audit *audit, const char *format, ...)
{
    va_list arguments;
    (void)fprintf(stderr, "auditor: at operation %" PRIu64 ": ", audit->last_op);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    pawl_assert_failed(__FILE__, __LINE__, __func__, "the books agree");
}

struct audit *audit_new(void)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    PAWL_ASSERT(audit != NULL);
    return audit;
}

void audit_free(struct audit *audit)
{
    book_free(&audit->book);
    free(audit->hashes);
    free(audit);
}

uint64_t audit_last_op(const struct audit *audit)
{
    return audit->last_op;
}

struct audit_counts audit_counts(const struct audit *audit)
{
    return audit->counts;
}

/* --- One record. ------------------------------------------------------------------------------ */

/* Whether a decision with this code is remembered: that of a wrong request is not. */
static bool decided(uint16_t code)
{
    return code != PAWL_RESULT_INVALID_REQUEST && code != PAWL_RESULT_IDEMPOTENCY_MISMATCH &&
           code != PAWL_RESULT_UNIT_MISMATCH && code != PAWL_RESULT_LIMIT_REACHED &&
           code != PAWL_RESULT_AMOUNT_OVERFLOW;
}

/* A5. Keys of the simulator are "k" and a number. */
static void on_key(struct audit *audit, const struct pawl_record *record)
{
    uint64_t number = 0;
    struct pawl_slice key = record->command.idempotency_key;
    if (key.bytes < 2 || !pawl_slice_to_u64(pawl_slice_sub(key, 1, key.bytes), &number)) {
        return;
    }
    struct book_key *first = book_key(&audit->book, (size_t)number);
    if (record->result.replayed) {
        CHECK(record->result.original_op == first->op,
              "key %" PRIu64 " was used up at %" PRIu64 ", the repeat says %" PRIu64, number,
              first->op, record->result.original_op);
    } else if (record->result.code == PAWL_RESULT_OK ||
               (pawl_command_decides(&record->command) && decided(record->result.code))) {
        CHECK(first->op == 0 || record->now_us - first->used_us >= KEY_US_MIN,
              "key %" PRIu64 " is applied twice", number);
        *first = (struct book_key){.op = record->op, .used_us = record->now_us};
    }
}

static uint64_t hash_result(const struct pawl_result *result)
{
    static struct pawl_buf bytes;
    if (bytes.max_bytes == 0) {
        pawl_buf_init(&bytes, PAWL_RECORD_BYTES_MAX);
    }
    struct pawl_result copy = *result;
    /* Who is told never gets the rows. */
    copy.expired_count = 0;
    pawl_buf_reset(&bytes);
    pawl_codec_encode_result(&bytes, &copy);
    PAWL_ASSERT(!bytes.overflowed);
    return pawl_hash_sip((struct pawl_hash_key){1, 2}, pawl_buf_slice(&bytes));
}

void audit_record(struct audit *audit, const struct pawl_record *record)
{
    CHECK(record->op == audit->last_op + 1, "operation %" PRIu64 " comes next", record->op);
    CHECK(record->now_us >= audit->last_us, "time goes back");
    audit->last_op = record->op;
    audit->last_us = record->now_us;
    if (record->op >= audit->hash_capacity) {
        audit->hash_capacity = (size_t)record->op * 2 + 1024;
        audit->hashes = realloc(audit->hashes, audit->hash_capacity * sizeof(*audit->hashes));
        PAWL_ASSERT(audit->hashes != NULL);
    }
    audit->hashes[record->op] = hash_result(&record->result);
    audit->counts.folded += record->repeats;
    audit->counts.by_code[record->result.code]++;
    if (record->command.idempotency_key.bytes > 0) {
        on_key(audit, record);
    }
    if (record->result.replayed) {
        CHECK(record->result.delta_count == 0, "a repeat moved money");
        audit->counts.replayed++;
    } else if (record->result.code == PAWL_RESULT_OK) {
        audit_taken(audit, record);
    } else {
        audit_refused(audit, record);
    }
}

void audit_recheck(struct audit *audit, const struct pawl_record *record)
{
    if (record->op > audit->last_op) {
        audit_record(audit, record);
        return;
    }
    CHECK(audit->hashes[record->op] == hash_result(&record->result),
          "operation %" PRIu64 " is another one after the restart", record->op); /* A9 */
}

void audit_answer(const struct audit *audit, const struct pawl_result *result)
{
    if (result->op == 0) {
        return; /* answered without the ledger */
    }
    CHECK(result->op <= audit->last_op, "an answer before operation %" PRIu64 " is durable",
          result->op);
    CHECK(audit->hashes[result->op] == hash_result(result),
          "the answer of operation %" PRIu64 " is not what was recorded", result->op);
}

/* --- Against the ledger. ---------------------------------------------------------------------- */

void audit_learn_sessions(struct audit *audit, const struct pawl_core *core)
{
    const struct pawl_window lifetime = {.kind = PAWL_WINDOW_LIFETIME};
    for (size_t i = 0; i < audit->book.budget_count; i++) {
        struct book_budget *budget = &audit->book.budgets[i];
        if (budget->id != 0) {
            continue;
        }
        struct pawl_scope_name scope = {.session = pawl_slice_str(budget->session.text)};
        scope.levels[PAWL_LEVEL_TENANT] = pawl_slice_str(budget->levels[PAWL_LEVEL_TENANT].text);
        bool found = pawl_core_budget_find(core, &scope, PAWL_SLICE_NONE, budget->unit, &lifetime,
                                           &budget->id);
        CHECK(found, "the cap of session %s has no budget", budget->session.text);
    }
}

void audit_totals(const struct audit *audit, const struct pawl_core *core, int64_t now_us)
{
    for (size_t i = 0; i < audit->book.budget_count; i++) {
        struct book_budget *budget = &audit->book.budgets[i];
        struct pawl_budget_view view;
        bool found = pawl_core_budget(core, budget->id, now_us, &view);
        CHECK(found, "budget %" PRIu64 " is gone", budget->id);
        CHECK(view.allocated == budget->allocated && view.debt == budget->debt,
              "budget %" PRIu64 ": allocated %" PRId64 " debt %" PRId64 ", not %" PRId64
              " and %" PRId64,
              budget->id, view.allocated, view.debt, budget->allocated, budget->debt);
        struct book_instance present = {.ordinal = view.ordinal};
        for (size_t n = 0; n < budget->instance_count; n++) {
            if (budget->instances[n].ordinal == view.ordinal) {
                present = budget->instances[n];
            }
        }
        CHECK(view.reserved == present.reserved && view.spent == present.spent,
              "budget %" PRIu64 ": held %" PRId64 " spent %" PRId64 ", not %" PRId64
              " and %" PRId64,
              budget->id, view.reserved, view.spent, present.reserved, present.spent);
    }
    for (size_t id = 0; id < audit->book.reservation_count; id++) {
        struct pawl_reservation_view view;
        enum book_state state = audit->book.reservations[id].state;
        bool open = pawl_core_reservation(core, id, &view);
        CHECK(open == (state == BOOK_HELD || state == BOOK_UNCONFIRMED), "reservation %zu is %s",
              id, open ? "still there" : "gone");
        CHECK(!open || (view.state == PAWL_RESERVATION_HELD) == (state == BOOK_HELD),
              "reservation %zu is in another state", id);
    }
}
