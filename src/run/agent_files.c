/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_files.c: reading agents' own settings, which are JSON, some of it with comments.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/agents_priv.h"
#include "run/datadir.h"

enum { FILE_BYTES_MAX = 1 << 20, NODES_MAX = 100000 };

pawl_err
pawl_agent_read_file(struct pawl_agent_plan *plan, const char *path, struct pawl_slice *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return pawl_err_from_errno(errno);
    }
    pawl_err err = PAWL_OK;
    struct stat found;
    struct pawl_buf text;
    pawl_buf_init(&text, FILE_BYTES_MAX);
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        err = PAWL_ERR(IO);
    }
    for (ssize_t bytes = 1; pawl_ok(err) && bytes > 0;) {
        char *room = pawl_buf_reserve(&text, 4096);
        bytes = room != NULL ? read(fd, room, 4096) : -1;
        if (bytes > 0) {
            pawl_buf_advance(&text, (size_t)bytes);
        } else if (bytes < 0) {
            err = room == NULL ? PAWL_ERR(LIMIT) : pawl_err_from_errno(errno);
        }
    }
    if (pawl_ok(err)) {
        *ret_text = pawl_arena_copy(&plan->arena, pawl_buf_slice(&text));
    }
    pawl_buf_free(&text);
    (void)close(fd);
    return err;
}

/* The end of a string that begins at `at`, behind its quote. */
static size_t end_of_string(struct pawl_slice text, size_t at)
{
    for (at++; at < text.bytes && text.data[at] != '"'; at++) {
        at += text.data[at] == '\\' ? 1 : 0;
    }
    return at < text.bytes ? at + 1 : text.bytes;
}

/* The end of a comment that begins at `at`; `at` itself where none does. */
static size_t end_of_comment(struct pawl_slice text, size_t at)
{
    struct pawl_slice rest = pawl_slice_sub(text, at, text.bytes);
    if (pawl_slice_starts_with(rest, PAWL_SLICE("//"))) {
        size_t end = pawl_slice_find_byte(rest, '\n');
        return end < rest.bytes ? at + end : text.bytes;
    }
    if (pawl_slice_starts_with(rest, PAWL_SLICE("/*"))) {
        struct pawl_slice inside = pawl_slice_sub(rest, 2, rest.bytes);
        size_t end = pawl_slice_find(inside, PAWL_SLICE("*/"));
        return end < inside.bytes ? at + 2 + end + 2 : text.bytes;
    }
    return at;
}

static struct pawl_slice without_comments(struct pawl_agent_plan *plan, struct pawl_slice text)
{
    struct pawl_buf plain;
    pawl_buf_init(&plain, FILE_BYTES_MAX);
    for (size_t at = 0; at < text.bytes;) {
        size_t end = text.data[at] == '"' ? end_of_string(text, at) : at + 1;
        size_t behind = end_of_comment(text, at);
        if (behind > at) {
            at = behind;
            continue;
        }
        pawl_buf_append(&plain, text.data + at, end - at);
        at = end;
    }
    struct pawl_slice kept = pawl_arena_copy(&plan->arena, pawl_buf_slice(&plain));
    pawl_buf_free(&plain);
    return kept;
}

pawl_err pawl_agent_parse_json(struct pawl_agent_plan *plan,
                               struct pawl_slice text,
                               struct pawl_json *ret_json)
{
    struct pawl_json_limits limits = {PAWL_JSON_DEPTH_MAX, NODES_MAX};
    struct pawl_slice plain = without_comments(plan, text);
    if (!pawl_json_parse(&plan->arena, plain, PAWL_JSON_FORWARD, limits, ret_json) ||
        !pawl_json_is(ret_json, 0, PAWL_JSON_OBJECT)) {
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

pawl_err
pawl_agent_read_json(struct pawl_agent_plan *plan, const char *path, struct pawl_json *ret_json)
{
    struct pawl_slice text = PAWL_SLICE_NONE;
    pawl_err err = pawl_agent_read_file(plan, path, &text);
    return pawl_ok(err) ? pawl_agent_parse_json(plan, text, ret_json) : err;
}

static bool is_listed(struct pawl_slice key, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (pawl_slice_equal_str(key, names[i])) {
            return true;
        }
    }
    return false;
}

void pawl_agent_copy_members(struct pawl_agent_plan *plan,
                             const struct pawl_json *json,
                             uint32_t object,
                             const char *const *without,
                             struct pawl_json_writer *writer)
{
    if (object == PAWL_JSON_NONE || !pawl_json_is(json, object, PAWL_JSON_OBJECT)) {
        return;
    }
    for (uint32_t node = pawl_json_first(json, object); node != PAWL_JSON_NONE;
         node = pawl_json_next(json, node)) {
        struct pawl_slice key = pawl_json_string(json, json->nodes[node].key, &plan->arena);
        if (!is_listed(key, without)) {
            pawl_json_key_slice(writer, key);
            pawl_json_put_raw(writer, pawl_json_raw(json, node));
        }
    }
}

void pawl_agent_copy_elements(const struct pawl_json *json,
                              uint32_t array,
                              struct pawl_json_writer *writer)
{
    if (array == PAWL_JSON_NONE || !pawl_json_is(json, array, PAWL_JSON_ARRAY)) {
        return;
    }
    for (uint32_t node = pawl_json_first(json, array); node != PAWL_JSON_NONE;
         node = pawl_json_next(json, node)) {
        pawl_json_put_raw(writer, pawl_json_raw(json, node));
    }
}

void pawl_agent_put_hooks(const struct pawl_agent_request *request,
                          struct pawl_agent_plan *plan,
                          const struct pawl_json *given,
                          const char *const *events,
                          pawl_agent_put_hook_fn *put_hook,
                          struct pawl_json_writer *writer)
{
    uint32_t hooks = given != NULL ? pawl_json_get(given, 0, "hooks") : PAWL_JSON_NONE;
    pawl_json_key(writer, "hooks");
    pawl_json_object_begin(writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, hooks, events, writer);
    }
    for (size_t i = 0; events[i] != NULL; i++) {
        pawl_json_key(writer, events[i]);
        pawl_json_array_begin(writer);
        put_hook(request, plan, i == 0, writer);
        if (hooks != PAWL_JSON_NONE) {
            pawl_agent_copy_elements(given, pawl_json_get(given, hooks, events[i]), writer);
        }
        pawl_json_array_end(writer);
    }
    pawl_json_object_end(writer);
}

bool pawl_agent_is_roots_own(const char *dir)
{
    char path[PAWL_PATH_BYTES];
    if (!pawl_slice_copy_str(pawl_slice_str(dir), path, sizeof(path)) || path[0] != '/') {
        return false;
    }
    for (size_t bytes = strlen(path);; bytes--) {
        while (bytes > 1 && path[bytes] != '/' && path[bytes] != '\0') {
            bytes--;
        }
        path[bytes > 1 ? bytes : 1] = '\0';
        struct stat found;
        bool there = lstat(path, &found) == 0;
        if (!there && errno != ENOENT) {
            return false;
        }
        if (there && (!S_ISDIR(found.st_mode) || found.st_uid != 0 ||
                      (found.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
            return false;
        }
        if (bytes <= 1) {
            return true;
        }
    }
}

void pawl_agent_each_entry(const char *dir, void (*visit)(void *arg, const char *name), void *arg)
{
    DIR *open_dir = opendir(dir);
    if (open_dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(open_dir); entry != NULL; entry = readdir(open_dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(arg, entry->d_name);
        }
    }
    (void)closedir(open_dir);
}

const char *pawl_agent_hook_program(char out[static PAWL_PATH_BYTES])
{
    ssize_t bytes = readlink("/proc/self/exe", out, PAWL_PATH_BYTES - 1);
    if (bytes <= 0) {
        return "pawl"; /* Looked for in PATH then. */
    }
    out[bytes] = '\0';
    return out;
}
