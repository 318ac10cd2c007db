/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read.c: the reader's loop. It alternates between two questions, "which value begins
 * here" and "what comes after it", over an explicit stack of open containers whose height is
 * the depth limit: hostile nesting costs an error, never the C stack.
 *
 * N1  Nodes are in document order: a container before its children, a key before its value.
 * N2  The first child of a container that has any is the node behind it (behind its key, in an
 *     object), which is why a node needs only `next`.
 * N3  Memory is proportional to the nodes met, not to the text: the array doubles in place in
 *     the arena where it can, and gives its unused tail back at the end.
 *
 * Failure: the first error in document order is reported with its offset, except that
 * duplicate keys are looked for after the whole text has been read.
 */
#include "base/json.h"

#include "base/assert.h"
#include "base/json_priv.h"

enum { NODES_FIRST = 32, NODES_FIRST_MAX = 1024, BYTES_PER_NODE_GUESS = 16 };

_Static_assert(sizeof(struct pawl_json_node) == 32, "four nodes are two cache lines");

struct frame {
    uint32_t node;       /* the open container */
    uint32_t last_child; /* or NONE */
    uint32_t key;        /* of the member whose value comes next, or NONE */
};

enum step { STEP_VALUE, STEP_AFTER, STEP_DONE, STEP_FAIL };

struct reader {
    struct pawl_json_scan scan;
    const unsigned char *start;
    struct pawl_arena *arena;
    struct pawl_json_node *nodes;
    uint32_t count;
    uint32_t capacity;
    struct pawl_json_limits limits;
    uint32_t depth; /* open containers */
    struct frame frames[PAWL_JSON_DEPTH_MAX];
};

static const char *const error_names[] = {
    [PAWL_JSON_FINE] = "fine",
    [PAWL_JSON_SYNTAX] = "syntax",
    [PAWL_JSON_TRUNCATED] = "truncated",
    [PAWL_JSON_TRAILING] = "trailing",
    [PAWL_JSON_DEPTH] = "depth",
    [PAWL_JSON_UTF8] = "utf8",
    [PAWL_JSON_CONTROL] = "control_character",
    [PAWL_JSON_ESCAPE] = "escape",
    [PAWL_JSON_SURROGATE] = "lone_surrogate",
    [PAWL_JSON_NUL] = "nul",
    [PAWL_JSON_DUPLICATE] = "duplicate_key",
    [PAWL_JSON_NOT_INTEGER] = "not_an_integer",
    [PAWL_JSON_RANGE] = "out_of_range",
    [PAWL_JSON_TOO_MANY_NODES] = "too_many_nodes",
    [PAWL_JSON_NO_MEMORY] = "no_memory",
};
_Static_assert(PAWL_ARRAY_LEN(error_names) == PAWL_JSON_ERROR_COUNT, "every error has a name");

const char *pawl_json_error_name(enum pawl_json_error error)
{
    return (unsigned)error < PAWL_JSON_ERROR_COUNT ? error_names[error] : "unknown";
}

static enum step fail(struct reader *reader, enum pawl_json_error error)
{
    pawl_json_scan_fail(&reader->scan, error, reader->scan.at);
    return STEP_FAIL;
}

/* SYNTAX, or TRUNCATED at the end of the text. */
static enum step fail_here(struct reader *reader)
{
    bool at_end = reader->scan.at == reader->scan.end;
    return fail(reader, at_end ? PAWL_JSON_TRUNCATED : PAWL_JSON_SYNTAX);
}

static void skip_space(struct reader *reader)
{
    const unsigned char *at = reader->scan.at;
    const unsigned char *end = reader->scan.end;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    reader->scan.at = at;
}

/* Whether the next byte is `byte`; if so it is taken. */
static bool take(struct reader *reader, unsigned char byte)
{
    if (reader->scan.at == reader->scan.end || *reader->scan.at != byte) {
        return false;
    }
    reader->scan.at++;
    return true;
}

static uint64_t offset(const struct reader *reader)
{
    return (uint64_t)(reader->scan.at - reader->start);
}

static bool grow(struct reader *reader)
{
    uint32_t max = reader->limits.nodes_max;
    if (reader->capacity == max) {
        fail(reader, PAWL_JSON_TOO_MANY_NODES);
        return false;
    }
    uint32_t capacity = reader->capacity > max / 2 ? max : reader->capacity * 2;
    struct pawl_json_node *nodes = pawl_arena_resize(
        reader->arena, reader->nodes, reader->capacity * sizeof(*nodes), capacity * sizeof(*nodes));
    if (nodes == NULL) {
        fail(reader, PAWL_JSON_NO_MEMORY);
        return false;
    }
    reader->nodes = nodes;
    reader->capacity = capacity;
    return true;
}

/* A node that begins at the current byte, without links. Its end is set later. */
static bool add_node(struct reader *reader, enum pawl_json_type type, uint32_t *ret_node)
{
    if (reader->count == reader->capacity && !grow(reader)) {
        return false;
    }
    uint32_t node = reader->count++;
    reader->nodes[node] = (struct pawl_json_node){
        .type = (uint8_t)type,
        .depth = (uint16_t)reader->depth,
        .next = PAWL_JSON_NONE,
        .key = PAWL_JSON_NONE,
        .start = offset(reader),
    };
    *ret_node = node;
    return true;
}

/* A node for a value: linked to its parent, its sibling and its key. */
static bool add_value(struct reader *reader, enum pawl_json_type type, uint32_t *ret_node)
{
    uint32_t node = 0;
    if (!add_node(reader, type, &node)) {
        return false;
    }
    if (reader->depth > 0) {
        struct frame *frame = &reader->frames[reader->depth - 1];
        reader->nodes[node].key = frame->key;
        reader->nodes[frame->node].count++;
        if (frame->last_child != PAWL_JSON_NONE) {
            reader->nodes[frame->last_child].next = node;
        }
        frame->last_child = node;
    }
    *ret_node = node;
    return true;
}

static bool read_string(struct reader *reader, uint32_t node)
{
    bool escaped = false;
    if (!pawl_json_scan_string(&reader->scan, &escaped)) {
        return false;
    }
    reader->nodes[node].escaped = escaped;
    reader->nodes[node].end = offset(reader);
    return true;
}

/* A key and its colon, in the innermost container. */
static enum step read_key(struct reader *reader)
{
    skip_space(reader);
    if (reader->scan.at == reader->scan.end || *reader->scan.at != '"') {
        return fail_here(reader);
    }
    uint32_t key = 0;
    if (!add_node(reader, PAWL_JSON_STRING, &key) || !read_string(reader, key)) {
        return STEP_FAIL;
    }
    reader->frames[reader->depth - 1].key = key;
    skip_space(reader);
    return take(reader, ':') ? STEP_VALUE : fail_here(reader);
}

static enum step close_container(struct reader *reader)
{
    reader->depth--;
    reader->nodes[reader->frames[reader->depth].node].end = offset(reader);
    return STEP_AFTER;
}

static enum step open_container(struct reader *reader, enum pawl_json_type type)
{
    if (reader->depth == reader->limits.depth_max) {
        return fail(reader, PAWL_JSON_DEPTH);
    }
    uint32_t node = 0;
    if (!add_value(reader, type, &node)) {
        return STEP_FAIL;
    }
    reader->frames[reader->depth++] =
        (struct frame){.node = node, .last_child = PAWL_JSON_NONE, .key = PAWL_JSON_NONE};
    reader->scan.at++;
    skip_space(reader);
    if (take(reader, type == PAWL_JSON_OBJECT ? '}' : ']')) {
        return close_container(reader);
    }
    return type == PAWL_JSON_OBJECT ? read_key(reader) : STEP_VALUE;
}

static enum step read_scalar(struct reader *reader, enum pawl_json_type type)
{
    uint32_t node = 0;
    if (!add_value(reader, type, &node)) {
        return STEP_FAIL;
    }
    bool read = false;
    switch (type) {
    case PAWL_JSON_STRING:
        return read_string(reader, node) ? STEP_AFTER : STEP_FAIL;
    case PAWL_JSON_NUMBER:
        read = pawl_json_scan_number(&reader->scan);
        break;
    case PAWL_JSON_TRUE:
        read = pawl_json_scan_word(&reader->scan, PAWL_SLICE("true"));
        break;
    case PAWL_JSON_FALSE:
        read = pawl_json_scan_word(&reader->scan, PAWL_SLICE("false"));
        break;
    case PAWL_JSON_NULL:
        read = pawl_json_scan_word(&reader->scan, PAWL_SLICE("null"));
        break;
    case PAWL_JSON_ARRAY:
    case PAWL_JSON_OBJECT:
        PAWL_UNREACHABLE();
    }
    reader->nodes[node].end = offset(reader);
    return read ? STEP_AFTER : STEP_FAIL;
}

static enum step step_value(struct reader *reader)
{
    skip_space(reader);
    if (reader->scan.at == reader->scan.end) {
        return fail_here(reader);
    }
    unsigned char byte = *reader->scan.at;
    switch (byte) {
    case '{':
        return open_container(reader, PAWL_JSON_OBJECT);
    case '[':
        return open_container(reader, PAWL_JSON_ARRAY);
    case '"':
        return read_scalar(reader, PAWL_JSON_STRING);
    case 't':
        return read_scalar(reader, PAWL_JSON_TRUE);
    case 'f':
        return read_scalar(reader, PAWL_JSON_FALSE);
    case 'n':
        return read_scalar(reader, PAWL_JSON_NULL);
    default:
        if (byte == '-' || (byte >= '0' && byte <= '9')) {
            return read_scalar(reader, PAWL_JSON_NUMBER);
        }
        return fail_here(reader);
    }
}

static enum step step_after(struct reader *reader)
{
    skip_space(reader);
    if (reader->depth == 0) {
        bool at_end = reader->scan.at == reader->scan.end;
        return at_end ? STEP_DONE : fail(reader, PAWL_JSON_TRAILING);
    }
    uint32_t container = reader->frames[reader->depth - 1].node;
    bool in_object = reader->nodes[container].type == PAWL_JSON_OBJECT;
    if (take(reader, ',')) {
        return in_object ? read_key(reader) : STEP_VALUE;
    }
    if (take(reader, in_object ? '}' : ']')) {
        return close_container(reader);
    }
    return fail_here(reader);
}

/* The first array: about what a body of this length needs, within bounds. */
static bool reader_begin(struct reader *reader)
{
    size_t guess = (size_t)(reader->scan.end - reader->start) / BYTES_PER_NODE_GUESS + NODES_FIRST;
    uint32_t capacity = guess < NODES_FIRST_MAX ? (uint32_t)guess : NODES_FIRST_MAX;
    reader->capacity = capacity < reader->limits.nodes_max ? capacity : reader->limits.nodes_max;
    reader->nodes =
        pawl_arena_alloc_bare(reader->arena, reader->capacity * sizeof(struct pawl_json_node));
    if (reader->nodes == NULL) {
        fail(reader, PAWL_JSON_NO_MEMORY);
        return false;
    }
    return true;
}

static bool read_all(struct reader *reader)
{
    if (!reader_begin(reader)) {
        return false;
    }
    enum step step = STEP_VALUE;
    while (step == STEP_VALUE || step == STEP_AFTER) {
        step = step == STEP_VALUE ? step_value(reader) : step_after(reader);
    }
    return step == STEP_DONE;
}

bool pawl_json_parse(struct pawl_arena *arena,
                     struct pawl_slice text,
                     enum pawl_json_profile profile,
                     struct pawl_json_limits limits,
                     struct pawl_json *json)
{
    PAWL_ASSERT(limits.depth_max > 0 && limits.depth_max <= PAWL_JSON_DEPTH_MAX);
    PAWL_ASSERT(limits.nodes_max > 0 && limits.nodes_max < PAWL_JSON_NONE);
    struct pawl_slice input = text.data != NULL ? text : PAWL_SLICE("");
    const unsigned char *start = (const unsigned char *)input.data;
    struct reader reader;
    reader.scan = (struct pawl_json_scan){
        .at = start, .end = start + input.bytes, .profile = profile, .error = PAWL_JSON_FINE};
    reader.start = start;
    reader.arena = arena;
    reader.nodes = NULL;
    reader.count = 0;
    reader.limits = limits;
    reader.depth = 0;
    *json = (struct pawl_json){.text = input, .profile = profile};
    if (!read_all(&reader)) {
        json->error = reader.scan.error;
        json->error_offset = offset(&reader);
        return false;
    }
    PAWL_ASSERT(reader.depth == 0 && reader.count > 0);
    json->count = reader.count;
    json->nodes = pawl_arena_resize(arena, reader.nodes, reader.capacity * sizeof(*reader.nodes),
                                    reader.count * sizeof(*reader.nodes));
    PAWL_ASSERT(json->nodes != NULL);
    if (profile != PAWL_JSON_FORWARD && !pawl_json_check_unique(json, arena)) {
        json->nodes = NULL;
        json->count = 0;
        return false;
    }
    return true;
}
