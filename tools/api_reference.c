/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_reference.c: the tables of docs/API.md, from what the server is compiled of: route.def, the
 * shapes of bodies and queries that its handlers read, answer.def, and the tables of errors. So the
 * page cannot say what the code does not.
 *
 *     api_reference PAGE           writes them between the page's marks
 *     api_reference --check PAGE   compares; 1 where they differ
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "core/result.h"
#include "cycles/body.h"
#include "cycles/cycles.h"
#include "cycles/route.h"
#include "cycles/subject.h"
#include "registry/registry.h"

enum { PAGE_BYTES_MAX = 4 << 20, PATH_BYTES = 256 };

#define MARK     "<!-- api -->\n"
#define MARK_END "<!-- /api -->\n"

struct answer {
    const char *operation;
    int status;
    const char *shape;
    const char *errors;
};

struct answer_field {
    const char *shape;
    const char *name;
    const char *type;
    const char *when;
    const char *meaning;
};

struct error_row {
    int status;
    const char *code;
    const char *meaning;
};

#define PAWL_ANSWER(operation, status, shape, errors) {#operation, (status), (shape), (errors)},
#define PAWL_ANSWER_FIELD(shape, name, type, when, meaning)
static const struct answer answers[] = {
#include "cycles/answer.def"
};
#undef PAWL_ANSWER
#undef PAWL_ANSWER_FIELD

#define PAWL_ANSWER(operation, status, shape, errors)
#define PAWL_ANSWER_FIELD(shape, name, type, when, meaning)                                        \
    {#shape, (name), (type), #when, (meaning)},
static const struct answer_field fields[] = {
#include "cycles/answer.def"
};
#undef PAWL_ANSWER
#undef PAWL_ANSWER_FIELD

#define PAWL_ERROR(NAME, status, wire, meaning) {(status), (wire), (meaning)},
#define PAWL_RESULT(NAME, number, http, wire, retryable, remembered, meaning)                      \
    {(http), (wire), (meaning)},
static const struct error_row errors[] = {
#include "core/result.def"
#include "cycles/error.def"
};
#undef PAWL_ERROR
#undef PAWL_RESULT

/* Of every operation, if it asks for a key at all. */
static const char common[] = "400 INVALID_REQUEST, 401 UNAUTHORIZED, 403 FORBIDDEN, "
                             "403 INSUFFICIENT_PERMISSIONS, 500 INTERNAL_ERROR";
/* Of a path or method that is not there. */
static const char unserved[] = "404 NOT_FOUND, 405 INVALID_REQUEST";

/* Records that several bodies have, and are told of once. */
static const struct {
    const struct pawl_shape *shape;
    const char *name;
} records[] = {{&pawl_amount_shape, "Amount"},
               {&pawl_subject_shape, "Subject"},
               {&pawl_action_shape, "Action"},
               {&pawl_metrics_shape, "Metrics"}};

/* --- Pieces --------------------------------------------------------------------------------- */

static const char *record_name(const struct pawl_shape *shape)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(records); i++) {
        if (records[i].shape == shape) {
            return records[i].name;
        }
    }
    return NULL;
}

/* "[Amount](#amount)" */
static void put_link(struct pawl_buf *out, struct pawl_slice name)
{
    pawl_buf_printf(out, "[%.*s](#", (int)name.bytes, name.data);
    for (size_t i = 0; i < name.bytes; i++) {
        char byte = name.data[i];
        pawl_buf_append_byte(out, byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte);
    }
    pawl_buf_append_byte(out, ')');
}

static bool is_object(struct pawl_slice name)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        if (pawl_slice_equal_str(name, fields[i].shape)) {
            return true;
        }
    }
    return false;
}

/* A type of answer.def. */
static void put_type(struct pawl_buf *out, const char *type)
{
    struct pawl_slice rest = pawl_slice_str(type);
    bool list = pawl_slice_ends_with(rest, PAWL_SLICE("[]"));
    rest.bytes -= list ? 2 : 0;
    pawl_buf_append_str(out, list ? "list of " : "");
    for (bool first = true; rest.bytes > 0; first = false) {
        struct pawl_slice word = pawl_slice_cut(&rest, '|');
        bool plain = word.data[0] >= 'a' && word.data[0] <= 'z' && strchr(type, '|') == NULL;
        pawl_buf_append_str(out, first ? "" : " or ");
        if (is_object(word)) {
            put_link(out, word);
        } else if (plain) {
            pawl_buf_append_slice(out, word);
        } else {
            pawl_buf_printf(out, "`%.*s`", (int)word.bytes, word.data);
        }
    }
}

/* Rows of a shape's fields; records of its own are told with their paths. */
static void put_shape(struct pawl_buf *out, const struct pawl_shape *shape, const char *prefix)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[i];
        const char *record = field->inner != NULL ? record_name(field->inner) : NULL;
        pawl_buf_printf(out, "| `%s%s` | %s | ", prefix, field->name, field->required ? "yes" : "");
        if (record != NULL) {
            put_link(out, pawl_slice_str(record));
        } else if (field->type == PAWL_FIELD_IGNORED) {
            pawl_buf_append_str(out, "anything; passed over");
        } else {
            pawl_field_say(field, out);
        }
        pawl_buf_append_str(out, " |\n");
        if (field->inner != NULL && record == NULL) {
            char path[PATH_BYTES];
            (void)snprintf(path, sizeof(path), "%s%s.", prefix, field->name);
            put_shape(out, field->inner, path);
        }
    }
}

static void put_fields(struct pawl_buf *out, const char *title, const struct pawl_shape *shape)
{
    if (shape->count > 0) {
        pawl_buf_printf(out, "| %s | required | takes |\n| --- | --- | --- |\n", title);
        put_shape(out, shape, "");
        pawl_buf_append_str(out, "\n");
    }
}

static void put_codes(struct pawl_buf *out, const char *codes)
{
    struct pawl_slice rest = pawl_slice_str(codes);
    for (bool first = true; rest.bytes > 0; first = false) {
        struct pawl_slice code = pawl_slice_trim(pawl_slice_cut(&rest, ','));
        struct pawl_slice status = pawl_slice_cut(&code, ' ');
        pawl_buf_printf(out, "%s%.*s `%.*s`", first ? "" : ", ", (int)status.bytes, status.data,
                        (int)code.bytes, code.data);
    }
}

/* --- Operations ----------------------------------------------------------------------------- */

static const char *who_asks(const struct pawl_cycles_route *route)
{
    static const char *const words[] = {[PAWL_WHO_NOBODY] = "nobody's",
                                        [PAWL_WHO_TENANT] = "a tenant's",
                                        [PAWL_WHO_ADMIN] = "the administrator's",
                                        [PAWL_WHO_EITHER] = "a tenant's or the administrator's"};
    PAWL_ASSERT(route->who < PAWL_ARRAY_LEN(words));
    return words[route->who];
}

static void put_permission(struct pawl_buf *out, const struct pawl_cycles_route *route)
{
    if (route->permission != PAWL_PERMISSION_NONE) {
        pawl_buf_printf(out, "`%s`", pawl_permission_name((enum pawl_permission)route->permission));
    }
}

static void put_statuses(struct pawl_buf *out, const char *operation)
{
    const char *shape = "";
    bool first = true;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].operation, operation) == 0) {
            pawl_buf_printf(out, "%s%d", first ? "" : " or ", answers[i].status);
            shape = answers[i].shape;
            first = false;
        }
    }
    PAWL_ASSERT(!first); /* route.def and answer.def name the same operations */
    pawl_buf_append_str(out, " ");
    put_link(out, pawl_slice_str(shape));
}

static void put_errors(struct pawl_buf *out, const char *operation)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].operation, operation) == 0 && answers[i].errors[0] != '\0') {
            pawl_buf_append_str(out, "; errors: ");
            put_codes(out, answers[i].errors);
        }
    }
}

static void put_operation(struct pawl_buf *out, const struct pawl_cycles_route *route)
{
    pawl_buf_printf(out, "### `%s %s`\n\n`%s`; key: %s", route->method_name, route->path,
                    route->operation, who_asks(route));
    if (route->permission != PAWL_PERMISSION_NONE) {
        pawl_buf_append_str(out, ", permission ");
        put_permission(out, route);
    }
    pawl_buf_append_str(out, "; answer: ");
    put_statuses(out, route->operation);
    put_errors(out, route->operation);
    pawl_buf_append_str(out, ".\n\n");
    put_fields(out, "query", route->query);
    put_fields(out, route->body == PAWL_BODY_OPTIONAL ? "body, may be absent" : "body",
               route->fields);
}

static void put_overview(struct pawl_buf *out)
{
    pawl_buf_append_str(out, "## Operations\n\n| operation | method and path | key | permission | "
                             "answer |\n| --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        pawl_buf_printf(out, "| `%s` | `%s %s` | %s | ", route->operation, route->method_name,
                        route->path, who_asks(route));
        put_permission(out, route);
        pawl_buf_append_str(out, " | ");
        put_statuses(out, route->operation);
        pawl_buf_append_str(out, " |\n");
    }
}

/* What both planes have stands under the first of them. */
static void put_plane(struct pawl_buf *out, uint8_t plane, const char *title)
{
    pawl_buf_printf(out, "\n## %s\n\n", title);
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        uint8_t of_route = pawl_route_at(i)->plane;
        if (of_route == plane || (plane == PAWL_PLANE_RUNTIME && of_route == PAWL_PLANE_BOTH)) {
            put_operation(out, pawl_route_at(i));
        }
    }
}

/* --- Objects and errors --------------------------------------------------------------------- */

static void put_objects(struct pawl_buf *out)
{
    pawl_buf_append_str(out, "## Objects of bodies\n\n");
    for (size_t i = 1; i < PAWL_ARRAY_LEN(records); i++) { /* Amount is among the answers' */
        pawl_buf_printf(out, "### %s\n\n", records[i].name);
        put_fields(out, "field", records[i].shape);
    }
    pawl_buf_append_str(out, "## Objects of answers\n");
    const char *shape = "";
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].shape, shape) != 0) {
            shape = fields[i].shape;
            pawl_buf_printf(out,
                            "\n### %s\n\n| field | always | type | |\n"
                            "| --- | --- | --- | --- |\n",
                            shape);
        }
        pawl_buf_printf(out, "| `%s` | %s | ", fields[i].name,
                        strcmp(fields[i].when, "ALWAYS") == 0 ? "yes" : "");
        put_type(out, fields[i].type);
        pawl_buf_printf(out, " | %s |\n", fields[i].meaning);
    }
}

static bool names(const char *codes, const struct error_row *row)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "%d %s", row->status, row->code);
    struct pawl_slice rest = pawl_slice_str(codes);
    while (rest.bytes > 0) {
        if (pawl_slice_equal_str(pawl_slice_trim(pawl_slice_cut(&rest, ',')), wanted)) {
            return true;
        }
    }
    return false;
}

static bool is_given(const struct error_row *row)
{
    bool given = names(common, row) || names(unserved, row);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        given = given || names(answers[i].errors, row);
    }
    return given;
}

/* What a status and code may mean, each once, in the tables' order. */
static void put_meanings(struct pawl_buf *out, size_t first)
{
    for (size_t i = first; i < PAWL_ARRAY_LEN(errors); i++) {
        bool same = errors[i].status == errors[first].status &&
                    strcmp(errors[i].code, errors[first].code) == 0;
        bool said = false;
        for (size_t before = first; before < i; before++) {
            said = said || strcmp(errors[before].meaning, errors[i].meaning) == 0;
        }
        if (same && !said) {
            pawl_buf_printf(out, "%s%s", i > first ? "; " : "", errors[i].meaning);
        }
    }
}

static void put_error_table(struct pawl_buf *out)
{
    pawl_buf_append_str(out, "\n## Errors\n\nEvery operation that asks for a key may answer ");
    put_codes(out, common);
    pawl_buf_append_str(out, "; a path or method that is not served ");
    put_codes(out, unserved);
    pawl_buf_append_str(out, ".\n\n| status | code | may mean |\n| --- | --- | --- |\n");
    for (int status = 400; status < 600; status++) {
        for (size_t i = 0; i < PAWL_ARRAY_LEN(errors); i++) {
            bool first = errors[i].status == status && is_given(&errors[i]);
            for (size_t before = 0; before < i && first; before++) {
                first = errors[before].status != status ||
                        strcmp(errors[before].code, errors[i].code) != 0;
            }
            if (first) {
                pawl_buf_printf(out, "| %d | `%s` | ", status, errors[i].code);
                put_meanings(out, i);
                pawl_buf_append_str(out, " |\n");
            }
        }
    }
}

/* --- The page ------------------------------------------------------------------------------- */

static bool read_page(const char *path, struct pawl_buf *page)
{
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t bytes = 0;
    if (file == NULL) {
        return false;
    }
    while ((bytes = fread(piece, 1, sizeof(piece), file)) > 0) {
        pawl_buf_append(page, piece, bytes);
    }
    bool good = ferror(file) == 0 && !page->overflowed;
    return fclose(file) == 0 && good;
}

static bool write_page(const char *path, struct pawl_slice text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool good = fwrite(text.data, 1, text.bytes, file) == text.bytes;
    return fclose(file) == 0 && good;
}

static int finish(const char *path, bool check)
{
    struct pawl_buf old;
    struct pawl_buf page;
    int status = 1;
    pawl_buf_init(&old, PAGE_BYTES_MAX);
    pawl_buf_init(&page, PAGE_BYTES_MAX);
    bool good = read_page(path, &old);
    struct pawl_slice text = pawl_buf_slice(&old);
    size_t begin = good ? pawl_slice_find(text, PAWL_SLICE(MARK)) : SIZE_MAX;
    size_t end = good ? pawl_slice_find(text, PAWL_SLICE(MARK_END)) : SIZE_MAX;
    if (begin == SIZE_MAX || end == SIZE_MAX || end < begin) {
        (void)fprintf(stderr, "%s: cannot be read, or has no marks\n", path);
    } else {
        pawl_buf_append_slice(&page, pawl_slice_sub(text, 0, begin + sizeof(MARK) - 1));
        put_overview(&page);
        put_plane(&page, PAWL_PLANE_RUNTIME, "The runtime plane");
        put_plane(&page, PAWL_PLANE_GOVERNANCE, "The governance plane");
        put_plane(&page, PAWL_PLANE_BASE, "Probes");
        put_objects(&page);
        put_error_table(&page);
        pawl_buf_append_slice(&page, pawl_slice_sub(text, end, text.bytes));
        PAWL_ASSERT(!page.overflowed);
        bool same = pawl_slice_equal(pawl_buf_slice(&page), text);
        status = (check ? same : write_page(path, pawl_buf_slice(&page))) ? 0 : 1;
        if (status != 0) {
            (void)fprintf(stderr, "%s: %s\n", path,
                          check ? "not what the tables say; run api_reference on it"
                                : "cannot be written");
        }
    }
    pawl_buf_free(&old);
    pawl_buf_free(&page);
    (void)printf("api: %u operations\n%d passed, %d failed\n", pawl_route_count(), status == 0,
                 status != 0);
    return status;
}

int main(int argc, char **argv)
{
    bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
    if (argc != 2 && !check) {
        (void)fprintf(stderr, "usage: %s [--check] PAGE\n", argv[0]);
        return 2;
    }
    return finish(argv[argc - 1], check);
}
