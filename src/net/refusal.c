/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.c: the table of refusal.h as rows. It is indexed by the enum; both come from the
 * same list, so they cannot disagree.
 */
#include "net/refusal.h"

#include "base/assert.h"

#define REFUSAL_ROW(enum_name, status_code, wire_name, sentence)                                   \
    [PAWL_HTTP_REFUSAL_##                                                                          \
        enum_name] = {.status = (status_code), .name = (wire_name), .message = (sentence)},

static const struct pawl_http_refusal_row rows[PAWL_HTTP_REFUSAL_COUNT] = {
    PAWL_HTTP_REFUSALS(REFUSAL_ROW)};

const struct pawl_http_refusal_row *pawl_http_refusal_row(enum pawl_http_refusal refusal)
{
    PAWL_ASSERT((unsigned)refusal < PAWL_HTTP_REFUSAL_COUNT);
    return &rows[refusal];
}
