/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attribution.c: a table of headers. The first row that has a value wins.
 *
 *   Claude Code   x-claude-code-…; the class comes with CLAUDE_CODE_GATEWAY_HINT_HEADERS, the
 *                 sub-agent's id always
 *   Codex         session-id and thread-id, which are the same for the main conversation;
 *                 x-codex-turn-metadata, JSON, has the sub-agent's name and what a side call is for
 *   any other     x-pawl-…: Gemini CLI sends what GEMINI_CLI_CUSTOM_HEADERS says
 */
#include "gateway/attribution.h"

#include "base/attrs.h"
#include "net/http.h"

enum { TEXT_BYTES_MAX = 128, METADATA_BYTES_MAX = 8192, METADATA_NODES_MAX = 512 };

struct row {
    const char *header;
    size_t field; /* its offset in struct pawl_attribution */
};

#define FIELD(name) offsetof(struct pawl_attribution, name)

static const struct row rows[] = {
    {"x-pawl-session", FIELD(session)},
    {"x-pawl-thread", FIELD(thread)},
    {"x-pawl-class", FIELD(kind)},
    {"x-pawl-name", FIELD(name)},
    {"x-claude-code-session-id", FIELD(session)},
    {"x-claude-code-agent-id", FIELD(thread)},
    {"x-claude-code-request-class", FIELD(kind)},
    {"x-claude-code-agent-type", FIELD(name)},
    {"session-id", FIELD(session)},
    {"thread-id", FIELD(thread)},
    {"x-codex-parent-thread-id", FIELD(parent)},
};

static struct pawl_slice *field_of(struct pawl_attribution *attribution, const struct row *row)
{
    return (struct pawl_slice *)(void *)((char *)attribution + row->field);
}

static struct pawl_slice keep(struct pawl_arena *arena, struct pawl_slice text)
{
    return pawl_slice_empty(text) ? PAWL_SLICE_NONE
                                  : pawl_arena_copy(arena, pawl_slice_sub(text, 0, TEXT_BYTES_MAX));
}

static void take(struct pawl_slice *field, struct pawl_slice text)
{
    if (pawl_slice_empty(*field)) {
        *field = text;
    }
}

static struct pawl_slice
member(const struct pawl_json *json, const char *key, struct pawl_arena *arena)
{
    uint32_t node = pawl_json_get(json, 0, key);
    return node != PAWL_JSON_NONE && pawl_json_is(json, node, PAWL_JSON_STRING)
               ? keep(arena, pawl_json_string(json, node, arena))
               : PAWL_SLICE_NONE;
}

/* What Codex says of a turn. */
static void
read_turn(struct pawl_attribution *attribution, struct pawl_slice text, struct pawl_arena *arena)
{
    struct pawl_json json;
    struct pawl_json_limits limits = {.depth_max = 16, .nodes_max = METADATA_NODES_MAX};
    if (text.bytes == 0 || text.bytes > METADATA_BYTES_MAX ||
        !pawl_json_parse(arena, text, PAWL_JSON_FORWARD, limits, &json) ||
        !pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
        return;
    }
    struct pawl_slice source = member(&json, "thread_source", arena);
    take(&attribution->name, member(&json, "agent_name", arena));
    /* "user" is the main conversation; "thread_title" and its like are side calls. */
    if (!pawl_slice_equal_str(source, "user")) {
        take(&attribution->kind, source);
    }
}

struct pawl_attribution pawl_attribution_of(const struct pawl_http_header *headers,
                                            size_t header_count,
                                            struct pawl_arena *arena)
{
    struct pawl_attribution attribution = {.session = PAWL_SLICE_NONE};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_slice value = pawl_http_header_value(headers, header_count, rows[i].header);
        if (!pawl_slice_empty(value)) {
            take(field_of(&attribution, &rows[i]), keep(arena, value));
        }
    }
    if (!pawl_slice_empty(pawl_http_header_value(headers, header_count, "x-openai-subagent"))) {
        take(&attribution.kind, PAWL_SLICE("subagent"));
    }
    read_turn(&attribution, pawl_http_header_value(headers, header_count, "x-codex-turn-metadata"),
              arena);
    if (pawl_slice_equal(attribution.thread, attribution.session) &&
        (pawl_slice_empty(attribution.kind) || pawl_slice_equal_str(attribution.kind, "main"))) {
        attribution.thread = PAWL_SLICE_NONE; /* Codex's main conversation */
    }
    return attribution;
}

static void write_member(struct pawl_json_writer *writer, const char *key, struct pawl_slice text)
{
    if (!pawl_slice_empty(text)) {
        pawl_json_member_string(writer, key, text);
    }
}

void pawl_attribution_write(const struct pawl_attribution *attribution,
                            struct pawl_json_writer *writer)
{
    write_member(writer, "session", attribution->session);
    write_member(writer, "thread", attribution->thread);
    write_member(writer, "parent", attribution->parent);
    write_member(writer, "class", attribution->kind);
    write_member(writer, "name", attribution->name);
}
