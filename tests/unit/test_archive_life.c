/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_archive_life.c: the archive beside an engine: what was answered is found, a queue that
 * overflowed is caught up, and a file that is old, gone, damaged, another journal's or from the
 * future ends up as the journal says. The engine's disk is simulated, the archive's file is real.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/archive.h"
#include "base/attrs.h"
#include "base/hash.h"
#include "base/prng.h"
#include "seed.h"
#include "tests/lib/archive_model.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

enum { WAIT_MS = 60000, SLOTS = 16, PAGE = 100, PAGE_BYTES = 4096 };

static uint64_t seed;

struct world {
    struct kit kit;
    struct pawl_prng prng;
    char folder[32];
    char path[64];
    uint64_t queue_bytes_max;
    struct pawl_archive *archive; /* NULL: closed */
    uint64_t open[SLOTS];
    uint32_t reservations;
    bool was_missing;
    pthread_mutex_t lock;
    pthread_cond_t waking;
    bool woken;
};

/* --- World. ----------------------------------------------------------------------------------- */

static void on_wake(void *arg)
{
    struct world *world = arg;
    pthread_mutex_lock(&world->lock);
    world->woken = true;
    pthread_cond_signal(&world->waking);
    pthread_mutex_unlock(&world->lock);
}

static void on_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct world *world = arg;
    if (world->archive != NULL) {
        struct pawl_archive_stats stats;
        pawl_archive_feed(world->archive, batch);
        pawl_archive_stats(world->archive, &stats);
        world->was_missing = world->was_missing || stats.missing;
    }
}

static struct pawl_archive_stats stats_of(struct world *world)
{
    struct pawl_archive_stats stats;
    pawl_archive_stats(world->archive, &stats);
    return stats;
}

static void turn(struct world *world)
{
    while (pawl_archive_turn(world->archive, world->kit.engine)) {
    }
}

static void open_archive(struct world *world)
{
    struct pawl_errmsg msg;
    struct pawl_archive_options options = {.path = world->path,
                                           .queue_bytes_max = world->queue_bytes_max,
                                           .wake = on_wake,
                                           .wake_arg = world};
    if (pawl_failed(pawl_archive_open(&options, &world->archive, &msg))) {
        fail_msg("%s", msg.text);
    }
}

static void close_archive(struct world *world)
{
    pawl_archive_close(world->archive);
    world->archive = NULL;
}

static void begin(struct world *world)
{
    *world = (struct world){.archive = NULL};
    pawl_prng_seed(&world->prng, seed);
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->waking, NULL);
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/pawl-archive-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->path, sizeof(world->path), "%s/archive.db", world->folder);
    kit_init(&world->kit, seed);
    world->kit.durable_batch = on_batch;
    world->kit.durable_batch_arg = world;
    world->kit.accept_clock = true;
    kit_open(&world->kit);
    struct pawl_command budget = kit_budget("acme", USD, INT64_C(1) << 40);
    kit_must(&world->kit, &budget);
    open_archive(world);
}

static void finish(struct world *world)
{
    char command[64];
    if (world->archive != NULL) {
        close_archive(world);
    }
    kit_free(&world->kit);
    pthread_cond_destroy(&world->waking);
    pthread_mutex_destroy(&world->lock);
    (void)snprintf(command, sizeof(command), "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
}

/* Reservations that begin and end, some of them by themselves. */
static void work(struct world *world, uint32_t count)
{
    static const char *const agents[] = {"one", "two", "three", "four"};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *slot = &world->open[pawl_prng_below(&world->prng, SLOTS)];
        pawl_clock_manual_advance(&world->kit.time,
                                  (int64_t)pawl_prng_below(&world->prng, 9 * PAWL_US_PER_SECOND));
        pawl_engine_tick(world->kit.engine);
        struct pawl_command command = kit_reserve("acme", USD, 1 + (int64_t)i % 50);
        command.u.reserve.subject.levels[PAWL_LEVEL_AGENT] =
            pawl_slice_str(agents[pawl_prng_below(&world->prng, 4)]);
        command.metadata = PAWL_SLICE("{\"action\":{\"kind\":\"llm\",\"name\":\"a name\"}}");
        bool reserves = *slot == 0;
        if (!reserves) {
            command =
                pawl_prng_one_in(&world->prng, 3) ? kit_release(*slot) : kit_commit(*slot, USD, 1);
        }
        struct pawl_result result = kit_run(&world->kit, &command);
        world->reservations += reserves ? 1 : 0;
        *slot = reserves && result.code == PAWL_RESULT_OK ? result.id : 0;
    }
}

/* --- Asking. ---------------------------------------------------------------------------------- */

static void on_done(struct pawl_archive_request *request)
{
    *(bool *)request->arg = true;
}

/* Asks as a server does: turns and collects whenever it is woken, until there is an answer. */
static enum pawl_archive_answer ask(struct world *world,
                                    const struct pawl_archive_query *query,
                                    uint64_t needs_op,
                                    uint32_t wait_ms,
                                    struct pawl_archive_request *request)
{
    bool done = false;
    *request = (struct pawl_archive_request){.done = on_done, .arg = &done};
    turn(world);
    pawl_archive_ask(world->archive, query, needs_op, wait_ms, request);
    for (;;) {
        turn(world);
        pawl_archive_collect(world->archive);
        if (done) {
            return request->answer;
        }
        pthread_mutex_lock(&world->lock);
        while (!world->woken) {
            pthread_cond_wait(&world->waking, &world->lock);
        }
        world->woken = false;
        pthread_mutex_unlock(&world->lock);
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return pawl_hash_mix(hash ^ value) + 1;
}

static uint64_t mix_text(uint64_t hash, struct pawl_slice text)
{
    return mix(hash, pawl_hash_sip((struct pawl_hash_key){1, 2}, text));
}

/* Of everything that the list of all says, page by page; `*ret_rows` is how many rows that are. A
 * file that is being made again meanwhile makes it begin anew. */
static uint64_t read_all(struct world *world, uint32_t *ret_rows)
{
    uint64_t hash = 0;
    struct pawl_archive_query query = model_all();
    struct pawl_archive_request request;
    uint32_t failures = 0;
    query.limit = PAGE;
    query.ascending = true;
    *ret_rows = 0;
    do {
        uint64_t needs_op = pawl_engine_durable_op(world->kit.engine);
        enum pawl_archive_answer answer = ask(world, &query, needs_op, WAIT_MS, &request);
        if (answer == PAWL_ARCHIVE_BROKEN && failures++ < 10) {
            pawl_archive_release(&request);
            query.after = (struct pawl_archive_place){.op = 0};
            hash = 0;
            *ret_rows = 0;
            request.more = true;
            continue;
        }
        if (answer != PAWL_ARCHIVE_FOUND) {
            fail_msg("answer %d: %s", answer, request.why);
        }
        for (uint32_t i = 0; i < request.row_count; i++) {
            const struct pawl_archive_row *row = &request.rows[i];
            hash = mix(hash, row->op);
            hash = mix(hash, row->status);
            hash = mix(hash, (uint64_t)row->reserved);
            hash = mix(hash, (uint64_t)row->committed);
            hash = mix(hash, (uint64_t)row->created_ms);
            hash = mix(hash, (uint64_t)row->expires_ms);
            hash = mix(hash, (uint64_t)row->finalized_ms);
            hash = mix_text(hash, row->scope_path);
            hash = mix_text(hash, row->document);
        }
        *ret_rows += request.row_count;
        query.after = request.last;
        pawl_archive_release(&request);
    } while (request.more);
    return hash;
}

/* The list says as much as the journal: as one that is made from it anew. */
static void check_all(struct world *world)
{
    uint32_t rows = 0;
    uint32_t rows_anew = 0;
    uint64_t hash = read_all(world, &rows);
    struct pawl_archive *archive = world->archive;
    char path[sizeof(world->path)];
    memcpy(path, world->path, sizeof(path));
    (void)snprintf(world->path, sizeof(world->path), "%s/anew.db", world->folder);
    (void)unlink(world->path);
    open_archive(world);
    uint64_t hash_anew = read_all(world, &rows_anew);
    close_archive(world);
    memcpy(world->path, path, sizeof(path));
    world->archive = archive;
    assert_int_equal(rows, rows_anew);
    assert_int_equal(hash, hash_anew);
    assert_int_equal(rows, world->reservations);
}

/* --- Tests. ----------------------------------------------------------------------------------- */

static void what_is_durable_is_found(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int i = 0; i < 25; i++) {
        work(&world, 3);
        uint32_t rows = 0;
        (void)read_all(&world, &rows);
        assert_int_equal(rows, world.reservations);
    }
    check_all(&world);
    assert_int_equal(stats_of(&world).set_aside, 0);
    finish(&world);
}

static void a_queue_that_overflowed_is_caught_up(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    close_archive(&world);
    world.queue_bytes_max = 2000; /* a few batches */
    open_archive(&world);
    for (int i = 0; i < 3; i++) {
        turn(&world);
        world.was_missing = false;
        work(&world, 300);
        assert_true(world.was_missing);
        check_all(&world);
        assert_int_equal(stats_of(&world).rows, world.reservations);
    }
    assert_int_equal(stats_of(&world).set_aside, 0);
    finish(&world);
}

static void a_batch_that_is_larger_than_the_queue_is_taken(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    close_archive(&world);
    world.queue_bytes_max = 100; /* less than one */
    open_archive(&world);
    work(&world, 40);
    check_all(&world);
    finish(&world);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    turn(&world);
    for (int i = 0; i < 6; i++) {
        work(&world, 60);
        close_archive(&world); /* writes what is queued */
        uint64_t op = pawl_engine_durable_op(world.kit.engine);
        bool apart = i % 2 == 1;
        if (apart) {
            work(&world, 30); /* nobody feeds it */
        }
        kit_close(&world.kit);
        kit_open(&world.kit);
        open_archive(&world);
        assert_int_equal(stats_of(&world).op, op);
        check_all(&world);
        assert_int_equal(stats_of(&world).set_aside, 0);
    }
    finish(&world);
}

static void a_crash_loses_nothing(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    for (int i = 0; i < 4; i++) {
        work(&world, 80);
        (void)stats_of(&world);
        /* What was answered is durable: the same reservations are there again. */
        close_archive(&world);
        kit_crash(&world.kit, true);
        kit_open(&world.kit);
        open_archive(&world);
        check_all(&world);
        assert_int_equal(stats_of(&world).set_aside, 0);
    }
    finish(&world);
}

static void a_file_that_is_gone_is_made_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    work(&world, 200);
    check_all(&world);
    close_archive(&world);
    assert_int_equal(unlink(world.path), 0);
    open_archive(&world);
    assert_int_equal(stats_of(&world).op, 0);
    check_all(&world);
    finish(&world);
}

static off_t file_bytes(const char *path)
{
    struct stat stat_of;
    return stat(path, &stat_of) == 0 ? stat_of.st_size : -1;
}

/* Writes nonsense over a part of a closed file. */
static void damage(struct world *world, off_t at, size_t bytes)
{
    unsigned char nonsense[PAGE_BYTES];
    FILE *file = fopen(world->path, "r+");
    assert_non_null(file);
    for (size_t i = 0; i < sizeof(nonsense); i++) {
        nonsense[i] = (unsigned char)pawl_prng_next(&world->prng);
    }
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(nonsense, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Somebody removes or replaces the file of a server that works. What it is asked then is answered
 * from a file that has what the journal has, and never from an empty or an older one. */
static void a_file_that_goes_under_the_writer_is_made_again(void **state)
{
    (void)state;
    enum { ALONE, WITH_ITS_LOG, REPLACED, CASES };
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (int which = 0; which < CASES; which++) {
        struct world world;
        char name[96];
        char command[256];
        begin(&world);
        work(&world, 40);
        close_archive(&world);
        (void)snprintf(command, sizeof(command), "cp %s %s.copy", world.path, world.path);
        assert_int_equal(system(command), 0);
        open_archive(&world);
        turn(&world);
        work(&world, 40);
        while (stats_of(&world).op < pawl_engine_durable_op(world.kit.engine)) {
            turn(&world); /* nobody has asked yet: the reader has not opened it */
        }
        for (int i = 0; i < (which == ALONE ? 1 : 3); i++) {
            (void)snprintf(name, sizeof(name), "%s%s", world.path, endings[i]);
            assert_int_equal(unlink(name), 0);
        }
        if (which == REPLACED) {
            (void)snprintf(name, sizeof(name), "%s.copy", world.path);
            assert_int_equal(rename(name, world.path), 0);
        }
        check_all(&world);
        assert_int_equal(stats_of(&world).set_aside, 1);
        work(&world, 40);
        check_all(&world);
        finish(&world);
    }
}

static void a_damaged_file_is_put_aside_and_made_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    work(&world, 600);
    check_all(&world);
    uint32_t aside = 0;
    for (int i = 0; i < 16; i++) {
        close_archive(&world);
        off_t pages = file_bytes(world.path) / PAGE_BYTES;
        assert_true(pages > 20);
        off_t page = i == 0 ? 0 : (off_t)pawl_prng_below(&world.prng, (uint64_t)pages);
        if (i == 1) {
            assert_int_equal(truncate(world.path, pages / 2 * PAGE_BYTES), 0);
        } else if (i == 2) {
            assert_int_equal(truncate(world.path, 100), 0);
        } else {
            damage(&world, page * PAGE_BYTES, PAGE_BYTES);
        }
        open_archive(&world);
        work(&world, 30);
        /* A page that nothing points to may be any. */
        check_all(&world);
        struct pawl_archive_stats stats = stats_of(&world);
        assert_false(stats.broken);
        assert_true(i > 2 || stats.set_aside > 0);
        aside += (uint32_t)stats.set_aside;
    }
    char name[80];
    (void)snprintf(name, sizeof(name), "%s.aside", world.path);
    assert_int_equal(access(name, F_OK), 0);
    assert_true(aside >= 6);
    finish(&world);
}

static void a_file_of_another_version_is_made_again(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    work(&world, 60);
    check_all(&world);
    close_archive(&world);
    damage(&world, 60, 4); /* user_version */
    open_archive(&world);
    assert_int_equal(stats_of(&world).set_aside, 1);
    check_all(&world);
    finish(&world);
}

/* The journal is put back from a copy that is older than the archive. */
static void a_file_from_the_future_is_not_trusted(void **state)
{
    (void)state;
    for (int with_more = 0; with_more < 3; with_more++) {
        struct world world;
        begin(&world);
        work(&world, 100);
        (void)read_all(&world, &(uint32_t){0});
        kit_close(&world.kit);
        struct disk *older = disk_copy(world.kit.disk, 1);
        uint32_t reservations = world.reservations;
        uint64_t open[SLOTS];
        memcpy(open, world.open, sizeof(open));
        kit_open(&world.kit);
        work(&world, 60);
        check_all(&world);
        uint64_t op = pawl_engine_durable_op(world.kit.engine);
        close_archive(&world);
        kit_close(&world.kit);
        disk_free(world.kit.disk);
        world.kit.disk = older;
        world.reservations = reservations;
        memcpy(world.open, open, sizeof(open));
        kit_open(&world.kit);
        /* Behind the file, as far, or further: its batch is another one in any case. */
        while (with_more > 0 && pawl_engine_durable_op(world.kit.engine) < op) {
            work(&world, 1);
        }
        work(&world, with_more == 2 ? 50 : 0);
        open_archive(&world);
        assert_int_equal(stats_of(&world).op, op);
        check_all(&world);
        assert_int_equal(stats_of(&world).set_aside, 1);
        finish(&world);
    }
}

static void what_the_journal_no_longer_has_is_left_out(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    finish(&world);
    begin(&world);
    close_archive(&world);
    kit_close(&world.kit);
    world.kit.segment_bytes = 100 * 1024;
    world.kit.retention = (struct pawl_journal_retention){.bytes_max = 200 * 1024};
    kit_open(&world.kit);
    uint64_t first_op = 0;
    for (int i = 0; i < 200 && first_op <= 1; i++) {
        work(&world, 50);
        assert_true(pawl_ok(pawl_engine_checkpoint(world.kit.engine, &world.kit.msg)));
        first_op = pawl_engine_first_op(world.kit.engine);
    }
    assert_true(first_op > 1);
    (void)unlink(world.path);
    open_archive(&world);
    uint32_t rows = 0;
    (void)read_all(&world, &rows);
    assert_true(rows > 0 && rows < world.reservations);
    assert_int_equal(stats_of(&world).op, pawl_engine_durable_op(world.kit.engine));
    finish(&world);
}

static void who_asks_for_what_is_not_there_yet_is_told_so(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    work(&world, 10);
    struct pawl_archive_request request;
    struct pawl_archive_query query = model_all();
    uint64_t next = pawl_engine_durable_op(world.kit.engine) + 1;
    assert_int_equal(ask(&world, &query, next, 1, &request), PAWL_ARCHIVE_BEHIND);
    pawl_archive_release(&request);
    finish(&world);
}

static void who_waits_at_the_end_is_told_so(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    work(&world, 10);
    bool done[3] = {false};
    struct pawl_archive_request requests[3];
    struct pawl_archive_query query = model_all();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(requests); i++) {
        requests[i] = (struct pawl_archive_request){.done = on_done, .arg = &done[i]};
        pawl_archive_ask(world.archive, &query, 1000000, WAIT_MS, &requests[i]);
    }
    close_archive(&world);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(requests); i++) {
        assert_true(done[i]);
        assert_int_equal(requests[i].answer, PAWL_ARCHIVE_SHUT_DOWN);
        pawl_archive_release(&requests[i]);
    }
    finish(&world);
}

/* A write beyond that fails as on a full disk. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* It says so to who asks, rather than answer without what it could not write; and goes on by itself
 * when there is room again. */
static void a_full_disk_is_told_until_there_is_room(void **state)
{
    (void)state;
    struct world world;
    struct pawl_archive_request request;
    struct pawl_archive_query query = model_all();
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    begin(&world);
    work(&world, 40);
    check_all(&world);
    limit_files(PAGE_BYTES);
    for (int i = 0; i < 2; i++) {
        work(&world, 40);
        uint64_t needs_op = pawl_engine_durable_op(world.kit.engine);
        assert_int_equal(ask(&world, &query, needs_op, WAIT_MS, &request), PAWL_ARCHIVE_BROKEN);
        assert_non_null(strstr(request.why, "archive.db"));
        pawl_archive_release(&request);
        assert_true(stats_of(&world).op < needs_op);
    }
    limit_files(RLIM_INFINITY);
    while (stats_of(&world).op < pawl_engine_durable_op(world.kit.engine)) {
        turn(&world);
    }
    assert_false(stats_of(&world).broken);
    assert_int_equal(stats_of(&world).set_aside, 0);
    check_all(&world);
    finish(&world);
    (void)signal(SIGXFSZ, before);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct pawl_archive *archive = NULL;
    struct pawl_errmsg msg = {""};
    struct pawl_archive_options options = {.path = "/nowhere/at/all/archive.db"};
    assert_true(pawl_failed(pawl_archive_open(&options, &archive, &msg)));
    assert_null(archive);
    assert_true(strlen(msg.text) > 0);
}

int main(void)
{
    seed = seed_for("build/werror/bin/test_archive_life");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_durable_is_found),
        cmocka_unit_test(a_queue_that_overflowed_is_caught_up),
        cmocka_unit_test(a_batch_that_is_larger_than_the_queue_is_taken),
        cmocka_unit_test(a_restart_goes_on_where_it_was),
        cmocka_unit_test(a_crash_loses_nothing),
        cmocka_unit_test(a_file_that_is_gone_is_made_again),
        cmocka_unit_test(a_file_that_goes_under_the_writer_is_made_again),
        cmocka_unit_test(a_damaged_file_is_put_aside_and_made_again),
        cmocka_unit_test(a_file_of_another_version_is_made_again),
        cmocka_unit_test(a_file_from_the_future_is_not_trusted),
        cmocka_unit_test(what_the_journal_no_longer_has_is_left_out),
        cmocka_unit_test(who_asks_for_what_is_not_there_yet_is_told_so),
        cmocka_unit_test(who_waits_at_the_end_is_told_so),
        cmocka_unit_test(a_full_disk_is_told_until_there_is_room),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
