/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h: the table of route.def, and how a path is found in it: a tree of segments, built once,
 * so that a request costs one comparison for each of its segments and not one for each route.
 *
 * A segment that is written out goes before a parameter. Parameters are percent-decoded once; an
 * empty one matches nothing.
 */
#ifndef PAWL_CYCLES_ROUTE_H
#define PAWL_CYCLES_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct pawl_call;
struct pawl_shape;

enum { PAWL_ROUTE_PARAMS_MAX = 2 };

enum pawl_method {
    PAWL_METHOD_GET,
    PAWL_METHOD_POST,
    PAWL_METHOD_PUT,
    PAWL_METHOD_PATCH,
    PAWL_METHOD_DELETE,
    PAWL_METHOD_COUNT
};

enum pawl_route_who { PAWL_WHO_NOBODY, PAWL_WHO_TENANT, PAWL_WHO_ADMIN, PAWL_WHO_EITHER };

enum { PAWL_PERMISSION_NONE = -1 }; /* beside enum pawl_permission */

/* SETTLEMENT: required, and of what is spent already, so that more is taken than is of others. */
enum pawl_route_body {
    PAWL_BODY_NONE,
    PAWL_BODY_OPTIONAL,
    PAWL_BODY_REQUIRED,
    PAWL_BODY_SETTLEMENT
};

struct pawl_cycles_route {
    const char *method_name;
    const char *path;
    const char *operation;
    const char *who_name;
    const char *permission_name;
    uint8_t method;     /* enum pawl_method */
    uint8_t plane;      /* enum pawl_plane */
    uint8_t who;        /* enum pawl_route_who */
    uint8_t body;       /* enum pawl_route_body */
    int16_t permission; /* enum pawl_permission; -1: none */
    void (*handler)(struct pawl_call *call);
    const struct pawl_shape *fields; /* of the body; without any where there is none */
    const struct pawl_shape *query;  /* of the query string, likewise */
};

#define PAWL_ROUTE(method, path, plane, who, permission, body, operation, handler, fields, query)  \
    void pawl_cycles_##handler(struct pawl_call *call);                                            \
    extern const struct pawl_shape pawl_##fields##_shape;                                          \
    extern const struct pawl_shape pawl_##query##_shape;
#include "cycles/route.def"
#undef PAWL_ROUTE

struct pawl_route_tree;

/* NULL without memory. */
struct pawl_route_tree *pawl_route_tree_new(void);
void pawl_route_tree_free(struct pawl_route_tree *tree);

struct pawl_route_found {
    const struct pawl_cycles_route *route; /* NULL: none */
    uint32_t methods; /* without a route: those that the path has, a bit each; 0: no such path */
    struct pawl_slice params[PAWL_ROUTE_PARAMS_MAX];
};
/* HEAD finds GET's. `planes` is a set of enum pawl_plane. */
void pawl_route_find(const struct pawl_route_tree *tree,
                     uint32_t planes,
                     struct pawl_slice method,
                     struct pawl_slice path,
                     struct pawl_arena *arena,
                     struct pawl_route_found *ret_found);
/* "GET"; static text. */
const char *pawl_method_name(enum pawl_method method);
/* The rows of the table. */
uint32_t pawl_route_count(void);
const struct pawl_cycles_route *pawl_route_at(uint32_t number);

#endif
