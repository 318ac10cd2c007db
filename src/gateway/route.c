/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c: paths as a table.
 *
 * routes.def has the table, and says what a pattern is. Dots alone are no plain segment, nor is
 * anything percent-encoded, so no pattern can be reached around a corner. Runs of slashes count as
 * one, since base URLs with a trailing slash are common. Google's paths, which name models and
 * verbs, are in route_gemini.c.
 */
#include "gateway/route.h"

#include "base/attrs.h"
#include "gateway/route_priv.h"

/* POST and nothing else. What is not here may spend. */
static const struct {
    enum pawl_upstream upstream;
    enum pawl_route_kind kind;
    enum pawl_dialect dialect;
    const char *pattern; /* behind the version */
    const char *words;
} rows[] = {
#define PAWL_ROUTE(upstream, kind, dialect, pattern, words)                                        \
    {PAWL_UPSTREAM_##upstream, PAWL_ROUTE_##kind, PAWL_DIALECT_##dialect, pattern, words},
#define PAWL_ROUTE_VERB(kind, dialect, answer, verb, words)
#include "gateway/routes.def"
#undef PAWL_ROUTE
#undef PAWL_ROUTE_VERB
};

static const struct {
    const char *name;
    enum pawl_dialect dialect;
} upstreams[] = {
    [PAWL_UPSTREAM_ANTHROPIC] = {"anthropic", PAWL_DIALECT_ANTHROPIC},
    [PAWL_UPSTREAM_OPENAI] = {"openai", PAWL_DIALECT_OPENAI_CHAT},
    [PAWL_UPSTREAM_GEMINI] = {"gemini", PAWL_DIALECT_GEMINI},
    [PAWL_UPSTREAM_CHATGPT] = {"chatgpt", PAWL_DIALECT_OPENAI_RESPONSES},
};
_Static_assert(PAWL_ARRAY_LEN(upstreams) == PAWL_UPSTREAM_COUNT, "every upstream has a name");

/* Methods that no provider bills. */
static const char *const free_methods[] = {"GET", "HEAD", "DELETE", "OPTIONS"};

/* First segments that belong under "/v1" when a client left it out (@ai-sdk/anthropic posts
 * "/messages"); everything else outside "/v1" is something of the host itself. */
static const char *const anthropic_v1[] = {"messages", "models", "files", "complete", "skills"};

/* --- Pieces of paths ------------------------------------------------------------------------ */

static struct pawl_slice skip_slashes(struct pawl_slice path)
{
    while (path.bytes > 0 && path.data[0] == '/') {
        path = pawl_slice_sub(path, 1, path.bytes);
    }
    return path;
}

struct pawl_slice pawl_route_next_segment(struct pawl_slice *path)
{
    *path = skip_slashes(*path);
    size_t end = pawl_slice_find_byte(*path, '/');
    struct pawl_slice segment = pawl_slice_sub(*path, 0, end);
    *path = pawl_slice_sub(*path, segment.bytes, path->bytes);
    return segment;
}

static bool plain_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.' || byte == ':';
}

bool pawl_route_plain_segment(struct pawl_slice segment)
{
    bool other_than_dot = false;
    for (size_t i = 0; i < segment.bytes; i++) {
        if (!plain_byte(segment.data[i])) {
            return false;
        }
        other_than_dot = other_than_dot || segment.data[i] != '.';
    }
    return other_than_dot;
}

/* "*" with or without an ending, or the segment itself. */
static bool segment_fits(struct pawl_slice got, struct pawl_slice want)
{
    if (want.bytes == 0 || want.data[0] != '*') {
        return pawl_slice_equal(want, got);
    }
    struct pawl_slice ending = pawl_slice_sub(want, 1, want.bytes);
    return got.bytes > ending.bytes && pawl_slice_ends_with(got, ending) &&
           pawl_route_plain_segment(pawl_slice_sub(got, 0, got.bytes - ending.bytes));
}

static bool matches(struct pawl_slice path, const char *pattern)
{
    struct pawl_slice rest = pawl_slice_str(pattern);
    while (rest.bytes > 0) {
        struct pawl_slice want = pawl_route_next_segment(&rest);
        if (pawl_slice_equal_str(want, "**")) {
            return true;
        }
        if (!segment_fits(pawl_route_next_segment(&path), want)) {
            return false;
        }
    }
    /* A trailing slash is another path. */
    return path.bytes == 0;
}

/* Without its "/v1", if it has one. */
static struct pawl_slice without_version(struct pawl_slice path)
{
    struct pawl_slice rest = path;
    return pawl_slice_equal_str(pawl_route_next_segment(&rest), "v1") ? rest : path;
}

static bool constant_time_equal(struct pawl_slice given, const char *secret)
{
    size_t bytes = strlen(secret);
    /* The length is no secret. */
    if (given.bytes != bytes) {
        return false;
    }
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < bytes; i++) {
        difference =
            (unsigned char)(difference | ((unsigned char)given.data[i] ^ (unsigned char)secret[i]));
    }
    return difference == 0;
}

/* --- The table's use ------------------------------------------------------------------------ */

static bool free_method(struct pawl_slice method)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(free_methods); i++) {
        if (pawl_slice_equal_str(method, free_methods[i])) {
            return true;
        }
    }
    return false;
}

bool pawl_route_post_of(enum pawl_upstream api, struct pawl_slice path, struct pawl_route *route)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        if (rows[i].upstream == api && matches(path, rows[i].pattern)) {
            route->kind = rows[i].kind;
            route->dialect = rows[i].dialect;
            route->words = rows[i].words;
            return true;
        }
    }
    return false;
}

/* Whose paths it has. */
static enum pawl_upstream api_of(enum pawl_upstream upstream)
{
    return upstream == PAWL_UPSTREAM_CHATGPT ? PAWL_UPSTREAM_OPENAI : upstream;
}

static void classify_post(struct pawl_route *route)
{
    if (route->upstream == PAWL_UPSTREAM_GEMINI) {
        pawl_route_classify_gemini(route);
        return;
    }
    struct pawl_slice path = without_version(route->rest);
    struct pawl_slice first = path;
    first = pawl_route_next_segment(&first);
    enum pawl_upstream api = api_of(route->upstream);
    if (!pawl_route_post_of(api, path, route) && api == PAWL_UPSTREAM_OPENAI &&
        pawl_slice_equal_str(first, "responses")) {
        route->dialect = PAWL_DIALECT_OPENAI_RESPONSES;
    }
}

struct pawl_route pawl_route_of(const struct pawl_route_request *request, const char *secret)
{
    struct pawl_route route = {.kind = PAWL_ROUTE_NOT_FOUND};
    struct pawl_slice rest = request->path;
    /* A client whose address stands where others may read it has the secret in a header. */
    struct pawl_slice first = pawl_route_next_segment(&rest);
    bool by_header = pawl_slice_equal_str(first, "-");
    if (!constant_time_equal(by_header ? request->key : first, secret)) {
        return route;
    }
    struct pawl_slice name = pawl_route_next_segment(&rest);
    size_t upstream = 0;
    while (upstream < PAWL_UPSTREAM_COUNT &&
           !pawl_slice_equal_str(name, upstreams[upstream].name)) {
        upstream++;
    }
    if (upstream == PAWL_UPSTREAM_COUNT) {
        return route;
    }
    route.upstream = (enum pawl_upstream)upstream;
    route.dialect = upstreams[upstream].dialect;
    route.rest = rest;
    route.kind = PAWL_ROUTE_UNMETERED;
    if (request->upgrade) {
        route.kind = PAWL_ROUTE_UPGRADE;
    } else if (request->overridden) {
        /* What it is, the provider decides by a header. */
    } else if (free_method(request->method)) {
        route.kind = PAWL_ROUTE_FREE;
    } else if (pawl_slice_equal_str(request->method, "POST")) {
        classify_post(&route);
    }
    return route;
}

/* --- Addresses ------------------------------------------------------------------------------ */

static bool belongs_under_v1(struct pawl_slice path)
{
    struct pawl_slice first = pawl_route_next_segment(&path);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(anthropic_v1); i++) {
        if (pawl_slice_equal_str(first, anthropic_v1[i])) {
            return true;
        }
    }
    return false;
}

void pawl_route_append_url(const struct pawl_route *route,
                           struct pawl_slice base,
                           struct pawl_slice query,
                           struct pawl_buf *url)
{
    pawl_buf_append_slice(url, base);
    struct pawl_slice rest = route->rest;
    switch (route->upstream) {
    case PAWL_UPSTREAM_ANTHROPIC:
        if (belongs_under_v1(rest)) {
            pawl_buf_append_str(url, "/v1");
        }
        break;
    case PAWL_UPSTREAM_OPENAI:
    case PAWL_UPSTREAM_CHATGPT:
        rest = without_version(rest);
        break;
    case PAWL_UPSTREAM_GEMINI:
        if (pawl_route_gemini_lacks_version(rest)) {
            pawl_buf_append_str(url, "/v1beta");
        }
        break;
    case PAWL_UPSTREAM_COUNT:
        break;
    }
    struct pawl_slice tail = skip_slashes(rest);
    if (rest.bytes > 0) {
        pawl_buf_append_byte(url, '/');
        pawl_buf_append_slice(url, tail);
    }
    if (query.bytes > 0) {
        pawl_buf_append_byte(url, '?');
        pawl_buf_append_slice(url, query);
    }
}

struct pawl_slice pawl_route_trim_base(enum pawl_upstream upstream, struct pawl_slice base)
{
    while (base.bytes > 0 && base.data[base.bytes - 1] == '/') {
        base.bytes--;
    }
    if (upstream == PAWL_UPSTREAM_ANTHROPIC && pawl_slice_ends_with(base, PAWL_SLICE("/v1"))) {
        base.bytes -= 3;
    }
    return base;
}

struct pawl_slice pawl_route_host_of(struct pawl_slice url)
{
    size_t scheme = pawl_slice_find(url, PAWL_SLICE("://"));
    if (scheme == SIZE_MAX) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_slice rest = pawl_slice_sub(url, scheme + 3, url.bytes);
    struct pawl_slice authority = pawl_slice_sub(rest, 0, pawl_slice_find_byte(rest, '/'));
    size_t at = pawl_slice_find_byte(authority, '@');
    if (at != SIZE_MAX) {
        authority = pawl_slice_sub(authority, at + 1, authority.bytes);
    }
    if (authority.bytes > 0 && authority.data[0] == '[') {
        return pawl_slice_sub(authority, 0, pawl_slice_find_byte(authority, ']') + 1);
    }
    return pawl_slice_sub(authority, 0, pawl_slice_find_byte(authority, ':'));
}
