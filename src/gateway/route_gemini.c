/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_gemini.c: Google's paths, in which the model and what is to be done with it stand:
 *
 *   [/upload|/download]/VERSION/models/NAME:VERB
 *   …/tunedModels/NAME:VERB
 *   …/publishers/google/models/NAME:VERB                                    (Vertex AI)
 *   …/projects/P/locations/L/publishers/google/models/NAME:VERB             (Vertex AI)
 *   …/openai/REST        the API of OpenAI on Google's host
 *
 * A name is one plain segment: a slash or a colon that comes percent-encoded is not looked
 * through, and such a path is refused under a hard cap. Models of other publishers speak other
 * dialects and are refused as well.
 */
#include "base/attrs.h"
#include "gateway/route_priv.h"

/* What is done with a model. Whatever is not here may spend. */
static const struct {
    enum pawl_route_kind kind;
    enum pawl_dialect dialect;
    bool stream;
    const char *verb;
    const char *words;
} verbs[] = {
#define ANSWER_ONE_PIECE false
#define ANSWER_STREAM    true
#define PAWL_ROUTE(upstream, kind, dialect, pattern, words)
#define PAWL_ROUTE_VERB(kind, dialect, answer, verb, words)                                        \
    {PAWL_ROUTE_##kind, PAWL_DIALECT_##dialect, ANSWER_##answer, verb, words},
#include "gateway/routes.def"
#undef PAWL_ROUTE
#undef PAWL_ROUTE_VERB
};

/* Segments that a version belongs in front of. */
static const char *const resources[] = {
    "models",         "tunedModels", "publishers", "projects", "files",
    "cachedContents", "batches",     "operations", "openai",
};

static bool is_one_of(struct pawl_slice segment, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_equal_str(segment, list[i])) {
            return true;
        }
    }
    return false;
}

/* "v1", "v1beta", "v1alpha", "v1beta1". */
static bool is_version(struct pawl_slice segment)
{
    return segment.bytes >= 2 && segment.data[0] == 'v' && segment.data[1] >= '0' &&
           segment.data[1] <= '9' && pawl_route_plain_segment(segment);
}

static bool skip(struct pawl_slice *path, const char *segment)
{
    struct pawl_slice rest = *path;
    bool there = pawl_slice_equal_str(pawl_route_next_segment(&rest), segment);
    *path = there ? rest : *path;
    return there;
}

static void skip_version(struct pawl_slice *path)
{
    struct pawl_slice rest = *path;
    if (is_version(pawl_route_next_segment(&rest))) {
        *path = rest;
    }
}

/* Vertex AI's way to a model. false: it leads to another publisher, or nowhere. */
static bool skip_publisher(struct pawl_slice *path)
{
    if (skip(path, "projects")) {
        struct pawl_slice project = pawl_route_next_segment(path);
        bool place =
            skip(path, "locations") && pawl_route_plain_segment(pawl_route_next_segment(path));
        if (!place || !pawl_route_plain_segment(project)) {
            return false;
        }
    }
    return !skip(path, "publishers") || skip(path, "google");
}

/* The last colon is the one in front of the verb. */
static struct pawl_slice cut_verb(struct pawl_slice *name)
{
    size_t at = name->bytes;
    while (at > 0 && name->data[at - 1] != ':') {
        at--;
    }
    struct pawl_slice verb = pawl_slice_sub(*name, at, name->bytes);
    *name = pawl_slice_sub(*name, 0, at > 0 ? at - 1 : 0);
    return verb;
}

static void classify_model(struct pawl_route *route, struct pawl_slice path)
{
    struct pawl_slice model = pawl_route_next_segment(&path);
    if (path.bytes > 0 || !pawl_route_plain_segment(model)) {
        return;
    }
    struct pawl_slice verb = cut_verb(&model);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(verbs) && model.bytes > 0; i++) {
        if (pawl_slice_equal_str(verb, verbs[i].verb)) {
            route->kind = verbs[i].kind;
            route->dialect = verbs[i].dialect;
            route->stream = verbs[i].stream;
            route->words = verbs[i].words;
            route->model = model;
            return;
        }
    }
}

void pawl_route_classify_gemini(struct pawl_route *route)
{
    struct pawl_slice path = route->rest;
    bool upload = skip(&path, "upload");
    skip_version(&path);
    if (pawl_route_post_of(PAWL_UPSTREAM_GEMINI, path, route) || upload) {
        return;
    }
    if (skip(&path, "openai")) {
        route->dialect = PAWL_DIALECT_OPENAI_CHAT;
        (void)pawl_route_post_of(PAWL_UPSTREAM_OPENAI, path, route);
        return;
    }
    if (!skip_publisher(&path)) {
        return;
    }
    if (skip(&path, "models") || skip(&path, "tunedModels")) {
        classify_model(route, path);
    }
}

bool pawl_route_gemini_lacks_version(struct pawl_slice rest)
{
    return is_one_of(pawl_route_next_segment(&rest), resources, PAWL_ARRAY_LEN(resources));
}
