/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result.c: the columns of result.def. The table's own order is the precedence; a number finds
 * its row through an index made of the same table, so adding a row needs no second edit.
 */
#include "core/result.h"

#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"

struct result_row {
    const char *name;
    const char *wire;
    const char *meaning;
    uint16_t http;
    uint8_t retryable;
    uint8_t remembered;
};

static const struct result_row rows[] = {
#define PAWL_RESULT(name, number, http, wire, retryable, remembered, meaning)                      \
    [number] = {#name, wire, meaning, http, retryable, remembered},
#include "core/result.def"
#undef PAWL_RESULT
};
_Static_assert(PAWL_ARRAY_LEN(rows) == PAWL_RESULT_COUNT, "PAWL_RESULT_COUNT is one past the last");

/* Numbers in the order of the table. */
static const uint16_t order[] = {
#define PAWL_RESULT(name, number, http, wire, retryable, remembered, meaning) number,
#include "core/result.def"
#undef PAWL_RESULT
};
_Static_assert(PAWL_ARRAY_LEN(order) == PAWL_RESULT_COUNT, "numbers have no gaps");

static const struct result_row *row_of(uint16_t code)
{
    PAWL_ASSERT(code < PAWL_RESULT_COUNT);
    PAWL_ASSERT(rows[code].name != NULL);
    return &rows[code];
}

const char *pawl_result_name(uint16_t code)
{
    PAWL_ASSERT(row_of(code)->name[0] != 0);
    return row_of(code)->name;
}

const char *pawl_result_wire(uint16_t code)
{
    return row_of(code)->wire;
}

const char *pawl_result_meaning(uint16_t code)
{
    PAWL_ASSERT(row_of(code)->meaning[0] != 0);
    return row_of(code)->meaning;
}

int pawl_result_http(uint16_t code)
{
    PAWL_ASSERT(row_of(code)->http >= 200);
    PAWL_ASSERT(row_of(code)->http < 600);
    return row_of(code)->http;
}

bool pawl_result_retryable(uint16_t code)
{
    PAWL_ASSERT(row_of(code)->retryable <= 1);
    return row_of(code)->retryable != 0;
}

bool pawl_result_remembered(uint16_t code)
{
    PAWL_ASSERT(row_of(code)->remembered <= 1);
    return row_of(code)->remembered != 0;
}

bool pawl_result_decides(uint16_t code)
{
    switch (code) {
    case PAWL_RESULT_INVALID_REQUEST:
    case PAWL_RESULT_IDEMPOTENCY_MISMATCH:
    case PAWL_RESULT_UNIT_MISMATCH:
    case PAWL_RESULT_LIMIT_REACHED:
    case PAWL_RESULT_AMOUNT_OVERFLOW:
    case PAWL_RESULT_STATE_CONFLICT:
        return false;
    default:
        return true;
    }
}

int pawl_result_precedence(uint16_t code)
{
    PAWL_ASSERT(code < PAWL_RESULT_COUNT);
    for (int place = 0; place < (int)PAWL_ARRAY_LEN(order); place++) {
        if (order[place] == code) {
            return place;
        }
    }
    PAWL_UNREACHABLE();
}

void pawl_result_clear(struct pawl_result *result)
{
    result->code = PAWL_RESULT_OK;
    result->replayed = false;
    result->over_limit = false;
    result->more_due = false;
    result->op = 0;
    result->original_op = 0;
    result->now_us = 0;
    result->id = 0;
    result->expires_us = 0;
    result->line_count = 0;
    result->delta_count = 0;
    result->standing_count = 0;
    memset(result->charged, 0, sizeof(result->charged));
    memset(result->released, 0, sizeof(result->released));
    result->denial = (struct pawl_denial){.budget = 0};
    result->expired_count = 0;
    result->expired = NULL;
}
