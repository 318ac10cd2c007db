/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_documents.c: whatever stands in a document's body: the readers survive it, keep within their
 * room, and what they take is written in a form that says the same again.
 *
 * The first byte chooses the kind.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "registry/documents.h"
#include "registry/filter.h"
#include "registry/scopes.h"
#include "tests/lib/fuzz.h"

enum { BODY_BYTES_MAX = PAWL_DOCUMENT_BYTES_MAX, ROOM_BYTES = BODY_BYTES_MAX * 8, KINDS = 5 };

union view {
    struct pawl_tenant tenant;
    struct pawl_key key;
    struct pawl_policy_rule policy;
    struct pawl_budget_extra budget;
};

static bool read_kind(unsigned kind,
                      struct pawl_slice body,
                      char *room,
                      struct pawl_arena *arena,
                      union view *view,
                      struct registry_secret *secret)
{
    memset(view, 0, sizeof(*view));
    memset(secret, 0, sizeof(*secret));
    switch (kind) {
    case 0:
        return pawl_registry_tenant_read(body, room, arena, &view->tenant);
    case 1:
        return pawl_registry_key_read(body, room, arena, &view->key, secret);
    case 2:
        return pawl_registry_policy_read(body, room, arena, &view->policy);
    case 3:
        return pawl_registry_budget_read(body, room, arena, &view->budget);
    default:
        return pawl_registry_admin_read(body, arena, secret);
    }
}

static void write_kind(unsigned kind,
                       struct pawl_buf *out,
                       const union view *view,
                       const struct registry_secret *secret)
{
    switch (kind) {
    case 0:
        pawl_registry_tenant_write(out, &view->tenant);
        break;
    case 1:
        pawl_registry_key_write(out, &view->key, secret);
        break;
    case 2:
        pawl_registry_policy_write(out, &view->policy);
        break;
    case 3:
        pawl_registry_budget_write(out, &view->budget);
        break;
    default:
        pawl_registry_admin_write(out, secret);
        break;
    }
}

/* What hangs on a text of the document is read as the registry does. */
static void try_parts(unsigned kind, const union view *view)
{
    if (kind == 1 && view->key.scope_filter.bytes > 0) {
        struct pawl_scope_filter *filter = NULL;
        if (pawl_filter_read(view->key.scope_filter, &filter)) {
            struct pawl_slice levels[PAWL_LEVEL_COUNT] = {PAWL_SLICE("acme")};
            PAWL_ASSERT(filter == NULL || filter->count > 0);
            (void)(filter != NULL && pawl_filter_covers(filter, levels));
            pawl_free(filter);
        }
    }
    if (kind == 2) {
        struct pawl_pattern pattern;
        struct pawl_named_levels named = {.count = 0};
        char *room = malloc(view->policy.pattern.bytes + 1);
        PAWL_ASSERT(room != NULL);
        if (pawl_pattern_read(view->policy.pattern, room, &pattern, NULL)) {
            bool bound = pawl_pattern_binds(&pattern, &named);
            PAWL_ASSERT(bound == (pattern.step_count == 0 && !pattern.below));
        }
        free(room);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0 || bytes > BODY_BYTES_MAX) {
        return 0;
    }
    unsigned kind = data[0] % KINDS;
    /* In memory of their own, exactly as long, so that a sanitizer sees a step past the end. */
    struct pawl_slice body = {malloc(bytes), bytes - 1};
    char *room = malloc(bytes);
    PAWL_ASSERT(body.data != NULL && room != NULL);
    memcpy((void *)(uintptr_t)body.data, data + 1, body.bytes);
    struct pawl_arena arena;
    struct pawl_buf first;
    struct pawl_buf second;
    union view view;
    struct registry_secret secret;
    pawl_arena_init(&arena, 8 << 20);
    pawl_buf_init(&first, ROOM_BYTES);
    pawl_buf_init(&second, ROOM_BYTES);
    if (read_kind(kind, body, room, &arena, &view, &secret)) {
        try_parts(kind, &view);
        write_kind(kind, &first, &view, &secret);
        PAWL_ASSERT(!first.overflowed);
        char *again = malloc(first.bytes);
        PAWL_ASSERT(again != NULL);
        bool read = read_kind(kind, pawl_buf_slice(&first), again, &arena, &view, &secret);
        PAWL_ASSERT(read);
        write_kind(kind, &second, &view, &secret);
        PAWL_ASSERT(pawl_slice_equal(pawl_buf_slice(&first), pawl_buf_slice(&second)));
        free(again);
    }
    pawl_buf_free(&first);
    pawl_buf_free(&second);
    pawl_arena_free(&arena);
    free(room);
    free((void *)(uintptr_t)body.data);
    return 0;
}
