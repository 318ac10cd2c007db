/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_page.c: see admin_page.h. One row more than the page is kept, which says whether there is
 * more.
 */
#include "cycles/admin_page.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/little.h"
#include "base/money.h"
#include "cycles/cursor.h"

enum { STEPS_A_TURN = 400 }; /* rows that are looked at in one turn */

/* --- Order ------------------------------------------------------------------------------------ */

static int compare_numbers(const struct pawl_page_key *a, const struct pawl_page_key *b)
{
    pawl_i128 left =
        a->divisor == 0 ? 0 : (pawl_i128)a->number * (b->divisor == 0 ? 1 : b->divisor);
    pawl_i128 right =
        b->divisor == 0 ? 0 : (pawl_i128)b->number * (a->divisor == 0 ? 1 : a->divisor);
    return left < right ? -1 : left > right;
}

static int compare(const struct pawl_page_key *a, const struct pawl_page_key *b)
{
    int order = compare_numbers(a, b);
    if (order == 0) {
        order = pawl_slice_compare(a->text, b->text);
    }
    return order != 0 ? order : a->id < b->id ? -1 : a->id > b->id;
}

/* Whether a comes before b on the page. */
static bool is_before(const struct pawl_page *page,
                      const struct pawl_page_key *a,
                      const struct pawl_page_key *b)
{
    int order = compare(a, b);
    return page->descending ? order > 0 : order < 0;
}

/* --- The heap: the row that comes last is at 0 ------------------------------------------------ */

static void swap(struct pawl_page_row *a, struct pawl_page_row *b)
{
    struct pawl_page_row kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct pawl_page *page, uint32_t at)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!is_before(page, &page->rows[parent].key, &page->rows[at].key)) {
            return;
        }
        swap(&page->rows[parent], &page->rows[at]);
        at = parent;
    }
}

static void sift_down(struct pawl_page *page, uint32_t count)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t largest = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (is_before(page, &page->rows[largest].key, &page->rows[child].key)) {
                largest = child;
            }
        }
        if (largest == at) {
            return;
        }
        swap(&page->rows[largest], &page->rows[at]);
        at = largest;
    }
}

static void put(struct pawl_page *page, struct pawl_page_row *row, const struct pawl_page_key *key)
{
    PAWL_ASSERT(key->text.bytes <= PAWL_PAGE_TEXT_BYTES_MAX);
    if (row->room_bytes < key->text.bytes) {
        size_t bytes = (key->text.bytes + 63) / 64 * 64;
        row->room = pawl_arena_alloc(page->arena, bytes);
        row->room_bytes = row->room != NULL ? bytes : 0;
    }
    row->key = *key;
    if (row->room_bytes < key->text.bytes) {
        row->key.text = PAWL_SLICE_NONE; /* the arena's flag is up, and is looked at in the end */
        return;
    }
    if (key->text.bytes > 0) {
        memcpy(row->room, key->text.data, key->text.bytes);
    }
    row->key.text = pawl_slice_of(row->room, key->text.bytes);
}

void pawl_page_offer(struct pawl_page *page, const struct pawl_page_key *key)
{
    if (page->after && !is_before(page, &page->last, key)) {
        return;
    }
    if (page->count <= page->limit) {
        put(page, &page->rows[page->count], key);
        sift_up(page, page->count++);
    } else if (is_before(page, key, &page->rows[0].key)) {
        put(page, &page->rows[0], key);
        sift_down(page, page->count);
    }
}

/* Sorts what was kept; rows[0 .. return value - 1] are the page. */
static uint32_t end_page(struct pawl_page *page)
{
    for (uint32_t left = page->count; left > 1; left--) {
        swap(&page->rows[0], &page->rows[left - 1]);
        sift_down(page, left - 1);
    }
    return page->count < page->limit ? page->count : page->limit;
}

/* --- Cursors ---------------------------------------------------------------------------------- */

enum { PLACE_BYTES = 24 }; /* id, number, divisor; the text follows */
_Static_assert((int)PLACE_BYTES + (int)PAWL_PAGE_TEXT_BYTES_MAX <= (int)PAWL_CURSOR_BYTES_MAX,
               "the longest text fits a cursor");

/* false: refused. */
static bool read_cursor(struct pawl_call *call, struct pawl_page *page, struct pawl_slice text)
{
    struct pawl_slice place = PAWL_SLICE_NONE;
    if (!pawl_cursor_take(call, page->binding, text, PLACE_BYTES,
                          PLACE_BYTES + PAWL_PAGE_TEXT_BYTES_MAX, &place)) {
        return false;
    }
    page->after = true;
    page->last.id = pawl_load_little_64(place.data);
    page->last.number = (int64_t)pawl_load_little_64(place.data + 8);
    page->last.divisor = (int64_t)pawl_load_little_64(place.data + 16);
    page->last.text = pawl_slice_sub(place, PLACE_BYTES, SIZE_MAX);
    return true;
}

bool pawl_page_begin(struct pawl_call *call,
                     const struct pawl_shape *shape,
                     const struct pawl_value *values,
                     const struct pawl_page_fields *fields,
                     bool descending,
                     struct pawl_page *page)
{
    const struct pawl_value *limit = &values[fields->limit];
    const struct pawl_value *cursor = &values[fields->cursor];
    *page = (struct pawl_page){.arena = call->arena, .descending = descending};
    if (values[fields->sort_dir].present) {
        page->descending = values[fields->sort_dir].number == 1;
    } else if (values[fields->sort_by].present) {
        page->descending = true;
    }
    page->limit = !limit->present                               ? PAWL_PAGE_ROWS_DEFAULT
                  : limit->number > (int64_t)PAWL_PAGE_ROWS_MAX ? PAWL_PAGE_ROWS_MAX
                                                                : (uint32_t)limit->number;
    uint64_t free = fields->free | UINT64_C(1) << fields->cursor | UINT64_C(1) << fields->limit |
                    UINT64_C(1) << fields->sort_dir;
    page->call = call;
    page->binding = pawl_cursor_binding(call, shape, values, free, page->descending);
    if (cursor->present && !read_cursor(call, page, cursor->text)) {
        return false;
    }
    page->rows = pawl_call_alloc(call, (page->limit + 1) * sizeof(page->rows[0]));
    return page->rows != NULL;
}

/* --- The walk --------------------------------------------------------------------------------- */

static struct pawl_slice write_cursor(const struct pawl_page *page)
{
    const struct pawl_page_key *last = &page->rows[page->limit - 1].key;
    struct pawl_buf place;
    pawl_buf_init(&place, PLACE_BYTES + PAWL_PAGE_TEXT_BYTES_MAX);
    pawl_buf_put_u64(&place, last->id);
    pawl_buf_put_i64(&place, last->number);
    pawl_buf_put_i64(&place, last->divisor);
    pawl_buf_append_slice(&place, last->text);
    PAWL_ASSERT(!place.overflowed);
    struct pawl_slice cursor = pawl_cursor_make(page->call, page->binding, pawl_buf_slice(&place));
    pawl_buf_free(&place);
    return cursor;
}

static void reply(struct pawl_call *call, struct pawl_page *page)
{
    struct pawl_json_writer *writer = pawl_call_json(call);
    uint32_t count = end_page(page);
    pawl_json_object_begin(writer);
    pawl_json_key(writer, page->kind->rows);
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < count; i++) {
        page->kind->write(call, writer, page->rows[i].key.id);
    }
    pawl_json_array_end(writer);
    pawl_cursor_write(writer, page->count > page->limit ? write_cursor(page) : PAWL_SLICE_NONE);
    pawl_json_object_end(writer);
    pawl_call_reply_read(call, 200);
}

static void walk_on(struct pawl_call *call)
{
    struct pawl_page *page = call->state;
    PAWL_ASSERT(page->call == call && page->kind != NULL);
    for (uint32_t i = 0; i < STEPS_A_TURN; i++) {
        if (!page->kind->step(call)) {
            reply(call, page);
            return;
        }
    }
    pawl_call_later(call, walk_on);
}

void pawl_page_walk(struct pawl_call *call, const struct pawl_page_kind *kind)
{
    struct pawl_page *page = call->state;
    page->kind = kind;
    walk_on(call);
}

bool pawl_page_contains(struct pawl_slice text, struct pawl_slice part)
{
    for (size_t at = 0; at + part.bytes <= text.bytes; at++) {
        if (pawl_slice_equal_nocase(pawl_slice_sub(text, at, part.bytes), part)) {
            return true;
        }
    }
    return false;
}
