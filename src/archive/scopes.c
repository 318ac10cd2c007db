/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.c: see scopes.h. Most reservations are of a scope that was used a moment ago, so the last
 * ones are kept under a keyed hash of 64 bits of the path. Two paths with one hash would be one
 * scope here; that nobody can make, and by chance it does not happen.
 *
 * Failure: kept in the connection.
 */
#include "archive/scopes.h"

#include <string.h>

#include "archive/shelf.h"

/* --- Paths. ----------------------------------------------------------------------------------- */

struct pawl_slice pawl_archive_lower(struct pawl_slice text, char out[static PAWL_NAME_BYTES_MAX])
{
    size_t bytes = text.bytes < PAWL_NAME_BYTES_MAX ? text.bytes : PAWL_NAME_BYTES_MAX;
    for (size_t i = 0; i < bytes; i++) {
        char byte = text.data[i];
        out[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
    }
    return pawl_slice_of(out, bytes);
}

struct pawl_slice pawl_archive_path(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                                    char out[static PAWL_ARCHIVE_PATH_BYTES])
{
    static const char *const names[PAWL_LEVEL_COUNT] = {
        "tenant:", "workspace:", "app:", "workflow:", "agent:", "toolset:"};
    size_t bytes = 0;
    for (int i = 0; i < PAWL_LEVEL_COUNT; i++) {
        if (pawl_slice_empty(levels[i])) {
            continue;
        }
        char text[PAWL_NAME_BYTES_MAX];
        struct pawl_slice value = pawl_archive_lower(levels[i], text);
        size_t name_bytes = strlen(names[i]);
        PAWL_ASSERT(bytes + 1 + name_bytes + value.bytes < PAWL_ARCHIVE_PATH_BYTES);
        if (bytes > 0) {
            out[bytes++] = '/';
        }
        memcpy(out + bytes, names[i], name_bytes);
        memcpy(out + bytes + name_bytes, value.data, value.bytes);
        bytes += name_bytes + value.bytes;
    }
    out[bytes] = '\0';
    return pawl_slice_of(out, bytes);
}

/* --- Making them. ----------------------------------------------------------------------------- */

void pawl_archive_scopes_forget(struct pawl_archive_scopes *scopes)
{
    memset(scopes->slots, 0, PAWL_ARCHIVE_SCOPE_SLOTS * sizeof(scopes->slots[0]));
    scopes->reached.count = 0;
}

static uint32_t tenant_of(struct pawl_archive_db *db, struct pawl_slice name)
{
    char text[PAWL_NAME_BYTES_MAX];
    struct pawl_slice lower = pawl_archive_lower(name, text);
    sqlite3_stmt *find = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_TENANT_FIND);
    pawl_archive_bind_text(find, 1, lower);
    if (pawl_archive_db_step(db, find)) {
        uint32_t id = (uint32_t)sqlite3_column_int64(find, 0);
        pawl_archive_db_done(find);
        return id;
    }
    sqlite3_stmt *insert = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_TENANT_INSERT);
    pawl_archive_bind_text(insert, 1, lower);
    pawl_archive_db_run(db, insert);
    return (uint32_t)sqlite3_last_insert_rowid(db->sqlite);
}

static uint32_t make_scope(struct pawl_archive_db *db,
                           uint32_t tenant,
                           struct pawl_slice path,
                           const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    sqlite3_stmt *insert = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_SCOPE_INSERT);
    pawl_archive_bind(insert, 1, tenant);
    pawl_archive_bind_text(insert, 2, path);
    pawl_archive_db_run(db, insert);
    int64_t scope = sqlite3_last_insert_rowid(db->sqlite);
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        if (pawl_slice_empty(levels[i])) {
            continue;
        }
        char text[PAWL_NAME_BYTES_MAX];
        sqlite3_stmt *level = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_LEVEL_INSERT);
        pawl_archive_bind(level, 1, tenant);
        pawl_archive_bind(level, 2, i);
        pawl_archive_bind_text(level, 3, pawl_archive_lower(levels[i], text));
        pawl_archive_bind(level, 4, scope);
        pawl_archive_db_run(db, level);
    }
    return (uint32_t)scope;
}

/* From the tables. */
static struct pawl_archive_scope_ids
look_up(struct pawl_archive_db *db,
        struct pawl_slice path,
        const struct pawl_slice levels[static PAWL_LEVEL_COUNT])
{
    struct pawl_archive_scope_ids ids = {.tenant = tenant_of(db, levels[PAWL_LEVEL_TENANT])};
    sqlite3_stmt *find = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_SCOPE_FIND);
    pawl_archive_bind(find, 1, ids.tenant);
    pawl_archive_bind_text(find, 2, path);
    if (pawl_archive_db_step(db, find)) {
        ids.scope = (uint32_t)sqlite3_column_int64(find, 0);
        pawl_archive_db_done(find);
    } else {
        ids.scope = make_scope(db, ids.tenant, path, levels);
    }
    return ids;
}

struct pawl_archive_scope_ids
pawl_archive_scope_of(struct pawl_archive_scopes *scopes,
                      struct pawl_archive_db *db,
                      const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                      uint64_t op)
{
    char text[PAWL_ARCHIVE_PATH_BYTES];
    struct pawl_slice path = pawl_archive_path(levels, text);
    uint64_t hash = pawl_hash_sip(scopes->key, path) | 1; /* 0 is a free slot */
    uint64_t segment = pawl_archive_segment(op);
    struct pawl_archive_scope_slot *slot =
        &scopes->slots[hash >> 1 & (PAWL_ARCHIVE_SCOPE_SLOTS - 1)];
    bool known = slot->path_hash == hash;
    if (!known) {
        slot->ids = look_up(db, path, levels);
        slot->path_hash = pawl_ok(db->err) ? hash : 0;
    }
    if (!known || slot->segment < segment) {
        pawl_archive_reached_add(&scopes->reached, db, slot->ids.scope, segment);
        slot->segment = (uint32_t)segment;
    }
    return slot->ids;
}
