/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_plan.c: a plan's items, the questions that planners ask about a command, and what becomes
 * of a plan: files in the run's directory, settings and edits for the keeper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fingerprint.h"
#include "run/agents_priv.h"
#include "run/datadir.h"

/* --- Items ----------------------------------------------------------------------------------- */

static const char *keep(struct pawl_agent_plan *plan, struct pawl_slice text)
{
    struct pawl_slice copy = pawl_arena_copy(&plan->arena, text);
    return copy.data != NULL ? copy.data : "";
}

static const char *keep_str(struct pawl_agent_plan *plan, const char *text)
{
    return keep(plan, pawl_slice_str(text));
}

static void add(struct pawl_agent_plan *plan, struct pawl_agent_item item)
{
    if (plan->item_count == PAWL_AGENT_ITEMS_MAX) {
        plan->full = true;
        return;
    }
    plan->items[plan->item_count++] = item;
}

void pawl_agent_env(struct pawl_agent_plan *plan,
                    const char *name,
                    const char *value,
                    const char *why)
{
    add(plan,
        (struct pawl_agent_item){
            .kind = PAWL_AGENT_ENV, .name = name, .value = keep_str(plan, value), .why = why});
}

void pawl_agent_env_default(struct pawl_agent_plan *plan,
                            const struct pawl_agent_request *request,
                            const char *name,
                            const char *value,
                            const char *why)
{
    const char *own = request->get(name);
    if (own == NULL || own[0] == '\0') {
        pawl_agent_env(plan, name, value, why);
    }
}

void pawl_agent_argument(struct pawl_agent_plan *plan,
                         size_t at,
                         const char *value,
                         const char *why)
{
    add(plan, (struct pawl_agent_item){.kind = PAWL_AGENT_ARGUMENT,
                                       .name = "",
                                       .value = keep_str(plan, value),
                                       .at = at,
                                       .why = why});
}

void pawl_agent_replace(struct pawl_agent_plan *plan, size_t at, const char *value, const char *why)
{
    add(plan, (struct pawl_agent_item){.kind = PAWL_AGENT_ARGUMENT,
                                       .name = "",
                                       .value = keep_str(plan, value),
                                       .at = at,
                                       .replaces = true,
                                       .why = why});
}

void pawl_agent_file(struct pawl_agent_plan *plan,
                     const char *name,
                     struct pawl_slice content,
                     const char *why)
{
    add(plan, (struct pawl_agent_item){.kind = PAWL_AGENT_FILE,
                                       .name = keep_str(plan, name),
                                       .value = keep(plan, content),
                                       .why = why});
}

void pawl_agent_link(struct pawl_agent_plan *plan,
                     const char *name,
                     const char *target,
                     const char *why)
{
    add(plan, (struct pawl_agent_item){.kind = PAWL_AGENT_LINK,
                                       .name = keep_str(plan, name),
                                       .value = keep_str(plan, target),
                                       .why = why});
}

void pawl_agent_overlay(struct pawl_agent_plan *plan,
                        const char *name,
                        const char *instead_of,
                        const char *why)
{
    add(plan, (struct pawl_agent_item){.kind = PAWL_AGENT_OVERLAY,
                                       .name = keep_str(plan, name),
                                       .value = keep_str(plan, instead_of),
                                       .why = why});
}

void pawl_agent_note(struct pawl_agent_plan *plan, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (plan->note_count < PAWL_AGENT_NOTES_MAX) {
        plan->notes[plan->note_count++] = keep_str(plan, text);
    }
}

const char *pawl_agent_text(struct pawl_agent_plan *plan, const char *format, ...)
{
    enum { TEXT_BYTES_MAX = 3 * PAWL_PATH_BYTES };
    char text[TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    plan->full = plan->full || bytes < 0 || bytes >= TEXT_BYTES_MAX;
    return keep_str(plan, text);
}

const char *pawl_agent_file_name(const struct pawl_agent_request *request,
                                 struct pawl_agent_plan *plan,
                                 const char *stem,
                                 const char *ending,
                                 struct pawl_slice key)
{
    /* Whoever could make two files of one name is the user whose files they are. */
    static const struct pawl_fingerprint_key plain = {{1, 2, 3, 4}};
    return request->wrapped ? pawl_agent_text(plan, "%s-%016" PRIx64 "%s", stem,
                                              pawl_fingerprint(&plain, 0, key), ending)
                            : pawl_agent_text(plan, "%s%s", stem, ending);
}

bool pawl_agent_is_given(const char *path, const char *dir, const char *stem)
{
    size_t bytes = strlen(dir);
    return strncmp(path, dir, bytes) == 0 && path[bytes] == '/' &&
           strncmp(path + bytes + 1, stem, strlen(stem)) == 0;
}

void pawl_agent_put_word(struct pawl_buf *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        pawl_buf_append_str(out, word);
        return;
    }
    pawl_buf_append_byte(out, '\'');
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'') {
            pawl_buf_append_str(out, "'\\''");
        } else {
            pawl_buf_append_byte(out, *c);
        }
    }
    pawl_buf_append_byte(out, '\'');
}

static const char *
shell_command(struct pawl_agent_plan *plan, const char *const *words, size_t word_count)
{
    struct pawl_buf command;
    pawl_buf_init(&command, 16 * (size_t)PAWL_PATH_BYTES);
    for (size_t i = 0; i < word_count; i++) {
        if (i > 0) {
            pawl_buf_append_byte(&command, ' ');
        }
        pawl_agent_put_word(&command, words[i]);
    }
    plan->full = plan->full || command.overflowed;
    const char *kept = keep(plan, pawl_buf_slice(&command));
    pawl_buf_free(&command);
    return kept;
}

const char *pawl_agent_hook_command(const struct pawl_agent_request *request,
                                    struct pawl_agent_plan *plan)
{
    const char *const words[] = {
        request->pawl,    "hook",          pawl_agent_name(request->command.agent),
        "--run",          request->run_id, "--data-dir",
        request->data_dir};
    return shell_command(plan, words, PAWL_ARRAY_LEN(words));
}

const char *pawl_agent_statusline_command(const struct pawl_agent_request *request,
                                          struct pawl_agent_plan *plan)
{
    const char *const words[] = {request->pawl, "statusline", "--data-dir", request->data_dir};
    return shell_command(plan, words, PAWL_ARRAY_LEN(words));
}

/* --- The agent's own arguments --------------------------------------------------------------- */

size_t pawl_agent_options_end(const struct pawl_agent_request *request)
{
    size_t at = request->command.first;
    while (request->argv[at] != NULL && strcmp(request->argv[at], "--") != 0) {
        at++;
    }
    return at;
}

bool pawl_agent_find_option(const struct pawl_agent_request *request,
                            const char *name,
                            struct pawl_agent_option *ret_option)
{
    size_t bytes = strlen(name);
    size_t end = pawl_agent_options_end(request);
    bool found = false;
    for (size_t i = request->command.first; i < end; i++) {
        const char *argument = request->argv[i];
        if (strncmp(argument, name, bytes) != 0) {
            continue;
        }
        if (argument[bytes] == '=') {
            *ret_option = (struct pawl_agent_option){i, true, argument + bytes + 1};
            found = true;
        } else if (argument[bytes] == '\0') {
            const char *value = i + 1 < end ? request->argv[i + 1] : "";
            *ret_option = (struct pawl_agent_option){i + 1, false, value};
            found = true;
            i++;
        }
    }
    return found;
}

bool pawl_agent_has_flag(const struct pawl_agent_request *request, const char *name)
{
    size_t bytes = strlen(name);
    size_t end = pawl_agent_options_end(request);
    for (size_t i = request->command.first; i < end; i++) {
        const char *argument = request->argv[i];
        if (strncmp(argument, name, bytes) == 0 &&
            (argument[bytes] == '\0' || argument[bytes] == '=')) {
            return true;
        }
    }
    return false;
}

const char *pawl_agent_subcommand(const struct pawl_agent_request *request)
{
    size_t at = request->command.first;
    while (request->argv[at] != NULL && request->argv[at][0] == '-') {
        at++;
    }
    return request->argv[at];
}

bool pawl_agent_is_on(const struct pawl_agent_request *request, const char *name)
{
    static const char *const off[] = {"", "0", "false", "FALSE", "no", "off"};
    const char *value = request->get(name);
    for (size_t i = 0; value != NULL && i < PAWL_ARRAY_LEN(off); i++) {
        if (strcmp(value, off[i]) == 0) {
            return false;
        }
    }
    return value != NULL;
}

/* --- Applying -------------------------------------------------------------------------------- */

/* The directories between the run's own and the file. */
static bool make_parents(const char *run_dir, char *path)
{
    size_t own = strncmp(path, run_dir, strlen(run_dir)) == 0 ? strlen(run_dir) + 1 : 1;
    for (char *slash = strchr(path + own, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, S_IRWXU);
        bool there = failed == 0 || errno == EEXIST;
        *slash = '/';
        if (!there) {
            return false;
        }
    }
    return true;
}

/* Whether the file has this in it already: an agent in a sandbox of another one may read, but not
 * write there. */
static bool has_content(const char *path, const char *content)
{
    enum { PART_BYTES = 4096 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t bytes = strlen(content);
    size_t at = 0;
    bool same = fd >= 0;
    for (ssize_t got = 1; same && got > 0; at += got > 0 ? (size_t)got : 0) {
        char part[PART_BYTES];
        got = read(fd, part, sizeof(part));
        same =
            got >= 0 && (size_t)got <= bytes - at && memcmp(part, content + at, (size_t)got) == 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return same && at == bytes;
}

/* Whole or not at all: another start in the same run may read it meanwhile. */
static bool write_file(const char *path, const char *content)
{
    char fresh[PAWL_PATH_BYTES + 32];
    if (has_content(path, content)) {
        return true;
    }
    (void)snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return false;
    }
    size_t bytes = strlen(content);
    errno = ENOSPC; /* What a write that is cut short does not say. */
    bool written = write(fd, content, bytes) == (ssize_t)bytes;
    written = close(fd) == 0 && written && rename(fresh, path) == 0;
    if (!written) {
        int error_number = errno;
        (void)unlink(fresh);
        errno = error_number;
    }
    return written;
}

/* Where an earlier start has made it, the agent may have put a file of its own in its place. */
static bool make_link(const char *path, const char *target)
{
    return symlink(target, path) == 0 || errno == EEXIST;
}

static pawl_err
make_file(const struct pawl_agent_item *item, const char *run_dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    bool made = pawl_agent_item_path(run_dir, item->name, path) && make_parents(run_dir, path) &&
                (item->kind == PAWL_AGENT_FILE ? write_file(path, item->value)
                                               : make_link(path, item->value));
    if (!made) {
        pawl_errmsg_set(msg, "cannot write %.300s: %s", path, strerror(errno));
        return pawl_err_from_errno(errno != 0 ? errno : EIO);
    }
    return PAWL_OK;
}

pawl_err pawl_agent_apply(const struct pawl_agent_plan *plan,
                          const char *run_dir,
                          struct pawl_buf *settings,
                          struct pawl_buf *edits,
                          struct pawl_errmsg *msg)
{
    pawl_err err = PAWL_OK;
    for (size_t i = 0; i < plan->item_count && pawl_ok(err); i++) {
        const struct pawl_agent_item *item = &plan->items[i];
        switch (item->kind) {
        case PAWL_AGENT_ENV:
            pawl_buf_printf(settings, "%s=%s", item->name, item->value);
            pawl_buf_append_byte(settings, '\0');
            break;
        case PAWL_AGENT_ARGUMENT:
            pawl_buf_printf(edits, "%c%zu %s", item->replaces ? '=' : '+', item->at, item->value);
            pawl_buf_append_byte(edits, '\0');
            break;
        case PAWL_AGENT_FILE:
        case PAWL_AGENT_LINK:
            err = make_file(item, run_dir, msg);
            break;
        case PAWL_AGENT_OVERLAY:
            break; /* made with what is in it */
        }
    }
    if (pawl_ok(err) && (settings->overflowed || edits->overflowed)) {
        pawl_errmsg_set(msg, "the agent's settings are too long");
        err = PAWL_ERR(LIMIT);
    }
    return err;
}
