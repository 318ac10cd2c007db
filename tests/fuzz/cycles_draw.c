/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_draw.c: see cycles_draw.h. Texts come from a few pools by the field's name, since a scope
 * or a time that means something is hard to find byte by byte.
 */
#include "cycles_draw.h"

#include <stdio.h>
#include <string.h>

#include "base/attrs.h"

static uint8_t take(struct cycles_bytes *bytes)
{
    if (bytes->rest.bytes == 0) {
        return 0;
    }
    uint8_t byte = (uint8_t)bytes->rest.data[0];
    bytes->rest = pawl_slice_sub(bytes->rest, 1, bytes->rest.bytes);
    return byte;
}

/* --- Texts ---------------------------------------------------------------------------------- */

enum { POOL_MAX = 12 };

static const struct {
    const char *names; /* of fields, with a space on each side */
    const char *texts[POOL_MAX];
} pools[] = {
    {" idempotency_key ", {"k1", "k2", "k3", "k4", "w0", "w1", "k\xc3\xa9"}},
    {" tenant tenant_id parent_tenant_id ",
     {"acme", "globex", "ACME", "new-co", "nobody", "-a", "a_b", "acme-2"}},
    {" workspace app workflow agent toolset ",
     {"bot", "Bot", "eng", "a.b_c-d", "a b", "-x", "x/y", "%41", "bot2", "*"}},
    {" scope scope_prefix ",
     {"tenant:acme", "tenant:acme/agent:bot", "tenant:ACME/Agent:Bot", "tenant:acme/workspace:eng",
      "tenant:acme/agent:bot/workspace:eng", "tenant:globex", "agent:bot", "tenant:", "/",
      "tenant:acme/dimension:x", "tenant:new-co", "tenant:acme/"}},
    {" scope_pattern ",
     {"*", "tenant:acme", "tenant:acme/*", "agent:bot", "*/agent:bot", "tenant:globex",
      "tenant:acme/workspace:*", "tenant:*/agent:*", "**", "agent:", "a:b", ""}},
    {" effective_from effective_until period_start period_end expires_at from to expires_from "
     "expires_to finalized_from finalized_to ",
     {"2026-09-21T14:13:20Z", "2026-09-21T14:13:21.5Z", "2026-09-22T00:00:00+02:00",
      "2030-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
      "2026-02-30T00:00:00Z", "now", "2026-09-21", "2026-09-21T14:13:20", "1969-12-31T23:59:59Z",
      "99999-01-01T00:00:00Z"}},
    {" utilization_min utilization_max ",
     {"0", "1", "0.5", "1e-3", "1.0000000000001", ".", "1e", "-1", "0.99999999999999999999",
      "1e-99", "00000000000000000000000001", "0x1"}},
    {" include ",
     {"metadata", "committed_metadata", "metadata,committed_metadata", ",", "evidence"}},
    {" cursor ", {"@c", "AA", "AQ", "@", "%00", "-_-_"}},
    {" sort_by ", {"created_at", "reserved", "utilization", "name"}},
    {" key_secret ", {"@s", "cyc_live_acmeacmeacmeacmeacmeacmeacme00", "x"}},
};

/* Elements of lists, by the list's name. */
static const struct {
    const char *name;
    const char *texts[POOL_MAX];
} items[] = {
    {"permissions",
     {"reservations:create", "budgets:read", "admin:write", "admin:read", "balances:read",
      "policies:write", "nothing", "", "reservations:list", "budgets:write"}},
    {"scope_filter",
     {"agent:bot", "agent:*", "workspace:eng", "tenant:acme", "agent:", "x:y", "*", "agent:BOT",
      "tenant:globex", ":", "workspace:*"}},
    {"tool_allowlist", {"search", "", "run"}},
};

static const char *from_pool(const char *const *texts, uint8_t byte)
{
    size_t count = 0;
    while (count < POOL_MAX && texts[count] != NULL) {
        count++;
    }
    return texts[byte % count];
}

static const char *pool_text(const char *name, uint8_t byte)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), " %s ", name);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(pools); i++) {
        if (strstr(pools[i].names, wanted) != NULL) {
            return from_pool(pools[i].texts, byte);
        }
    }
    return NULL;
}

static const char *item_text(const char *name, uint8_t byte)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(items); i++) {
        if (strcmp(items[i].name, name) == 0) {
            return from_pool(items[i].texts, byte);
        }
    }
    return byte % 2 == 0 ? "a" : "\\u00e9\\\"";
}

/* A text of so many characters. */
static void draw_long(struct pawl_buf *out, int64_t length, uint8_t byte)
{
    for (int64_t i = 0; i < length; i++) {
        pawl_buf_append_str(out, byte % 2 == 0 ? "x" : "\xc3\xa9");
    }
}

static void
draw_text(struct pawl_buf *out, const struct pawl_field *field, struct cycles_bytes *bytes)
{
    uint8_t how = take(bytes);
    const char *known = pool_text(field->name, take(bytes));
    pawl_buf_append_str(out, "\"");
    if (how >= 250) {
        draw_long(out, (field->max > 0 && field->max < 5000 ? field->max : 300) + (how - 252), how);
    } else if (known != NULL && how < 240) {
        pawl_buf_append_str(out, known);
    } else if (how < 8) {
        draw_long(out, how, how);
    } else {
        pawl_buf_printf(out, "n%u", how % 4U);
    }
    pawl_buf_append_str(out, "\"");
}

/* --- Values --------------------------------------------------------------------------------- */

static void
draw_integer(struct pawl_buf *out, const struct pawl_field *field, struct cycles_bytes *bytes)
{
    static const char *const odd[] = {"-0", "1e3", "1.0",   "9223372036854775808",
                                      "-1", "01",  "\"5\"", "9007199254740993"};
    uint8_t how = take(bytes);
    int64_t span = field->max - field->min;
    if (how < 160) {
        pawl_buf_printf(out, "%lld", (long long)(field->min + how * 7 % (span > 0 ? span : 1)));
    } else if (how < 200) {
        pawl_buf_printf(out, "%lld", (long long)(field->min + (how - 160) * 1000));
    } else if (how < 220) {
        pawl_buf_printf(out, "%lld", (long long)field->max - (how - 200));
    } else if (how < 230) {
        pawl_buf_printf(out, "%lld", (long long)field->min - 1);
    } else if (how < 240) {
        pawl_buf_printf(out, "%lld", (long long)field->max + 1);
    } else {
        pawl_buf_append_str(out, odd[how % PAWL_ARRAY_LEN(odd)]);
    }
}

static void draw_word(struct pawl_buf *out, const struct pawl_field *field, uint8_t byte)
{
    size_t count = 0;
    while (field->words[count] != NULL) {
        count++;
    }
    pawl_buf_printf(out, "\"%s\"", byte >= 250 ? "NOTHING" : field->words[byte % count]);
}

static void
draw_list(struct pawl_buf *out, const struct pawl_field *field, struct cycles_bytes *bytes)
{
    bool is_map = field->type == PAWL_FIELD_MAP;
    uint32_t count = take(bytes) % 4;
    pawl_buf_append_str(out, is_map ? "{" : "[");
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = take(bytes);
        pawl_buf_append_str(out, i > 0 ? "," : "");
        if (is_map) {
            pawl_buf_printf(out, "\"m%u\":", byte % 5U);
        }
        if (byte >= 250) {
            pawl_buf_append_str(out, "7");
        } else {
            pawl_buf_printf(out, "\"%s\"", item_text(field->name, byte));
        }
    }
    pawl_buf_append_str(out, is_map ? "}" : "]");
}

static void draw_object(struct pawl_buf *out, uint8_t byte)
{
    static const char *const objects[] = {
        "{}",
        "{\"a\":1}",
        "{\"a\":{\"b\":[1,2.5,null,true,\"x\"]},\"c\":-0.0}",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1e400}",
        "{\"a\":\"\\ud83d\\ude00\"}",
    };
    pawl_buf_append_str(out, objects[byte % PAWL_ARRAY_LEN(objects)]);
}

static void
draw_value(struct pawl_buf *out, const struct pawl_field *field, struct cycles_bytes *bytes)
{
    static const char *const wrong[] = {"null", "[]", "{}",          "true",
                                        "\"\"", "0",  "\"\\u0000\"", "1.5"};
    uint8_t how = take(bytes);
    if (how >= 248) {
        pawl_buf_append_str(out, wrong[how - 248]);
        return;
    }
    switch (field->type) {
    case PAWL_FIELD_STRING:
        draw_text(out, field, bytes);
        break;
    case PAWL_FIELD_INTEGER:
        draw_integer(out, field, bytes);
        break;
    case PAWL_FIELD_BOOL:
        pawl_buf_append_str(out, how % 2 == 0 ? "true" : "false");
        break;
    case PAWL_FIELD_WORD:
        draw_word(out, field, how);
        break;
    case PAWL_FIELD_STRINGS:
    case PAWL_FIELD_MAP:
        draw_list(out, field, bytes);
        break;
    case PAWL_FIELD_RECORD:
        cycles_draw_body(out, field->inner, bytes);
        break;
    default:
        draw_object(out, how);
        break;
    }
}

/* Whether the field is there at all. */
static bool is_there(const struct pawl_field *field, struct cycles_bytes *bytes)
{
    uint8_t how = take(bytes);
    return field->required ? how < 250 : how % 3 == 1;
}

void cycles_draw_body(struct pawl_buf *out,
                      const struct pawl_shape *shape,
                      struct cycles_bytes *bytes)
{
    bool first = true;
    pawl_buf_append_str(out, "{");
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[i];
        if (!is_there(field, bytes)) {
            continue;
        }
        pawl_buf_printf(out, "%s\"%s\":", first ? "" : ",", field->name);
        draw_value(out, field, bytes);
        first = false;
    }
    if (take(bytes) >= 252) {
        pawl_buf_printf(out, "%s\"extra\":1", first ? "" : ",");
    }
    pawl_buf_append_str(out, "}");
}

/* The same values, without their quotes. */
void cycles_draw_query(struct pawl_buf *out,
                       const struct pawl_shape *shape,
                       struct cycles_bytes *bytes)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct pawl_field *field = &shape->fields[i];
        struct pawl_buf value;
        if (!is_there(field, bytes)) {
            continue;
        }
        pawl_buf_init(&value, 65536);
        draw_value(&value, field, bytes);
        pawl_buf_printf(out, "&%s=", field->name);
        for (size_t at = 0; at < value.bytes; at++) {
            char byte = value.data[at];
            if (byte == '+' || byte == '&' || byte == '#' || (unsigned char)byte >= 0x80) {
                pawl_buf_printf(out, "%%%02X", (unsigned char)byte);
            } else if (byte != '"') {
                pawl_buf_append(out, &byte, 1);
            }
        }
        pawl_buf_free(&value);
    }
}
