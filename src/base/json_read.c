/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read.c: the reader's loop. Each turn reads a member or an element, up to the next one, over
 * an explicit stack of open containers whose height is the depth limit: hostile nesting costs an
 * error, never the C stack.
 *
 * N1  Nodes are in document order: a container before its children, a key before its value.
 * N2  The first child of a container that has any is the node behind it (behind its key, in an
 *     object), which is why a node needs only `next`.
 * N3  Memory is proportional to the nodes met, not to the text: the array doubles in place in
 *     the arena where it can, and gives its unused tail back at the end.
 *
 * Failure: the first error in document order is reported with its offset, except that duplicate
 * keys are looked for after the whole text has been read. Mostly they need not be: each object
 * marks its keys in a small set as they are read, and where every mark was new there are none.
 *
 * What changes with every byte is in a struct place, which nothing but this file's small functions
 * gets to see: they all end up in one loop that keeps it in registers.
 */
#include "base/json.h"

#include <limits.h>

#include "base/assert.h"
#include "base/json_plain.h"
#include "base/json_priv.h"

enum { NODES_FIRST = 32, NODES_FIRST_MAX = 1024, BYTES_PER_NODE_GUESS = 16 };
enum { MARK_BITS = 8, MARK_WORDS = (1 << MARK_BITS) / 64 };

_Static_assert(sizeof(struct pawl_json_node) == 32, "four nodes are two cache lines");

/* An open container. */
struct frame {
    uint32_t node;
    uint32_t children; /* read to their ends */
    uint16_t depth;    /* this container among those that are open, from 1 */
    bool is_object;
    uint64_t marks[MARK_WORDS]; /* of an object's keys so far */
};

struct reader {
    struct pawl_json_scan scan;
    const unsigned char *start;
    struct pawl_arena *arena;
    struct pawl_json_node *nodes;
    const struct pawl_json_node *nodes_end;
    struct pawl_json_limits limits;
    bool look_alike;                              /* some object may have two equal keys */
    struct frame frames[PAWL_JSON_DEPTH_MAX + 1]; /* the first one stands for the text */
};

struct place {
    const unsigned char *at;
    struct frame *frame;         /* of the innermost container */
    struct pawl_json_node *node; /* behind the latest */
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

/* Always false, to be returned. */
static bool fail(struct reader *reader, enum pawl_json_error error, const unsigned char *at)
{
    pawl_json_scan_fail(&reader->scan, error, at);
    return false;
}

/* SYNTAX, or TRUNCATED at the end of the text. */
static bool fail_at(struct reader *reader, const unsigned char *at)
{
    pawl_json_scan_fail_at(&reader->scan, at);
    return false;
}

static uint64_t offset(const struct reader *reader, const unsigned char *at)
{
    return (uint64_t)(at - reader->start);
}

/* Steps over white space and gives the byte behind it, or at the end of the text a NUL, which can
 * stand nowhere here either. */
static inline unsigned char next_byte(const struct reader *reader, struct place *place)
{
    for (; place->at < reader->scan.end; place->at++) {
        unsigned char byte = *place->at;
        if (byte > ' ' || (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')) {
            return byte;
        }
    }
    return 0;
}

/* --- Nodes ---------------------------------------------------------------------------------- */

static void set_nodes(struct reader *reader, struct pawl_json_node *nodes, uint32_t capacity)
{
    reader->nodes = nodes;
    reader->nodes_end = nodes + capacity;
}

/* The first array: about what a body of this length needs, within bounds. */
static bool reader_begin(struct reader *reader)
{
    uint64_t guess = offset(reader, reader->scan.end) / BYTES_PER_NODE_GUESS + NODES_FIRST;
    uint32_t capacity = guess < NODES_FIRST_MAX ? (uint32_t)guess : NODES_FIRST_MAX;
    capacity = capacity < reader->limits.nodes_max ? capacity : reader->limits.nodes_max;
    struct pawl_json_node *nodes =
        pawl_arena_alloc_bare(reader->arena, capacity * sizeof(struct pawl_json_node));
    if (nodes == NULL) {
        return fail(reader, PAWL_JSON_NO_MEMORY, reader->start);
    }
    set_nodes(reader, nodes, capacity);
    return true;
}

/* A larger array, for the one that is full. Gives the place behind its nodes, or NULL. */
static struct pawl_json_node *grow(struct reader *reader, const unsigned char *at)
{
    uint32_t max = reader->limits.nodes_max;
    uint32_t full = (uint32_t)(reader->nodes_end - reader->nodes);
    if (full == max) {
        fail(reader, PAWL_JSON_TOO_MANY_NODES, at);
        return NULL;
    }
    uint32_t capacity = full > max / 2 ? max : full * 2;
    struct pawl_json_node *nodes = pawl_arena_resize(
        reader->arena, reader->nodes, full * sizeof(*nodes), capacity * sizeof(*nodes));
    if (nodes == NULL) {
        fail(reader, PAWL_JSON_NO_MEMORY, at);
        return NULL;
    }
    set_nodes(reader, nodes, capacity);
    return nodes + full;
}

/* Whether there is room for a node more. */
static inline bool has_room(struct reader *reader, struct place *place)
{
    if (place->node == reader->nodes_end) {
        place->node = grow(reader, place->at);
    }
    return place->node != NULL;
}

static uint32_t index_of(const struct reader *reader, const struct pawl_json_node *node)
{
    return (uint32_t)(node - reader->nodes);
}

/* The node of what was read from `start` on, which ends here. */
static inline void add_node(struct reader *reader,
                            struct place *place,
                            struct pawl_json_node node,
                            const unsigned char *start)
{
    node.depth = place->frame->depth;
    node.next = PAWL_JSON_NONE;
    node.start = offset(reader, start);
    node.end = offset(reader, place->at);
    *place->node++ = node;
}

/* --- Members and elements ------------------------------------------------------------------- */

/* From the opening quote. */
static inline bool read_string(struct reader *reader, struct place *place, bool *ret_escaped)
{
    *ret_escaped = false;
    const unsigned char *at = pawl_json_skip_plain(place->at + 1, reader->scan.end);
    if (at < reader->scan.end && *at == '"') { /* as nearly always */
        place->at = at + 1;
        return true;
    }
    bool escaped = false;
    place->at = pawl_json_scan_string(&reader->scan, at, &escaped);
    *ret_escaped = escaped;
    return place->at != NULL;
}

/* Puts a key's mark into the object's set. One that is in it already is that of an equal key, or of
 * another one by chance; and what a key with escapes says is not known here. */
static inline void
add_mark(struct reader *reader, struct frame *object, struct pawl_slice quoted, bool escaped)
{
    unsigned char first = (unsigned char)quoted.data[1]; /* the quote, of "" */
    unsigned char last = (unsigned char)quoted.data[quoted.bytes - 2];
    uint32_t ends = (uint32_t)first << 8 | last;
    uint32_t mark = ((uint32_t)quoted.bytes << 16 ^ ends) * UINT32_C(0x9e3779b1);
    uint32_t place = mark >> (32 - MARK_BITS);
    uint64_t bit = UINT64_C(1) << (place % 64);
    if (escaped || (object->marks[place / 64] & bit) != 0) {
        reader->look_alike = true;
    }
    object->marks[place / 64] |= bit;
}

/* A key and its colon. */
static inline bool read_key(struct reader *reader, struct place *place)
{
    if (next_byte(reader, place) != '"') {
        return fail_at(reader, place->at);
    }
    const unsigned char *start = place->at;
    struct pawl_json_node key = {.type = PAWL_JSON_STRING, .key = PAWL_JSON_NONE};
    if (!has_room(reader, place) || !read_string(reader, place, &key.escaped)) {
        return false;
    }
    add_node(reader, place, key, start);
    if (reader->scan.profile != PAWL_JSON_FORWARD) {
        struct pawl_slice quoted = pawl_slice_of((const char *)start, (size_t)(place->at - start));
        add_mark(reader, place->frame, quoted, key.escaped);
    }
    if (next_byte(reader, place) != ':') {
        return fail_at(reader, place->at);
    }
    place->at++;
    return true;
}

/* The node of a container that has just begun; and all of it, if there is nothing in it. */
static inline void
open_container(struct reader *reader, struct place *place, struct pawl_json_node node)
{
    const unsigned char *start = place->at++;
    bool is_object = node.type == PAWL_JSON_OBJECT;
    bool is_empty = next_byte(reader, place) == (is_object ? '}' : ']');
    place->at += is_empty;
    add_node(reader, place, node, start);
    if (!is_empty) {
        uint16_t depth = place->frame->depth + 1;
        place->frame++;
        *place->frame = (struct frame){
            .node = index_of(reader, place->node - 1), .depth = depth, .is_object = is_object};
    }
}

/* What a value is by its first byte: its type and one; 0 where none begins so. */
static const uint8_t type_behind[UCHAR_MAX + 1] = {
    ['{'] = PAWL_JSON_OBJECT + 1, ['['] = PAWL_JSON_ARRAY + 1,  ['"'] = PAWL_JSON_STRING + 1,
    ['t'] = PAWL_JSON_TRUE + 1,   ['f'] = PAWL_JSON_FALSE + 1,  ['n'] = PAWL_JSON_NULL + 1,
    ['-'] = PAWL_JSON_NUMBER + 1, ['0'] = PAWL_JSON_NUMBER + 1, ['1'] = PAWL_JSON_NUMBER + 1,
    ['2'] = PAWL_JSON_NUMBER + 1, ['3'] = PAWL_JSON_NUMBER + 1, ['4'] = PAWL_JSON_NUMBER + 1,
    ['5'] = PAWL_JSON_NUMBER + 1, ['6'] = PAWL_JSON_NUMBER + 1, ['7'] = PAWL_JSON_NUMBER + 1,
    ['8'] = PAWL_JSON_NUMBER + 1, ['9'] = PAWL_JSON_NUMBER + 1};

/* A value, or the beginning of a container that has something in it. */
static inline bool read_value(struct reader *reader, struct place *place, uint32_t key)
{
    uint8_t kind = type_behind[next_byte(reader, place)];
    const unsigned char *start = place->at;
    if (kind == 0) {
        return fail_at(reader, start);
    }
    struct pawl_json_node node = {.type = (uint8_t)(kind - 1), .key = key};
    if (node.type >= PAWL_JSON_ARRAY && place->frame->depth == reader->limits.depth_max) {
        return fail(reader, PAWL_JSON_DEPTH, start);
    }
    if (!has_room(reader, place)) {
        return false;
    }
    switch ((enum pawl_json_type)node.type) {
    case PAWL_JSON_OBJECT:
    case PAWL_JSON_ARRAY:
        open_container(reader, place, node);
        return true;
    case PAWL_JSON_STRING:
        if (!read_string(reader, place, &node.escaped)) {
            return false;
        }
        break;
    case PAWL_JSON_NUMBER:
        place->at = pawl_json_scan_number(&reader->scan, start);
        break;
    case PAWL_JSON_TRUE:
        place->at = pawl_json_scan_word(&reader->scan, start, PAWL_SLICE("true"));
        break;
    case PAWL_JSON_FALSE:
        place->at = pawl_json_scan_word(&reader->scan, start, PAWL_SLICE("false"));
        break;
    case PAWL_JSON_NULL:
        place->at = pawl_json_scan_word(&reader->scan, start, PAWL_SLICE("null"));
        break;
    }
    if (place->at == NULL) {
        return false;
    }
    add_node(reader, place, node, start);
    return true;
}

/* Behind a value, of which all is read: closes the containers that end with it, and links it to
 * the next one of the innermost that does not. */
static inline bool go_on(struct reader *reader, struct place *place, struct pawl_json_node *value)
{
    for (struct frame *frame = place->frame; frame > reader->frames; frame = place->frame) {
        unsigned char byte = next_byte(reader, place);
        frame->children++;
        if (byte == ',') {
            place->at++;
            value->next = index_of(reader, place->node) + frame->is_object;
            return true;
        }
        if (byte != (frame->is_object ? '}' : ']')) {
            return fail_at(reader, place->at);
        }
        place->at++;
        value = &reader->nodes[frame->node];
        value->count = frame->children;
        value->end = offset(reader, place->at);
        place->frame--;
    }
    return true;
}

/* --- The text ------------------------------------------------------------------------------- */

static bool read_all(struct reader *reader, uint32_t *ret_count)
{
    struct place place = {.at = reader->start, .frame = reader->frames, .node = reader->nodes};
    do {
        struct frame *frame = place.frame;
        uint32_t key = PAWL_JSON_NONE;
        if (frame->is_object) {
            if (!read_key(reader, &place)) {
                return false;
            }
            key = index_of(reader, place.node - 1);
        }
        if (!read_value(reader, &place, key)) {
            return false;
        }
        if (place.frame == frame && !go_on(reader, &place, place.node - 1)) {
            return false;
        }
    } while (place.frame > reader->frames);
    (void)next_byte(reader, &place);
    *ret_count = index_of(reader, place.node);
    return place.at == reader->scan.end || fail(reader, PAWL_JSON_TRAILING, place.at);
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
    struct reader reader; /* the other frames are written as they open */
    reader.start = (const unsigned char *)input.data;
    reader.scan = (struct pawl_json_scan){.end = reader.start + input.bytes, .profile = profile};
    reader.arena = arena;
    reader.limits = limits;
    reader.look_alike = false;
    reader.frames[0] = (struct frame){.is_object = false};
    uint32_t count = 0;
    *json = (struct pawl_json){.text = input, .profile = profile};
    if (!reader_begin(&reader) || !read_all(&reader, &count)) {
        json->error = reader.scan.error;
        json->error_offset = offset(&reader, reader.scan.error_at);
        return false;
    }
    size_t capacity_bytes = (size_t)((const char *)reader.nodes_end - (const char *)reader.nodes);
    PAWL_ASSERT(count > 0 && count * sizeof(*reader.nodes) <= capacity_bytes);
    json->count = count;
    json->nodes =
        pawl_arena_resize(arena, reader.nodes, capacity_bytes, count * sizeof(*reader.nodes));
    PAWL_ASSERT(json->nodes != NULL);
    if (reader.look_alike && !pawl_json_check_unique(json, arena)) {
        json->nodes = NULL;
        json->count = 0;
        return false;
    }
    return true;
}
