/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c: the rows of route.def, and the tree of their segments. The tree is built from the table
 * at the start and never changes; two rows with the same method and path are a bug, and assert.
 */
#include "cycles/route.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/percent.h"
#include "cycles/body.h"
#include "cycles/cycles.h"
#include "registry/registry.h"

const struct pawl_shape pawl_none_shape = {.fields = NULL, .count = 0};

#define PAWL_ROUTE(verb, pattern, in_plane, asks, needs, takes, called, function, said, asked)     \
    {.method_name = #verb,                                                                         \
     .path = (pattern),                                                                            \
     .operation = (called),                                                                        \
     .who_name = #asks,                                                                            \
     .permission_name = #needs,                                                                    \
     .method = PAWL_METHOD_##verb,                                                                 \
     .plane = PAWL_PLANE_##in_plane,                                                               \
     .who = PAWL_WHO_##asks,                                                                       \
     .body = PAWL_BODY_##takes,                                                                    \
     .permission = PAWL_PERMISSION_##needs,                                                        \
     .handler = pawl_cycles_##function,                                                            \
     .fields = &pawl_##said##_shape,                                                               \
     .query = &pawl_##asked##_shape},

static const struct pawl_cycles_route rows[] = {
#include "cycles/route.def"
};
#undef PAWL_ROUTE

enum {
    ROW_COUNT = PAWL_ARRAY_LEN(rows),
    SEGMENTS_MAX = 8,
    NODES_MAX = ROW_COUNT * SEGMENTS_MAX + 1
};

/* Indexes of nodes; 0, the root, stands for "none". */
struct route_node {
    struct pawl_slice text; /* empty: a parameter */
    uint16_t child;
    uint16_t sibling;
    uint16_t parameter;              /* the child that takes any segment */
    int16_t rows[PAWL_METHOD_COUNT]; /* -1: none */
};

struct pawl_route_tree {
    uint32_t count;
    struct route_node nodes[NODES_MAX];
};

uint32_t pawl_route_count(void)
{
    return ROW_COUNT;
}

const struct pawl_cycles_route *pawl_route_at(uint32_t number)
{
    PAWL_ASSERT(number < ROW_COUNT);
    return &rows[number];
}

/* --- Building ------------------------------------------------------------------------------- */

static uint16_t add_node(struct pawl_route_tree *tree, struct pawl_slice text)
{
    PAWL_ASSERT(tree->count < NODES_MAX);
    struct route_node *node = &tree->nodes[tree->count];
    *node = (struct route_node){.text = text};
    for (int method = 0; method < PAWL_METHOD_COUNT; method++) {
        node->rows[method] = -1;
    }
    return (uint16_t)tree->count++;
}

static uint16_t find_child(const struct pawl_route_tree *tree, uint16_t at, struct pawl_slice text)
{
    uint16_t child = tree->nodes[at].child;
    while (child != 0 && !pawl_slice_equal(tree->nodes[child].text, text)) {
        child = tree->nodes[child].sibling;
    }
    return child;
}

static uint16_t child_for(struct pawl_route_tree *tree, uint16_t at, struct pawl_slice segment)
{
    if (segment.data[0] == '{') {
        if (tree->nodes[at].parameter == 0) {
            uint16_t made = add_node(tree, PAWL_SLICE_NONE);
            tree->nodes[at].parameter = made;
        }
        return tree->nodes[at].parameter;
    }
    uint16_t child = find_child(tree, at, segment);
    if (child == 0) {
        child = add_node(tree, segment);
        tree->nodes[child].sibling = tree->nodes[at].child;
        tree->nodes[at].child = child;
    }
    return child;
}

struct pawl_route_tree *pawl_route_tree_new(void)
{
    struct pawl_route_tree *tree = pawl_alloc(sizeof(*tree));
    if (tree == NULL) {
        return NULL;
    }
    tree->count = 0;
    (void)add_node(tree, PAWL_SLICE_NONE);
    for (int16_t number = 0; number < (int16_t)ROW_COUNT; number++) {
        struct pawl_slice rest = pawl_slice_str(rows[number].path + 1);
        uint16_t at = 0;
        while (rest.bytes > 0) {
            at = child_for(tree, at, pawl_slice_cut(&rest, '/'));
        }
        PAWL_ASSERT(tree->nodes[at].rows[rows[number].method] < 0);
        tree->nodes[at].rows[rows[number].method] = number;
    }
    return tree;
}

void pawl_route_tree_free(struct pawl_route_tree *tree)
{
    pawl_free(tree);
}

/* --- Finding -------------------------------------------------------------------------------- */

const char *pawl_method_name(enum pawl_method method)
{
    static const char *const names[PAWL_METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    PAWL_ASSERT((unsigned)method < PAWL_METHOD_COUNT);
    return names[method];
}

static int method_of(struct pawl_slice name)
{
    for (int method = 0; method < PAWL_METHOD_COUNT; method++) {
        if (pawl_slice_equal_str(name, pawl_method_name((enum pawl_method)method))) {
            return method;
        }
    }
    return pawl_slice_equal_str(name, "HEAD") ? PAWL_METHOD_GET : -1;
}

/* Empty where there is no memory. */
static struct pawl_slice decode(struct pawl_slice segment, struct pawl_arena *arena)
{
    if (pawl_slice_find_byte(segment, '%') == SIZE_MAX) {
        return segment;
    }
    char *text = pawl_arena_alloc(arena, segment.bytes);
    if (text == NULL) {
        return PAWL_SLICE_NONE;
    }
    memcpy(text, segment.data, segment.bytes);
    return pawl_slice_of(text, pawl_percent_undo(text, segment.bytes));
}

/* The node of a path, or 0. */
static uint16_t walk(const struct pawl_route_tree *tree,
                     struct pawl_slice path,
                     struct pawl_arena *arena,
                     struct pawl_route_found *found)
{
    struct pawl_slice rest = pawl_slice_sub(path, 1, path.bytes);
    uint32_t param_count = 0;
    uint16_t at = 0;
    if (path.bytes < 2 || path.data[0] != '/' || path.data[path.bytes - 1] == '/') {
        return 0;
    }
    while (rest.bytes > 0) {
        struct pawl_slice segment = pawl_slice_cut(&rest, '/');
        uint16_t child = find_child(tree, at, segment);
        if (child == 0) {
            child = tree->nodes[at].parameter;
            if (child == 0 || segment.bytes == 0 || param_count == PAWL_ROUTE_PARAMS_MAX) {
                return 0;
            }
            found->params[param_count++] = decode(segment, arena);
        }
        at = child;
    }
    return at;
}

void pawl_route_find(const struct pawl_route_tree *tree,
                     uint32_t planes,
                     struct pawl_slice method,
                     struct pawl_slice path,
                     struct pawl_arena *arena,
                     struct pawl_route_found *ret_found)
{
    *ret_found = (struct pawl_route_found){0};
    uint16_t at = walk(tree, path, arena, ret_found);
    int wanted = method_of(method);
    if (at == 0) {
        return;
    }
    for (int i = 0; i < PAWL_METHOD_COUNT; i++) {
        int16_t number = tree->nodes[at].rows[i];
        if (number >= 0 && (rows[number].plane & (planes | PAWL_PLANE_BASE)) != 0) {
            ret_found->methods |= 1U << i;
            if (i == wanted) {
                ret_found->route = &rows[number];
            }
        }
    }
}

bool pawl_cycles_route_at(uint32_t number, struct pawl_cycles_route_view *ret_view)
{
    if (number >= ROW_COUNT) {
        return false;
    }
    const struct pawl_cycles_route *row = &rows[number];
    *ret_view = (struct pawl_cycles_route_view){.method = row->method_name,
                                                .path = row->path,
                                                .operation = row->operation,
                                                .plane = row->plane,
                                                .who = row->who_name,
                                                .permission = row->permission_name};
    return true;
}
