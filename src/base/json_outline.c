/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_outline.c: a text that is checked without being kept. What a value is made of is stepped
 * over, with a bit for each container that is open: whether it is an object. So neither depth nor
 * the number of values costs more than the text has bytes, and nothing recurses.
 *
 * The rules are the reader's (json_read.c), but for limits and duplicate keys.
 */
#include "base/assert.h"
#include "base/json_priv.h"

enum { WORD_BITS = 64, WORDS_FIRST = 4 };

struct stepper {
    struct pawl_json_scan scan;
    struct pawl_arena *arena;
    uint64_t *kinds; /* of the arena: a bit for each open container, 1 for an object */
    size_t words;
    size_t open;
    size_t deepest; /* of the value under way */
};

static const unsigned char *skip_space(const struct stepper *stepper, const unsigned char *at)
{
    while (at < stepper->scan.end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static bool stands(const struct stepper *stepper, const unsigned char *at, unsigned char byte)
{
    return at < stepper->scan.end && *at == byte;
}

static bool in_object(const struct stepper *stepper)
{
    size_t top = stepper->open - 1;
    return (stepper->kinds[top / WORD_BITS] >> (top % WORD_BITS) & 1) != 0;
}

/* false: no memory. */
static bool push(struct stepper *stepper, bool is_object, const unsigned char *at)
{
    if (stepper->open == stepper->words * WORD_BITS) {
        size_t words = stepper->words > 0 ? stepper->words * 2 : WORDS_FIRST;
        uint64_t *kinds =
            stepper->kinds == NULL
                ? pawl_arena_alloc(stepper->arena, words * sizeof(*kinds))
                : pawl_arena_resize(stepper->arena, stepper->kinds, stepper->words * sizeof(*kinds),
                                    words * sizeof(*kinds));
        if (kinds == NULL) {
            pawl_json_scan_fail(&stepper->scan, PAWL_JSON_NO_MEMORY, at);
            return false;
        }
        stepper->kinds = kinds;
        stepper->words = words;
    }
    uint64_t bit = UINT64_C(1) << (stepper->open % WORD_BITS);
    uint64_t *word = &stepper->kinds[stepper->open / WORD_BITS];
    *word = is_object ? *word | bit : *word & ~bit;
    stepper->open++;
    return true;
}

/* A key and its colon. */
static const unsigned char *
step_over_key(struct stepper *stepper, const unsigned char *at, struct pawl_slice *ret_quoted)
{
    bool escaped = false;
    const unsigned char *start = skip_space(stepper, at);
    if (!stands(stepper, start, '"')) {
        return pawl_json_scan_fail_at(&stepper->scan, start);
    }
    at = pawl_json_scan_string(&stepper->scan, start + 1, &escaped);
    if (at == NULL) {
        return NULL;
    }
    *ret_quoted = pawl_slice_of((const char *)start, (size_t)(at - start));
    at = skip_space(stepper, at);
    return stands(stepper, at, ':') ? at + 1 : pawl_json_scan_fail_at(&stepper->scan, at);
}

/* Anything but a container. */
static const unsigned char *step_over_scalar(struct stepper *stepper, const unsigned char *at)
{
    bool escaped = false;
    struct pawl_json_scan *scan = &stepper->scan;
    switch (at < scan->end ? *at : 0) {
    case '"':
        return pawl_json_scan_string(scan, at + 1, &escaped);
    case 't':
        return pawl_json_scan_word(scan, at, PAWL_SLICE("true"));
    case 'f':
        return pawl_json_scan_word(scan, at, PAWL_SLICE("false"));
    case 'n':
        return pawl_json_scan_word(scan, at, PAWL_SLICE("null"));
    case '-':
        return pawl_json_scan_number(scan, at);
    default:
        return at < scan->end && *at >= '0' && *at <= '9' ? pawl_json_scan_number(scan, at)
                                                          : pawl_json_scan_fail_at(scan, at);
    }
}

/* A scalar or an empty container, or the beginning of another one. */
static const unsigned char *step_in(struct stepper *stepper, const unsigned char *at)
{
    if (!stands(stepper, at, '{') && !stands(stepper, at, '[')) {
        return step_over_scalar(stepper, at);
    }
    bool is_object = *at == '{';
    size_t depth = stepper->open + 1;
    stepper->deepest = depth > stepper->deepest ? depth : stepper->deepest;
    const unsigned char *inner = skip_space(stepper, at + 1);
    if (stands(stepper, inner, is_object ? '}' : ']')) {
        return inner + 1;
    }
    return push(stepper, is_object, at) ? inner : NULL;
}

/* Behind a value: closes the containers that end with it, and goes to the next one's place. */
static const unsigned char *step_out(struct stepper *stepper, const unsigned char *at)
{
    while (stepper->open > 0) {
        at = skip_space(stepper, at);
        if (stands(stepper, at, ',')) {
            return at + 1;
        }
        if (!stands(stepper, at, in_object(stepper) ? '}' : ']')) {
            return pawl_json_scan_fail_at(&stepper->scan, at);
        }
        at++;
        stepper->open--;
    }
    return at;
}

/* One value, whatever is in it. */
static const unsigned char *step_over(struct stepper *stepper, const unsigned char *at)
{
    struct pawl_slice key;
    stepper->deepest = 0;
    do {
        size_t open = stepper->open;
        if (open > 0 && in_object(stepper)) {
            at = step_over_key(stepper, at, &key);
        }
        if (at != NULL) {
            at = step_in(stepper, skip_space(stepper, at));
        }
        if (at != NULL && stepper->open == open) {
            at = step_out(stepper, at);
        }
    } while (at != NULL && stepper->open > 0);
    return at;
}

static const unsigned char *
read_part(struct stepper *stepper, const unsigned char *at, struct pawl_json_part *part)
{
    at = step_over_key(stepper, at, &part->key);
    if (at == NULL) {
        return NULL;
    }
    const unsigned char *start = skip_space(stepper, at);
    at = step_over(stepper, start);
    if (at != NULL) {
        part->value = pawl_slice_of((const char *)start, (size_t)(at - start));
        part->depth = stepper->deepest;
    }
    return at;
}

/* The object's members up to its end. */
static const unsigned char *
read_parts(struct stepper *stepper, const unsigned char *at, struct pawl_json_outline *outline)
{
    if (!stands(stepper, at, '{')) {
        return pawl_json_scan_fail_at(&stepper->scan, at);
    }
    at = skip_space(stepper, at + 1);
    if (stands(stepper, at, '}')) {
        return at + 1;
    }
    for (;;) {
        if (outline->count == PAWL_JSON_PARTS_MAX) {
            return pawl_json_scan_fail(&stepper->scan, PAWL_JSON_TOO_MANY_NODES, at);
        }
        at = read_part(stepper, at, &outline->parts[outline->count]);
        if (at == NULL) {
            return NULL;
        }
        outline->count++;
        at = skip_space(stepper, at);
        if (!stands(stepper, at, ',')) {
            return stands(stepper, at, '}') ? at + 1 : pawl_json_scan_fail_at(&stepper->scan, at);
        }
        at++;
    }
}

bool pawl_json_outline(struct pawl_arena *arena,
                       struct pawl_slice text,
                       enum pawl_json_profile profile,
                       struct pawl_json_outline *outline)
{
    struct pawl_slice input = text.data != NULL ? text : PAWL_SLICE("");
    const unsigned char *start = (const unsigned char *)input.data;
    struct stepper stepper = {.scan = {.end = start + input.bytes, .profile = profile},
                              .arena = arena};
    outline->count = 0;
    outline->error = PAWL_JSON_FINE;
    const unsigned char *at = read_parts(&stepper, skip_space(&stepper, start), outline);
    at = at != NULL ? skip_space(&stepper, at) : NULL;
    if (at != NULL && at < stepper.scan.end) {
        at = pawl_json_scan_fail(&stepper.scan, PAWL_JSON_TRAILING, at);
    }
    if (at == NULL) {
        outline->error = stepper.scan.error;
        outline->error_offset = (uint64_t)(stepper.scan.error_at - start);
        return false;
    }
    PAWL_ASSERT(stepper.open == 0);
    return true;
}
