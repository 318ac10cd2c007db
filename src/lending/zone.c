/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone.c: reading the system's zone files (RFC 8536). Of a file with two bodies the second counts,
 * whose times have 64 bits.
 */
#define _GNU_SOURCE
#include "lending/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { HEAD_BYTES = 44, FILE_BYTES_MAX = 1 << 20, TYPE_BYTES = 6, PATH_BYTES = 4096 };
/* Changes that are older than this no window can ask for. */
#define KEPT_S (INT64_C(400) * 86400)

static const char zone_dir[] = "/usr/share/zoneinfo";

/* --- Bytes --------------------------------------------------------------------------------- */

static uint64_t big_endian(struct pawl_slice file, size_t at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | (unsigned char)file.data[at + i];
    }
    return value;
}

struct body {
    size_t time_bytes;
    size_t times; /* where each part begins */
    size_t indexes;
    size_t types;
    size_t end;
    uint32_t time_count;
    uint32_t type_count;
};

/* The body whose head stands at `at`; false: there is none, or it does not fit the file. */
static bool read_head(struct pawl_slice file, size_t at, size_t time_bytes, struct body *ret_body)
{
    if (file.bytes < at + HEAD_BYTES ||
        !pawl_slice_equal(pawl_slice_sub(file, at, 4), PAWL_SLICE("TZif"))) {
        return false;
    }
    uint64_t counts[6];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(counts); i++) {
        counts[i] = big_endian(file, at + 20 + 4 * i, 4);
        if (counts[i] > FILE_BYTES_MAX) {
            return false;
        }
    }
    struct body body = {
        .time_bytes = time_bytes,
        .time_count = (uint32_t)counts[3],
        .type_count = (uint32_t)counts[4],
        .times = at + HEAD_BYTES,
    };
    body.indexes = body.times + body.time_count * time_bytes;
    body.types = body.indexes + body.time_count;
    body.end = body.types + (size_t)body.type_count * TYPE_BYTES + counts[5] +
               counts[2] * (time_bytes + 4) + counts[1] + counts[0];
    *ret_body = body;
    return body.type_count > 0 && body.end <= file.bytes;
}

static int64_t time_at(struct pawl_slice file, const struct body *body, uint32_t index)
{
    uint64_t raw = big_endian(file, body->times + index * body->time_bytes, body->time_bytes);
    return body->time_bytes == 8 ? (int64_t)raw : (int32_t)(uint32_t)raw;
}

static bool
offset_of_type(struct pawl_slice file, const struct body *body, uint64_t type, int32_t *ret_offset)
{
    if (type >= body->type_count) {
        return false;
    }
    *ret_offset = (int32_t)(uint32_t)big_endian(file, body->types + type * TYPE_BYTES, 4);
    return *ret_offset > -86400 && *ret_offset < 86400;
}

/* --- Reading ------------------------------------------------------------------------------- */

static bool read_changes(struct pawl_slice file,
                         const struct body *body,
                         int64_t from_s,
                         struct pawl_zone_table *table)
{
    int64_t before_s = INT64_MIN;
    if (!offset_of_type(file, body, 0, &table->initial_offset_s)) {
        return false;
    }
    for (uint32_t i = 0; i < body->time_count; i++) {
        int64_t at_s = time_at(file, body, i);
        int32_t offset_s = 0;
        uint64_t type = (unsigned char)file.data[body->indexes + i];
        if (!offset_of_type(file, body, type, &offset_s) || at_s <= before_s) {
            return false;
        }
        before_s = at_s;
        if (at_s < from_s) {
            table->initial_offset_s = offset_s;
        } else if (table->count < PAWL_TZ_TRANSITIONS_MAX) {
            table->transitions[table->count++] =
                (struct pawl_tz_transition){.at_s = at_s, .offset_s = offset_s};
        }
    }
    return true;
}

/* Behind the last change of the file the rule holds, from the offset that it ends with. */
static bool read_rule(struct pawl_slice file,
                      const struct body *body,
                      int64_t from_s,
                      struct pawl_zone_table *table)
{
    struct pawl_slice text = pawl_slice_sub(file, body->end, file.bytes);
    struct pawl_slice line = PAWL_SLICE_NONE;
    if (text.bytes > 0 && text.data[0] == '\n') {
        text = pawl_slice_sub(text, 1, text.bytes);
        line = pawl_slice_cut(&text, '\n');
    }
    struct pawl_zone_rule rule;
    if (line.bytes == 0) {
        return true;
    }
    if (!pawl_zone_rule_parse(line, &rule)) {
        return false;
    }
    int64_t last_s = body->time_count > 0 ? time_at(file, body, body->time_count - 1) : INT64_MIN;
    if (body->time_count == 0 && !rule.has_summer) {
        table->initial_offset_s = rule.standard_s;
    }
    pawl_zone_rule_expand(&rule, last_s, from_s, table);
    return true;
}

bool pawl_zone_read(struct pawl_slice file, int64_t now_s, struct pawl_zone_table *ret_table)
{
    struct body body;
    int64_t from_s = now_s - KEPT_S;
    *ret_table = (struct pawl_zone_table){.count = 0};
    if (!read_head(file, 0, 4, &body)) {
        return false;
    }
    if (file.data[4] == '\0') { /* version 1 has no second body, and no rule */
        return read_changes(file, &body, from_s, ret_table);
    }
    return read_head(file, body.end, 8, &body) && read_changes(file, &body, from_s, ret_table) &&
           read_rule(file, &body, from_s, ret_table);
}

static bool name_ok(const char *name)
{
    size_t bytes = strlen(name);
    return bytes > 0 && bytes < PAWL_ZONE_NAME_BYTES && name[0] != '/' && name[0] != '.' &&
           strstr(name, "..") == NULL && strpbrk(name, " \t\n") == NULL;
}

static pawl_err read_whole(const char *path, char *bytes, size_t *ret_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return pawl_err_from_errno(errno);
    }
    struct stat found;
    size_t have = 0;
    ssize_t got = fstat(fd, &found) == 0 && S_ISREG(found.st_mode) ? 1 : -1;
    while (got > 0 && have < FILE_BYTES_MAX) {
        got = read(fd, bytes + have, FILE_BYTES_MAX - have);
        have += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    *ret_bytes = have;
    return got == 0 ? PAWL_OK : PAWL_ERR(NOT_FOUND);
}

pawl_err pawl_zone_load(const char *name,
                        int64_t now_s,
                        struct pawl_zone_table *ret_table,
                        struct pawl_errmsg *msg)
{
    char path[PATH_BYTES];
    if (!name_ok(name)) {
        pawl_errmsg_set(msg, "'%.60s' is no time zone", name);
        return PAWL_ERR(INVALID);
    }
    if (strcmp(name, "UTC") == 0) {
        *ret_table = (struct pawl_zone_table){.count = 0};
        return PAWL_OK;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", zone_dir, name);
    char *bytes = pawl_alloc(FILE_BYTES_MAX);
    size_t have = 0;
    if (bytes == NULL) {
        return PAWL_ERR(MEMORY);
    }
    struct pawl_zone_rule rule;
    pawl_err err =
        read_whole(strcmp(name, "localtime") == 0 ? "/etc/localtime" : path, bytes, &have);
    if (pawl_failed(err) && pawl_zone_rule_parse(pawl_slice_str(name), &rule)) {
        *ret_table = (struct pawl_zone_table){.initial_offset_s = rule.standard_s};
        pawl_zone_rule_expand(&rule, INT64_MIN, now_s - KEPT_S, ret_table);
        err = PAWL_OK;
    } else if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "this machine knows no time zone '%.60s'", name);
        err = PAWL_ERR(NOT_FOUND);
    } else if (!pawl_zone_read(pawl_slice_of(bytes, have), now_s, ret_table)) {
        pawl_errmsg_set(msg, "the file of the time zone '%.60s' cannot be read", name);
        err = PAWL_ERR(CORRUPT);
    }
    pawl_free(bytes);
    return err;
}

/* --- The user's ---------------------------------------------------------------------------- */

/* What stands behind the directory of zones in the target of a link. */
static bool name_of_link(const char *link, char *out)
{
    char target[PATH_BYTES];
    ssize_t bytes = readlink(link, target, sizeof(target) - 1);
    if (bytes <= 0) {
        return false;
    }
    target[bytes] = '\0';
    const char *name = strstr(target, "/zoneinfo/");
    if (name == NULL) {
        return false;
    }
    name += strlen("/zoneinfo/");
    return name_ok(name) && pawl_slice_copy_str(pawl_slice_str(name), out, PAWL_ZONE_NAME_BYTES);
}

static bool exists(const char *path)
{
    return access(path, R_OK) == 0;
}

void pawl_zone_user_name(char out[static PAWL_ZONE_NAME_BYTES])
{
    char path[PATH_BYTES];
    const char *set = getenv("TZ");
    if (set != NULL) {
        set += set[0] == ':' ? 1 : 0;
        (void)snprintf(path, sizeof(path), "%s/%s", zone_dir, set);
        struct pawl_zone_rule rule;
        bool known = exists(path) || pawl_zone_rule_parse(pawl_slice_str(set), &rule);
        const char *name = name_ok(set) && known ? set : "UTC";
        (void)pawl_slice_copy_str(pawl_slice_str(name), out, PAWL_ZONE_NAME_BYTES);
        return;
    }
    if (!name_of_link("/etc/localtime", out)) {
        const char *name = exists("/etc/localtime") ? "localtime" : "UTC";
        (void)pawl_slice_copy_str(pawl_slice_str(name), out, PAWL_ZONE_NAME_BYTES);
    }
}
