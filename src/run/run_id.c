/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_id.c: ids of runs, and finding one by what a person typed. An id is "run_", the start in
 * milliseconds as ten characters of base32 (Crockford's alphabet, lower case), and six more
 * of chance: names sort by time, and two runs that start in the same millisecond differ.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/prng.h"
#include "base/slice.h"
#include "run/datadir.h"

enum { PREFIX_BYTES = 4, TIME_CHARACTERS = 10, CHANCE_CHARACTERS = 6, RUNS_MAX = 1 << 24 };
_Static_assert(PREFIX_BYTES + TIME_CHARACTERS + CHANCE_CHARACTERS + 1 == PAWL_RUN_ID_BYTES,
               "an id is as long as its parts");

static const char prefix[] = "run_";
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void put_base32(uint64_t value, size_t characters, char *out)
{
    for (size_t i = 0; i < characters; i++) {
        out[characters - 1 - i] = alphabet[(value >> (5 * i)) & 31];
    }
}

void pawl_run_id_make(int64_t now_us, char out[static PAWL_RUN_ID_BYTES])
{
    PAWL_ASSERT(now_us >= 0);
    uint32_t chance = 0;
    pawl_random_bytes(&chance, sizeof(chance));
    memcpy(out, prefix, PREFIX_BYTES);
    put_base32((uint64_t)(now_us / PAWL_US_PER_MS), TIME_CHARACTERS, out + PREFIX_BYTES);
    put_base32(chance, CHANCE_CHARACTERS, out + PREFIX_BYTES + TIME_CHARACTERS);
    out[PAWL_RUN_ID_BYTES - 1] = '\0';
}

bool pawl_run_id_valid(const char *text)
{
    return strlen(text) == PAWL_RUN_ID_BYTES - 1 && strncmp(text, prefix, PREFIX_BYTES) == 0 &&
           strspn(text + PREFIX_BYTES, alphabet) == TIME_CHARACTERS + CHANCE_CHARACTERS;
}

int64_t pawl_run_id_time_us(const char *id)
{
    PAWL_ASSERT(pawl_run_id_valid(id));
    int64_t ms = 0;
    for (size_t i = 0; i < TIME_CHARACTERS; i++) {
        ms = ms * 32 + (strchr(alphabet, id[PREFIX_BYTES + i]) - alphabet);
    }
    return ms * PAWL_US_PER_MS;
}

/* --- All of them --------------------------------------------------------------------------- */

struct ids {
    char (*list)[PAWL_RUN_ID_BYTES]; /* owned */
    size_t count;
    size_t capacity;
};

static bool ids_add(struct ids *ids, const char *id)
{
    if (ids->count == ids->capacity) {
        size_t capacity = ids->capacity == 0 ? 256 : ids->capacity * 2;
        void *grown =
            capacity > RUNS_MAX ? NULL : pawl_realloc(ids->list, capacity * sizeof(ids->list[0]));
        if (grown == NULL) {
            return false;
        }
        ids->list = grown;
        ids->capacity = capacity;
    }
    memcpy(ids->list[ids->count++], id, PAWL_RUN_ID_BYTES);
    return true;
}

static int compare_newest_first(const void *left, const void *right)
{
    return strcmp(right, left);
}

static pawl_err read_ids(const struct pawl_datadir *dir, struct ids *ids, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "runs", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    DIR *runs = opendir(path);
    if (runs == NULL) {
        int error_number = errno;
        pawl_errmsg_set(msg, "cannot read %.400s: %s", path, strerror(error_number));
        return error_number == ENOENT ? PAWL_OK : pawl_err_from_errno(error_number);
    }
    for (const struct dirent *entry = readdir(runs); entry != NULL; entry = readdir(runs)) {
        if (pawl_run_id_valid(entry->d_name) && !ids_add(ids, entry->d_name)) {
            pawl_errmsg_set(msg, "too many runs in %.400s", path);
            err = PAWL_ERR(MEMORY);
            break;
        }
    }
    (void)closedir(runs);
    if (ids->count > 0) {
        qsort(ids->list, ids->count, sizeof(ids->list[0]), compare_newest_first);
    }
    return err;
}

pawl_err pawl_datadir_runs(const struct pawl_datadir *dir,
                           pawl_datadir_run_fn *fn,
                           void *arg,
                           struct pawl_errmsg *msg)
{
    struct ids ids = {0};
    pawl_err err = read_ids(dir, &ids, msg);
    for (size_t i = 0; pawl_ok(err) && i < ids.count; i++) {
        if (!fn(arg, ids.list[i])) {
            break;
        }
    }
    pawl_free(ids.list);
    return err;
}

/* --- One of them --------------------------------------------------------------------------- */

struct search {
    char begins[PAWL_RUN_ID_BYTES]; /* without "run_"; empty: the newest */
    bool last;
    size_t matches;
    char found[2][PAWL_RUN_ID_BYTES];
};

static bool search_step(void *arg, const char *id)
{
    struct search *search = arg;
    const char *own = id + PREFIX_BYTES;
    if (search->last || strncmp(own, search->begins, strlen(search->begins)) == 0) {
        memcpy(search->found[search->matches++], id, PAWL_RUN_ID_BYTES);
    }
    return search->matches < (search->last ? 1 : 2);
}

pawl_err pawl_datadir_find(const struct pawl_datadir *dir,
                           const char *text,
                           char ret_id[static PAWL_RUN_ID_BYTES],
                           struct pawl_errmsg *msg)
{
    struct search search = {.last = strcmp(text, "last") == 0};
    const char *begins = strncmp(text, prefix, PREFIX_BYTES) == 0 ? text + PREFIX_BYTES : text;
    size_t bytes = strlen(begins);
    if (!search.last && (bytes == 0 || bytes >= sizeof(search.begins))) {
        pawl_errmsg_set(msg, "'%.64s' is not the beginning of a run's id", text);
        return PAWL_ERR(NOT_FOUND);
    }
    for (size_t i = 0; !search.last && i < bytes; i++) {
        search.begins[i] = (char)tolower((unsigned char)begins[i]);
    }
    pawl_err err = pawl_datadir_runs(dir, search_step, &search, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (search.matches == 0) {
        pawl_errmsg_set(msg, search.last ? "there is no run yet" : "there is no run '%.64s'", text);
        return PAWL_ERR(NOT_FOUND);
    }
    if (search.matches > 1) {
        pawl_errmsg_set(msg, "'%.64s' begins %s, %s and perhaps more; say more of it", text,
                        search.found[0], search.found[1]);
        return PAWL_ERR(INVALID);
    }
    memcpy(ret_id, search.found[0], PAWL_RUN_ID_BYTES);
    return PAWL_OK;
}
