/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizing.c: see sizing.h. The number of tracked files stands in the head of git's index, so git
 * itself is not asked: the agent waits for this.
 */
#define _GNU_SOURCE
#include "run/sizing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "gateway/price_tier.h"
#include "history/history.h"
#include "run/place.h"

enum {
    FILES_BASE = 100,
    INDEX_HEAD_BYTES = 12,
    FACTOR_ONE = 1000, /* the model factor in permille */
    FACTOR_MIN = 250,
    FACTOR_MAX = 4000,
    MIX_DAYS = 30
};

#define DAY_US             (INT64_C(24) * 60 * 60 * 1000000)
#define BASE_MICROCENTS    PAWL_MICROCENTS_PER_USD
#define STEP_MICROCENTS    (PAWL_MICROCENTS_PER_USD / 4)
#define BLENDED_MICROCENTS (6 * PAWL_MICROCENTS_PER_USD)
#define CENT_MICROCENTS    (PAWL_MICROCENTS_PER_USD / 100)

/* --- The repository -------------------------------------------------------------------------- */

/* The file's first bytes, NUL-terminated; how many, or -1. */
static ssize_t read_head(const char *path, char *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    ssize_t got = read(fd, out, bytes - 1);
    (void)close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got;
}

/* "DIRC", the version, the number of entries: each of four bytes, the most significant first. */
static bool index_count(const char *folder, uint32_t *ret_files)
{
    char path[PAWL_PATH_BYTES];
    char head[INDEX_HEAD_BYTES + 1];
    int bytes = snprintf(path, sizeof(path), "%s/index", folder);
    if (bytes < 0 || bytes >= PAWL_PATH_BYTES ||
        read_head(path, head, sizeof(head)) != INDEX_HEAD_BYTES || memcmp(head, "DIRC", 4) != 0) {
        return false;
    }
    uint32_t count = 0;
    for (size_t i = 8; i < INDEX_HEAD_BYTES; i++) {
        count = count << 8 | (unsigned char)head[i];
    }
    *ret_files = count;
    return true;
}

bool pawl_sizing_repository(const char *cwd, struct pawl_sizing_facts *ret_facts)
{
    struct pawl_place place;
    if (!pawl_place_find(cwd, &place) || place.repo[0] == '\0') {
        return false;
    }
    memcpy(ret_facts->root, place.repo, sizeof(ret_facts->root));
    ret_facts->files_known = index_count(place.git, &ret_facts->files);
    return true;
}

/* --- The models ------------------------------------------------------------------------------ */

struct mix {
    const struct pawl_sizing_place *place;
    uint64_t calls;
    pawl_i128 sum; /* of calls times price */
};

static bool add_model(void *arg, const struct pawl_history_model *model)
{
    struct mix *mix = arg;
    struct pawl_price price;
    if (pawl_model_price(mix->place->book, model->model, pawl_environ_get, mix->place->now_us,
                         &price)) {
        mix->calls += model->calls;
        mix->sum += (pawl_i128)pawl_price_blended(&price) * model->calls;
    }
    return true;
}

/* A history that cannot be read is one without runs. */
static void look_at_runs(const struct pawl_sizing_place *place, struct pawl_sizing_facts *facts)
{
    struct pawl_errmsg msg;
    char path[PAWL_PATH_BYTES];
    struct pawl_history *history = NULL;
    struct mix mix = {.place = place};
    if (pawl_failed(pawl_datadir_path(place->dir, "history.db", path, &msg)) ||
        access(path, R_OK) != 0 || pawl_failed(pawl_history_open(path, NULL, &history, &msg))) {
        return;
    }
    pawl_err err = pawl_history_mix(history, pawl_slice_str(facts->root),
                                    place->now_us - MIX_DAYS * DAY_US, add_model, &mix, &msg);
    if (pawl_ok(err) && mix.calls > 0) {
        facts->calls = mix.calls;
        facts->blended_microcents = (int64_t)(mix.sum / (pawl_i128)mix.calls);
    }
    err = pawl_history_close(history, &msg);
    (void)err.code; /* It was only read. */
}

void pawl_sizing_look(const struct pawl_sizing_place *place, struct pawl_sizing_facts *ret_facts)
{
    *ret_facts = (struct pawl_sizing_facts){.files = 0};
    if (pawl_sizing_repository(place->cwd, ret_facts)) {
        look_at_runs(place, ret_facts);
    }
    if (ret_facts->calls == 0 && place->model->priced) {
        ret_facts->blended_microcents = pawl_price_blended(&place->model->price);
    }
}

/* --- The sum --------------------------------------------------------------------------------- */

static int64_t by_files(const struct pawl_sizing_facts *facts)
{
    int64_t microcents = BASE_MICROCENTS;
    for (uint64_t files = FILES_BASE; facts->files_known && 2 * files <= facts->files; files *= 2) {
        microcents += STEP_MICROCENTS;
    }
    return microcents;
}

static int64_t factor_permille(const struct pawl_sizing_facts *facts)
{
    int64_t factor = FACTOR_ONE;
    if (facts->blended_microcents > 0 &&
        !pawl_money_mul_div_ceil(facts->blended_microcents, FACTOR_ONE, BLENDED_MICROCENTS,
                                 &factor)) {
        factor = FACTOR_MAX;
    }
    return pawl_min_i64(pawl_max_i64(factor, FACTOR_MIN), FACTOR_MAX);
}

static void
write_reason(const struct pawl_sizing_facts *facts, int64_t factor, struct pawl_sizing *sizing)
{
    char count[PAWL_MONEY_TEXT_BYTES];
    char price[PAWL_MONEY_TEXT_BYTES];
    char files[96] = "no git repository";
    char models[128] = "no model known yet";
    if (facts->files_known) {
        (void)snprintf(files, sizeof(files), "%s tracked file%s",
                       pawl_money_format_count(facts->files, count), facts->files == 1 ? "" : "s");
    } else if (facts->root[0] != '\0') {
        (void)snprintf(files, sizeof(files), "a repository of unknown size");
    }
    if (facts->blended_microcents > 0) {
        (void)snprintf(models, sizeof(models), "%s at %s a million tokens (x %d.%02d)",
                       facts->calls > 0 ? "the models used here" : "the model",
                       pawl_money_format_usd_short(facts->blended_microcents, price),
                       (int)(factor / 1000), (int)(factor % 1000 / 10));
    }
    (void)snprintf(sizing->reason, sizeof(sizing->reason), "%s, %s", files, models);
}

void pawl_sizing_compute(const struct pawl_sizing_facts *facts,
                         int64_t least,
                         int64_t most,
                         struct pawl_sizing *ret_sizing)
{
    PAWL_ASSERT(0 < least && least <= most);
    int64_t factor = factor_permille(facts);
    int64_t cents = 0;
    if (!pawl_money_mul_div_ceil(by_files(facts), factor, FACTOR_ONE * CENT_MICROCENTS, &cents)) {
        cents = most / CENT_MICROCENTS;
    }
    ret_sizing->microcents = pawl_min_i64(pawl_max_i64(cents * CENT_MICROCENTS, least), most);
    write_reason(facts, factor, ret_sizing);
}
