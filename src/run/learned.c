/* SPDX-License-Identifier: Apache-2.0 */
/* learned.c: see learned.h. */
#include "run/learned.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/file_os.h"
#include "base/hash.h"
#include "base/json.h"
#include "run/accounts.h"
#include "run/datafile.h"

enum {
    FILE_BYTES_MAX = 1 << 20,
    ARENA_BYTES_MAX = 8 << 20,
    NUMBERS = PAWL_LESSON_COUNT + 1 /* of a lesson in the file: when, and its values */
};

#define WHEN         "at_s"
#define US_PER_S     INT64_C(1000000)
#define SECONDS_KEPT (INT64_C(86400) * PAWL_LEARNED_DAYS)

struct kept_lesson {
    int64_t at_s;
    struct pawl_estimate_lesson lesson;
};

struct kept_model {
    char source[PAWL_LEARNED_SOURCE_BYTES];
    char name[PAWL_ESTIMATE_NAME_BYTES];
    uint32_t count;
    struct kept_lesson lessons[PAWL_LEARNED_LESSONS]; /* oldest first */
};

struct pawl_learned {
    uint32_t count;
    struct kept_model *models[PAWL_LEARNED_MODELS];
};

void pawl_learned_source(enum pawl_upstream upstream,
                         const char *url,
                         char ret_source[static PAWL_LEARNED_SOURCE_BYTES])
{
    const char *name = pawl_upstream_name(upstream);
    if (url == NULL) {
        (void)snprintf(ret_source, PAWL_LEARNED_SOURCE_BYTES, "%s", name);
        return;
    }
    /* Not keyed: it only tells addresses apart. They may have a password in them. */
    uint64_t hash = pawl_hash_sip((struct pawl_hash_key){0, 0}, pawl_slice_str(url));
    (void)snprintf(ret_source, PAWL_LEARNED_SOURCE_BYTES, "%s-%016" PRIx64, name, hash);
}

/* --- The table ------------------------------------------------------------------------------- */

struct pawl_learned *pawl_learned_new(void)
{
    return pawl_alloc_zeroed(1, sizeof(struct pawl_learned));
}

void pawl_learned_free(struct pawl_learned *learned)
{
    if (learned == NULL) {
        return;
    }
    for (uint32_t i = 0; i < learned->count; i++) {
        pawl_free(learned->models[i]);
    }
    pawl_free(learned);
}

static int64_t last_at_s(const struct kept_model *model)
{
    return model->count > 0 ? model->lessons[model->count - 1].at_s : 0;
}

static struct kept_model *make_room(struct pawl_learned *learned)
{
    if (learned->count < PAWL_LEARNED_MODELS) {
        struct kept_model *fresh = pawl_alloc_zeroed(1, sizeof(*fresh));
        if (fresh != NULL) {
            learned->models[learned->count++] = fresh;
        }
        return fresh;
    }
    struct kept_model *oldest = learned->models[0];
    for (uint32_t i = 1; i < learned->count; i++) {
        oldest = last_at_s(learned->models[i]) < last_at_s(oldest) ? learned->models[i] : oldest;
    }
    *oldest = (struct kept_model){.count = 0};
    return oldest;
}

/* NULL: it cannot be kept. */
static struct kept_model *
model_of(struct pawl_learned *learned, const char *source, struct pawl_slice name)
{
    for (uint32_t i = 0; i < learned->count; i++) {
        struct kept_model *model = learned->models[i];
        if (strcmp(model->source, source) == 0 && pawl_slice_equal_str(name, model->name)) {
            return model;
        }
    }
    if (pawl_slice_empty(name) || name.bytes >= sizeof(learned->models[0]->name)) {
        return NULL;
    }
    struct kept_model *model = make_room(learned);
    if (model != NULL) {
        (void)snprintf(model->source, sizeof(model->source), "%s", source);
        (void)pawl_slice_copy_str(name, model->name, sizeof(model->name));
    }
    return model;
}

static void add(struct kept_model *model, const struct kept_lesson *lesson)
{
    if (model->count == PAWL_LEARNED_LESSONS) {
        memmove(model->lessons, model->lessons + 1,
                (PAWL_LEARNED_LESSONS - 1) * sizeof(model->lessons[0]));
        model->count--;
    }
    model->lessons[model->count++] = *lesson;
}

void pawl_learned_note(struct pawl_learned *learned,
                       const char *source,
                       struct pawl_slice model,
                       const struct pawl_estimate_lesson *lesson,
                       int64_t now_us)
{
    struct kept_model *place = learned != NULL ? model_of(learned, source, model) : NULL;
    if (place != NULL) {
        struct kept_lesson kept = {.at_s = now_us / US_PER_S, .lesson = *lesson};
        add(place, &kept);
    }
}

/* --- Reading --------------------------------------------------------------------------------- */

/* The file of another version means something else by its numbers. */
static bool is_ours(const struct pawl_json *json)
{
    int64_t version = pawl_json_count_or(json, pawl_json_get(json, 0, "estimator"), 0);
    uint32_t name = pawl_json_first(json, pawl_json_get(json, 0, "values"));
    bool same = version == PAWL_ESTIMATOR_VERSION && pawl_json_string_is(json, name, WHEN);
    for (int i = 0; i < PAWL_LESSON_COUNT && same; i++) {
        name = pawl_json_next(json, name);
        same = pawl_json_string_is(json, name, pawl_lesson_names[i]);
    }
    return same && pawl_json_next(json, name) == PAWL_JSON_NONE;
}

static bool read_lesson(const struct pawl_json *json, uint32_t node, struct kept_lesson *ret_lesson)
{
    int64_t numbers[NUMBERS];
    uint32_t number = pawl_json_first(json, node);
    for (int i = 0; i < NUMBERS; i++) {
        if (!pawl_json_is(json, number, PAWL_JSON_NUMBER) ||
            !pawl_json_i64(json, number, &numbers[i])) {
            return false;
        }
        number = pawl_json_next(json, number);
    }
    ret_lesson->at_s = numbers[0];
    memcpy(ret_lesson->lesson.values, numbers + 1, sizeof(ret_lesson->lesson.values));
    return number == PAWL_JSON_NONE;
}

static void read_model(const struct pawl_json *json,
                       uint32_t node,
                       struct pawl_arena *arena,
                       int64_t now_s,
                       struct pawl_learned *learned)
{
    char source[PAWL_LEARNED_SOURCE_BYTES];
    struct pawl_slice from = pawl_json_string_raw(json, pawl_json_get(json, node, "source"));
    struct pawl_slice name = pawl_json_string(json, pawl_json_get(json, node, "model"), arena);
    struct kept_lesson lesson;
    if (!pawl_slice_copy_str(from, source, sizeof(source))) {
        return;
    }
    uint32_t next = pawl_json_first(json, pawl_json_get(json, node, "lessons"));
    for (; next != PAWL_JSON_NONE; next = pawl_json_next(json, next)) {
        bool counts = read_lesson(json, next, &lesson) && lesson.at_s > now_s - SECONDS_KEPT;
        struct kept_model *model = counts ? model_of(learned, source, name) : NULL;
        if (model != NULL) {
            add(model, &lesson);
        }
    }
}

/* What cannot be read is not there. */
static void read_file(const char *path, int64_t now_s, struct pawl_learned *learned)
{
    struct pawl_arena arena;
    struct pawl_errmsg msg;
    struct pawl_json json;
    struct pawl_buf text;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    pawl_buf_init(&text, FILE_BYTES_MAX);
    bool fine = pawl_ok(pawl_file_read(path, &text, &msg)) &&
                pawl_json_parse(&arena, pawl_buf_slice(&text), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json) &&
                is_ours(&json);
    if (fine) {
        uint32_t model = pawl_json_first(&json, pawl_json_get(&json, 0, "models"));
        for (; model != PAWL_JSON_NONE; model = pawl_json_next(&json, model)) {
            read_model(&json, model, &arena, now_s, learned);
        }
    }
    pawl_buf_free(&text);
    pawl_arena_free(&arena);
}

void pawl_learned_read(const struct pawl_datadir *dir,
                       int64_t now_us,
                       pawl_learned_fn *fn,
                       void *arg)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_errmsg msg;
    struct pawl_learned *learned = pawl_learned_new();
    if (learned != NULL && pawl_ok(pawl_datadir_path(dir, PAWL_LEARNED_FILE, path, &msg))) {
        read_file(path, now_us / US_PER_S, learned);
        for (uint32_t i = 0; i < learned->count; i++) {
            const struct kept_model *model = learned->models[i];
            for (uint32_t k = 0; k < model->count; k++) {
                fn(arg, model->source, pawl_slice_str(model->name), &model->lessons[k].lesson);
            }
        }
    }
    pawl_learned_free(learned);
}

/* --- Writing --------------------------------------------------------------------------------- */

static void put_model(struct pawl_json_writer *writer, const struct kept_model *model)
{
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "source", model->source);
    pawl_json_member_str(writer, "model", model->name);
    pawl_json_key(writer, "lessons");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < model->count; i++) {
        pawl_json_array_begin(writer);
        pawl_json_put_i64(writer, model->lessons[i].at_s);
        for (int k = 0; k < PAWL_LESSON_COUNT; k++) {
            pawl_json_put_i64(writer, model->lessons[i].lesson.values[k]);
        }
        pawl_json_array_end(writer);
    }
    pawl_json_array_end(writer);
    pawl_json_object_end(writer);
}

static void put_all(const struct pawl_learned *learned, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_i64(&writer, "estimator", PAWL_ESTIMATOR_VERSION);
    pawl_json_key(&writer, "values");
    pawl_json_array_begin(&writer);
    pawl_json_put_str(&writer, WHEN);
    for (int i = 0; i < PAWL_LESSON_COUNT; i++) {
        pawl_json_put_str(&writer, pawl_lesson_names[i]);
    }
    pawl_json_array_end(&writer);
    pawl_json_key(&writer, "models");
    pawl_json_array_begin(&writer);
    for (uint32_t i = 0; i < learned->count; i++) {
        put_model(&writer, learned->models[i]);
    }
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
    pawl_buf_append_byte(out, '\n');
}

/* Under the lock. */
static pawl_err add_to_file(const struct pawl_learned *learned,
                            const char *path,
                            int64_t now_us,
                            struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    struct pawl_learned *all = pawl_learned_new();
    if (all == NULL) {
        return PAWL_ERR(MEMORY);
    }
    read_file(path, now_us / US_PER_S, all);
    for (uint32_t i = 0; i < learned->count; i++) {
        const struct kept_model *model = learned->models[i];
        struct kept_model *place = model_of(all, model->source, pawl_slice_str(model->name));
        for (uint32_t k = 0; k < model->count && place != NULL; k++) {
            add(place, &model->lessons[k]);
        }
    }
    pawl_buf_init(&text, FILE_BYTES_MAX);
    put_all(all, &text);
    pawl_err err = PAWL_ERR(MEMORY);
    if (!text.overflowed) {
        err = pawl_file_replace(path, pawl_buf_slice(&text), false, msg);
    }
    pawl_buf_free(&text);
    pawl_learned_free(all);
    return err;
}

pawl_err pawl_learned_save(const struct pawl_learned *learned,
                           const struct pawl_datadir *dir,
                           int64_t now_us,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    char lock[PAWL_PATH_BYTES];
    int fd = -1;
    if (learned == NULL || learned->count == 0) {
        return PAWL_OK;
    }
    pawl_err err = pawl_datadir_path(dir, PAWL_LEARNED_FILE, path, msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_path(dir, PAWL_LEARNED_FILE ".lock", lock, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_datafile_lock(lock, &fd, msg);
    }
    if (pawl_ok(err)) {
        err = add_to_file(learned, path, now_us, msg);
        (void)close(fd);
    }
    return err;
}
