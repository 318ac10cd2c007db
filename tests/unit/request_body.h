/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_body.h: a body that was read, for the tests of what is read out of one: the fields of a
 * dialect, and what is changed on the way.
 */
#ifndef PAWL_TESTS_UNIT_REQUEST_BODY_H
#define PAWL_TESTS_UNIT_REQUEST_BODY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/request.h"
#include "gateway/usage.h"

/* With the memory that it lies in. */
struct fixture {
    struct pawl_arena arena;
    struct pawl_model_request request;
    struct pawl_errmsg msg;
};

/* A copy of the text is read, which lives as long as the request. To be finished, whatever comes of
 * it. */
static bool
read_body(struct fixture *fixture, const struct pawl_request_source *source, const char *text)
{
    *fixture = (struct fixture){.msg = {.text = ""}};
    pawl_arena_init(&fixture->arena, 16 << 20);
    struct pawl_slice body = pawl_arena_copy(&fixture->arena, pawl_slice_str(text));
    return pawl_ok(
        pawl_request_read(source, body, &fixture->arena, &fixture->request, &fixture->msg));
}

static const struct pawl_model_request *
must_read_body(struct fixture *fixture, const struct pawl_request_source *source, const char *text)
{
    if (!read_body(fixture, source, text)) {
        fail_msg("%s: %s", text, fixture->msg.text);
    }
    return &fixture->request;
}

static void finish(struct fixture *fixture)
{
    pawl_arena_free(&fixture->arena);
}

#endif
