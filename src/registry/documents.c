/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents.c: see documents.h. Reading is done with one struct that remembers whether anything was
 * wrong, so that each kind is a list of its members and nothing else; and each reader stands beside
 * its writer.
 *
 * Numbers of enumerations are those of the core, which are never changed.
 */
#include "registry/documents.h"

#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/percent.h"

struct reader {
    struct pawl_json json;
    struct pawl_arena *arena;
    char *room;
    size_t room_bytes;
    bool damaged;
};

static const struct pawl_json_limits limits = {.depth_max = 64, .nodes_max = 40000};

static struct reader open_body(struct pawl_slice body, char *room, struct pawl_arena *arena)
{
    struct reader reader = {.arena = arena, .room = room, .room_bytes = body.bytes};
    pawl_arena_reset(arena);
    reader.damaged = !pawl_json_parse(arena, body, PAWL_JSON_FORWARD, limits, &reader.json) ||
                     !pawl_json_is(&reader.json, 0, PAWL_JSON_OBJECT);
    return reader;
}

/* The member, NONE where it is not there; one of another type is damage. */
static uint32_t member(struct reader *reader, const char *key, enum pawl_json_type type)
{
    if (reader->damaged) {
        return PAWL_JSON_NONE;
    }
    bool twice = false;
    uint32_t node = pawl_json_get_checked(&reader->json, 0, key, &twice);
    reader->damaged = twice || (node != PAWL_JSON_NONE && !pawl_json_is(&reader->json, node, type));
    return reader->damaged ? PAWL_JSON_NONE : node;
}

/* What is kept is never longer than what stands in the body, so it has room. */
static struct pawl_slice keep(struct reader *reader, struct pawl_slice text)
{
    if (text.bytes == 0) {
        return PAWL_SLICE_NONE;
    }
    PAWL_ASSERT(text.bytes <= reader->room_bytes);
    memcpy(reader->room, text.data, text.bytes);
    struct pawl_slice kept = pawl_slice_of(reader->room, text.bytes);
    reader->room += text.bytes;
    reader->room_bytes -= text.bytes;
    return kept;
}

static struct pawl_slice read_text(struct reader *reader, const char *key)
{
    uint32_t node = member(reader, key, PAWL_JSON_STRING);
    return node == PAWL_JSON_NONE
               ? PAWL_SLICE_NONE
               : keep(reader, pawl_json_string(&reader->json, node, reader->arena));
}

static struct pawl_slice read_raw(struct reader *reader, const char *key, enum pawl_json_type type)
{
    uint32_t node = member(reader, key, type);
    return node == PAWL_JSON_NONE ? PAWL_SLICE_NONE
                                  : keep(reader, pawl_json_raw(&reader->json, node));
}

/* 0 .. max, or `absent`. */
static int64_t read_number(struct reader *reader, const char *key, int64_t max, int64_t absent)
{
    int64_t value = absent;
    uint32_t node = member(reader, key, PAWL_JSON_NUMBER);
    if (node != PAWL_JSON_NONE) {
        reader->damaged = !pawl_json_i64(&reader->json, node, &value) || value < 0 || value > max;
    }
    return reader->damaged ? absent : value;
}

static void read_hash(struct reader *reader, struct registry_secret *ret_secret)
{
    uint32_t node = member(reader, "hash", PAWL_JSON_STRING);
    struct pawl_slice digits = pawl_json_string_raw(&reader->json, node);
    reader->damaged |= digits.bytes != sizeof(ret_secret->hash) * 2;
    for (size_t i = 0; !reader->damaged && i < sizeof(ret_secret->hash); i++) {
        int high = pawl_hex_digit(digits.data[2 * i]);
        int low = pawl_hex_digit(digits.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            reader->damaged = true;
            return;
        }
        ret_secret->hash[i] = (unsigned char)(high << 4 | low);
    }
}

static struct pawl_json_writer begin(struct pawl_buf *body)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, body);
    pawl_json_object_begin(&writer);
    return writer;
}

static void write_text(struct pawl_json_writer *writer, const char *key, struct pawl_slice text)
{
    if (text.bytes > 0) {
        pawl_json_member_string(writer, key, text);
    }
}

static void write_raw(struct pawl_json_writer *writer, const char *key, struct pawl_slice json)
{
    if (json.bytes > 0) {
        pawl_json_key(writer, key);
        pawl_json_put_raw(writer, json);
    }
}

static void
write_number(struct pawl_json_writer *writer, const char *key, int64_t value, int64_t absent)
{
    if (value != absent) {
        pawl_json_member_i64(writer, key, value);
    }
}

static void write_hash(struct pawl_json_writer *writer, const struct registry_secret *secret)
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof(secret->hash) * 2];
    for (size_t i = 0; i < sizeof(secret->hash); i++) {
        text[2 * i] = digits[secret->hash[i] >> 4];
        text[2 * i + 1] = digits[secret->hash[i] & 15];
    }
    pawl_json_member_string(writer, "hash", pawl_slice_of(text, sizeof(text)));
}

/* --- Tenants ---------------------------------------------------------------------------------- */

bool pawl_registry_tenant_read(struct pawl_slice body,
                               char *room,
                               struct pawl_arena *arena,
                               struct pawl_tenant *ret_tenant)
{
    struct reader reader = open_body(body, room, arena);
    struct pawl_tenant *tenant = ret_tenant;
    tenant->name = read_text(&reader, "name");
    tenant->parent = read_text(&reader, "parent");
    tenant->metadata = read_raw(&reader, "metadata", PAWL_JSON_OBJECT);
    tenant->overage =
        (uint8_t)read_number(&reader, "overage", PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT, 0);
    tenant->expiry_policy =
        (uint8_t)read_number(&reader, "expiry_policy", PAWL_EXPIRY_POLICY_MAX, 0);
    tenant->ttl_default_ms = read_number(&reader, "ttl_default_ms", PAWL_LEASE_MS_MAX, 0);
    tenant->ttl_max_ms = read_number(&reader, "ttl_max_ms", PAWL_LEASE_MS_MAX, 0);
    tenant->extensions_max = (int32_t)read_number(&reader, "extensions_max", INT32_MAX, -1);
    tenant->suspended_us = read_number(&reader, "suspended_us", INT64_MAX, 0);
    tenant->closed_us = read_number(&reader, "closed_us", INT64_MAX, 0);
    return !reader.damaged;
}

void pawl_registry_tenant_write(struct pawl_buf *body, const struct pawl_tenant *tenant)
{
    struct pawl_json_writer writer = begin(body);
    write_text(&writer, "name", tenant->name);
    write_text(&writer, "parent", tenant->parent);
    write_raw(&writer, "metadata", tenant->metadata);
    write_number(&writer, "overage", tenant->overage, 0);
    write_number(&writer, "expiry_policy", tenant->expiry_policy, 0);
    write_number(&writer, "ttl_default_ms", tenant->ttl_default_ms, 0);
    write_number(&writer, "ttl_max_ms", tenant->ttl_max_ms, 0);
    write_number(&writer, "extensions_max", tenant->extensions_max, -1);
    write_number(&writer, "suspended_us", tenant->suspended_us, 0);
    write_number(&writer, "closed_us", tenant->closed_us, 0);
    pawl_json_object_end(&writer);
}

/* --- Keys ------------------------------------------------------------------------------------- */

bool pawl_registry_key_read(struct pawl_slice body,
                            char *room,
                            struct pawl_arena *arena,
                            struct pawl_key *ret_key,
                            struct registry_secret *ret_secret)
{
    const int64_t all = (INT64_C(1) << PAWL_PERMISSION_COUNT) - 1;
    struct reader reader = open_body(body, room, arena);
    ret_key->prefix = read_text(&reader, "prefix");
    ret_key->name = read_text(&reader, "name");
    ret_key->description = read_text(&reader, "description");
    ret_key->metadata = read_raw(&reader, "metadata", PAWL_JSON_OBJECT);
    ret_key->scope_filter = read_raw(&reader, "scope_filter", PAWL_JSON_ARRAY);
    ret_key->permissions = (uint64_t)read_number(&reader, "permissions", all, 0);
    ret_key->expires_us = read_number(&reader, "expires_us", INT64_MAX, 0);
    ret_key->revoked_us = read_number(&reader, "revoked_us", INT64_MAX, 0);
    ret_key->revoked_reason = read_text(&reader, "revoked_reason");
    read_hash(&reader, ret_secret);
    return !reader.damaged;
}

void pawl_registry_key_write(struct pawl_buf *body,
                             const struct pawl_key *key,
                             const struct registry_secret *secret)
{
    struct pawl_json_writer writer = begin(body);
    write_text(&writer, "prefix", key->prefix);
    write_text(&writer, "name", key->name);
    write_text(&writer, "description", key->description);
    write_raw(&writer, "metadata", key->metadata);
    write_raw(&writer, "scope_filter", key->scope_filter);
    write_number(&writer, "permissions", (int64_t)key->permissions, 0);
    write_number(&writer, "expires_us", key->expires_us, 0);
    write_number(&writer, "revoked_us", key->revoked_us, 0);
    write_text(&writer, "revoked_reason", key->revoked_reason);
    write_hash(&writer, secret);
    pawl_json_object_end(&writer);
}

/* --- Policies --------------------------------------------------------------------------------- */

bool pawl_registry_policy_read(struct pawl_slice body,
                               char *room,
                               struct pawl_arena *arena,
                               struct pawl_policy_rule *ret_policy)
{
    struct reader reader = open_body(body, room, arena);
    struct pawl_policy_rule *policy = ret_policy;
    policy->name = read_text(&reader, "name");
    policy->description = read_text(&reader, "description");
    policy->pattern = read_text(&reader, "pattern");
    policy->priority = read_number(&reader, "priority", PAWL_AMOUNT_MAX, 0);
    policy->caps = read_raw(&reader, "caps", PAWL_JSON_OBJECT);
    policy->overage =
        (uint8_t)read_number(&reader, "overage", PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT, 0);
    policy->ttl_default_ms = read_number(&reader, "ttl_default_ms", PAWL_LEASE_MS_MAX, 0);
    policy->ttl_max_ms = read_number(&reader, "ttl_max_ms", PAWL_LEASE_MS_MAX, 0);
    policy->extensions_max = (int32_t)read_number(&reader, "extensions_max", INT32_MAX, -1);
    policy->reservations_per_minute =
        read_number(&reader, "reservations_per_minute", PAWL_AMOUNT_MAX, 0);
    policy->commits_per_minute = read_number(&reader, "commits_per_minute", PAWL_AMOUNT_MAX, 0);
    policy->effective_from_us = read_number(&reader, "effective_from_us", INT64_MAX, 0);
    policy->effective_until_us = read_number(&reader, "effective_until_us", INT64_MAX, 0);
    return !reader.damaged;
}

void pawl_registry_policy_write(struct pawl_buf *body, const struct pawl_policy_rule *policy)
{
    struct pawl_json_writer writer = begin(body);
    write_text(&writer, "name", policy->name);
    write_text(&writer, "description", policy->description);
    write_text(&writer, "pattern", policy->pattern);
    write_number(&writer, "priority", policy->priority, 0);
    write_raw(&writer, "caps", policy->caps);
    write_number(&writer, "overage", policy->overage, 0);
    write_number(&writer, "ttl_default_ms", policy->ttl_default_ms, 0);
    write_number(&writer, "ttl_max_ms", policy->ttl_max_ms, 0);
    write_number(&writer, "extensions_max", policy->extensions_max, -1);
    write_number(&writer, "reservations_per_minute", policy->reservations_per_minute, 0);
    write_number(&writer, "commits_per_minute", policy->commits_per_minute, 0);
    write_number(&writer, "effective_from_us", policy->effective_from_us, 0);
    write_number(&writer, "effective_until_us", policy->effective_until_us, 0);
    pawl_json_object_end(&writer);
}

/* --- Budgets, and the server ------------------------------------------------------------------ */

bool pawl_registry_budget_read(struct pawl_slice body,
                               char *room,
                               struct pawl_arena *arena,
                               struct pawl_budget_extra *ret_budget)
{
    struct reader reader = open_body(body, room, arena);
    ret_budget->rollover = (uint8_t)read_number(&reader, "rollover", PAWL_ROLLOVER_MAX, 0);
    ret_budget->period_start_us = read_number(&reader, "period_start_us", INT64_MAX, 0);
    ret_budget->period_end_us = read_number(&reader, "period_end_us", INT64_MAX, 0);
    ret_budget->metadata = read_raw(&reader, "metadata", PAWL_JSON_OBJECT);
    return !reader.damaged;
}

void pawl_registry_budget_write(struct pawl_buf *body, const struct pawl_budget_extra *budget)
{
    struct pawl_json_writer writer = begin(body);
    write_number(&writer, "rollover", budget->rollover, 0);
    write_number(&writer, "period_start_us", budget->period_start_us, 0);
    write_number(&writer, "period_end_us", budget->period_end_us, 0);
    write_raw(&writer, "metadata", budget->metadata);
    pawl_json_object_end(&writer);
}

bool pawl_registry_admin_read(struct pawl_slice body,
                              struct pawl_arena *arena,
                              struct registry_secret *ret_secret)
{
    struct reader reader = open_body(body, NULL, arena);
    read_hash(&reader, ret_secret);
    return !reader.damaged;
}

void pawl_registry_admin_write(struct pawl_buf *body, const struct registry_secret *secret)
{
    struct pawl_json_writer writer = begin(body);
    write_hash(&writer, secret);
    pawl_json_object_end(&writer);
}
