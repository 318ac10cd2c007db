/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_files.c: checkpoints and the witness appear whole or not at all, damage to them is
 * found, and file systems that do not keep their word are known.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/attrs.h"
#include "journal/checkpoint.h"
#include "journal/files.h"
#include "journal/sqlite_uri.h"
#include "journal/witness.h"
#include "tests/lib/batches.h"
#include "tests/lib/disk.h"

enum { CHUNK_BYTES = 1000, CHUNKS = 7, ROOT_BYTES = 300 };

static const char dir[] = "/sim";

/* --- Checkpoints. ----------------------------------------------------------------------------- */

static void fill(char *out, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (char)(i * 7 + seed);
    }
}

static pawl_err write_checkpoint(const struct pawl_files *files,
                                 struct pawl_journal_checkpoint *ret_row,
                                 struct pawl_errmsg *msg)
{
    char root[ROOT_BYTES];
    char chunk[CHUNK_BYTES];
    fill(root, sizeof(root), 1);
    struct pawl_checkpoint_start start = {.op = 42,
                                          .rules_version = 3,
                                          .chunk_bytes = CHUNK_BYTES,
                                          .hash = {{9, 8, 7}},
                                          .root = pawl_slice_of(root, sizeof(root))};
    struct pawl_checkpoint_writer *writer = NULL;
    pawl_err err = pawl_checkpoint_begin(files, dir, &start, &writer, msg);
    if (pawl_failed(err)) {
        return err;
    }
    for (uint32_t i = 0; i < CHUNKS; i++) {
        fill(chunk, sizeof(chunk), i);
        err = pawl_checkpoint_chunk(writer, i * 2, chunk, msg);
        if (pawl_failed(err)) {
            pawl_checkpoint_abandon(writer);
            return err;
        }
    }
    return pawl_checkpoint_finish(writer, ret_row, msg);
}

struct loaded {
    bool root;
    uint32_t chunks;
};

static bool take_root(void *arg, struct pawl_slice root)
{
    struct loaded *loaded = arg;
    char expected[ROOT_BYTES];
    fill(expected, sizeof(expected), 1);
    loaded->root = pawl_slice_equal(root, pawl_slice_of(expected, sizeof(expected)));
    return loaded->root;
}

static bool take_chunk(void *arg, uint32_t number, struct pawl_slice chunk)
{
    struct loaded *loaded = arg;
    char expected[CHUNK_BYTES];
    fill(expected, sizeof(expected), loaded->chunks);
    bool same = number == loaded->chunks * 2 &&
                pawl_slice_equal(chunk, pawl_slice_of(expected, sizeof(expected)));
    loaded->chunks++;
    return same;
}

static pawl_err load_checkpoint(const struct pawl_files *files,
                                const struct pawl_journal_checkpoint *row,
                                struct loaded *ret_loaded)
{
    *ret_loaded = (struct loaded){.root = false};
    struct pawl_errmsg msg;
    struct pawl_checkpoint_sink sink = {.root = take_root,
                                        .chunk = take_chunk,
                                        .arg = ret_loaded,
                                        .rules_version = 3,
                                        .chunk_bytes = CHUNK_BYTES};
    return pawl_checkpoint_load(files, dir, row, &sink, &msg);
}

static void a_checkpoint_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct disk *disk = disk_new(1);
    struct pawl_journal_checkpoint row;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(write_checkpoint(disk_files(disk), &row, &msg)));
    assert_int_equal(row.op, 42);
    assert_string_equal(row.file, "checkpoint-000000000000000042.pawl");
    disk_crash(disk, true);
    struct loaded loaded;
    assert_true(pawl_ok(load_checkpoint(disk_files(disk), &row, &loaded)));
    assert_true(loaded.root);
    assert_int_equal(loaded.chunks, CHUNKS);
    disk_free(disk);
}

static void a_checkpoint_is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    bool survived = false;
    for (uint64_t change = 1; !survived; change++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            struct disk *disk = disk_new(seed);
            struct pawl_journal_checkpoint row;
            struct pawl_errmsg msg;
            disk_die_at(disk, change);
            survived = pawl_ok(write_checkpoint(disk_files(disk), &row, &msg));
            disk_crash(disk, true);
            if (survived || disk_exists(disk, "/sim/checkpoint-000000000000000042.pawl")) {
                /* Under its own name it is always complete. */
                struct disk *whole = disk_new(1);
                struct loaded loaded;
                assert_true(pawl_ok(write_checkpoint(disk_files(whole), &row, &msg)));
                assert_true(pawl_ok(load_checkpoint(disk_files(disk), &row, &loaded)));
                assert_int_equal(loaded.chunks, CHUNKS);
                disk_free(whole);
            }
            disk_free(disk);
        }
    }
}

static void every_flipped_byte_of_a_checkpoint_is_found(void **state)
{
    (void)state;
    struct disk *disk = disk_new(2);
    struct pawl_journal_checkpoint row;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(write_checkpoint(disk_files(disk), &row, &msg)));
    static const char path[] = "/sim/checkpoint-000000000000000042.pawl";
    struct loaded loaded;
    for (size_t byte = 0; byte < disk_file_bytes(disk, path); byte++) {
        disk_flip_bit(disk, path, byte, byte % 8);
        assert_int_equal(load_checkpoint(disk_files(disk), &row, &loaded).code, PAWL_ERR_CORRUPT);
        /* Nobody was fed a byte of it. */
        assert_int_equal(loaded.chunks, 0);
        assert_false(loaded.root);
        disk_flip_bit(disk, path, byte, byte % 8);
    }
    assert_true(pawl_ok(load_checkpoint(disk_files(disk), &row, &loaded)));
    row.digest++;
    assert_int_equal(load_checkpoint(disk_files(disk), &row, &loaded).code, PAWL_ERR_CORRUPT);
    disk_cut(disk, path, 100);
    assert_int_equal(load_checkpoint(disk_files(disk), &row, &loaded).code, PAWL_ERR_CORRUPT);
    disk_cut(disk, path, 3);
    assert_int_equal(load_checkpoint(disk_files(disk), &row, &loaded).code, PAWL_ERR_CORRUPT);
    disk_free(disk);
}

static void a_checkpoint_of_newer_rules_is_told_apart_from_damage(void **state)
{
    (void)state;
    struct disk *disk = disk_new(3);
    struct pawl_journal_checkpoint row;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(write_checkpoint(disk_files(disk), &row, &msg)));
    struct loaded loaded = {.root = false};
    struct pawl_checkpoint_sink sink = {.root = take_root,
                                        .chunk = take_chunk,
                                        .arg = &loaded,
                                        .rules_version = 2,
                                        .chunk_bytes = CHUNK_BYTES};
    pawl_err err = pawl_checkpoint_load(disk_files(disk), dir, &row, &sink, &msg);
    assert_int_equal(err.code, PAWL_ERR_VERSION);
    sink.rules_version = 4; /* older ones are read */
    assert_true(pawl_ok(pawl_checkpoint_load(disk_files(disk), dir, &row, &sink, &msg)));
    assert_int_equal(loaded.chunks, CHUNKS);
    disk_free(disk);
}

/* --- The witness. ----------------------------------------------------------------------------- */

struct witnessed {
    struct disk *disk;
    struct batches batches;
    struct pawl_journal *journal;
    struct pawl_errmsg msg;
};

static void witnessed_open(struct witnessed *bench)
{
    *bench = (struct witnessed){.disk = disk_new(4)};
    batches_init(&bench->batches, 4);
    struct pawl_journal_sqlite_options options = {.dir = dir,
                                                  .create = true,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(bench->disk),
                                                  .files = disk_files(bench->disk)};
    assert_true(pawl_ok(pawl_journal_sqlite_open(&options, &bench->journal, &bench->msg)));
    for (int i = 0; i < 4; i++) {
        assert_true(pawl_ok(batches_append(&bench->batches, bench->journal, 5, &bench->msg)));
    }
}

static void witnessed_close(struct witnessed *bench)
{
    bench->journal->ops->close(bench->journal);
    batches_free(&bench->batches);
    disk_free(bench->disk);
}

static pawl_err check(struct witnessed *bench)
{
    struct pawl_witness witness;
    return pawl_witness_check(disk_files(bench->disk), dir, bench->journal, &witness, &bench->msg);
}

static void write_witness(struct witnessed *bench, struct pawl_witness witness)
{
    pawl_err err = pawl_witness_write(disk_files(bench->disk), dir, &witness, &bench->msg);
    assert_true(pawl_ok(err));
}

static void the_witness_accepts_its_journal_and_no_other(void **state)
{
    (void)state;
    struct witnessed bench;
    witnessed_open(&bench);
    assert_true(pawl_ok(check(&bench))); /* there is none */
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    write_witness(&bench, (struct pawl_witness){.op = head.last_op, .hash = head.hash});
    assert_true(pawl_ok(check(&bench)));
    assert_true(pawl_ok(batches_append(&bench.batches, bench.journal, 5, &bench.msg)));
    assert_true(pawl_ok(check(&bench)));
    /* The journal ends before it. */
    write_witness(&bench, (struct pawl_witness){.op = head.last_op + 6, .hash = head.hash});
    assert_int_equal(check(&bench).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "older copy"));
    /* Another history with as many operations. */
    head.hash.bytes[5] ^= 1;
    write_witness(&bench, (struct pawl_witness){.op = head.last_op, .hash = head.hash});
    assert_int_equal(check(&bench).code, PAWL_ERR_CORRUPT);
    witnessed_close(&bench);
}

static void every_flipped_bit_of_the_witness_is_found(void **state)
{
    (void)state;
    struct witnessed bench;
    witnessed_open(&bench);
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    write_witness(&bench, (struct pawl_witness){.op = head.last_op, .hash = head.hash});
    static const char path[] = "/sim/witness";
    size_t bytes = disk_file_bytes(bench.disk, path);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        disk_flip_bit(bench.disk, path, bit / 8, (unsigned)(bit % 8));
        assert_int_equal(check(&bench).code, PAWL_ERR_CORRUPT);
        disk_flip_bit(bench.disk, path, bit / 8, (unsigned)(bit % 8));
    }
    assert_true(pawl_ok(check(&bench)));
    for (size_t cut = bytes; cut-- > 0;) {
        disk_cut(bench.disk, path, cut);
        assert_int_equal(check(&bench).code, PAWL_ERR_CORRUPT);
    }
    witnessed_close(&bench);
}

static void the_witness_is_the_old_one_or_the_new_one(void **state)
{
    (void)state;
    bool survived = false;
    for (uint64_t change = 1; !survived; change++) {
        struct disk *disk = disk_new(change);
        struct pawl_errmsg msg;
        struct pawl_witness first = {.op = 1, .hash = {{1}}};
        struct pawl_witness second = {.op = 22, .hash = {{2}}};
        assert_true(pawl_ok(pawl_witness_write(disk_files(disk), dir, &first, &msg)));
        disk_die_at(disk, change);
        survived = pawl_ok(pawl_witness_write(disk_files(disk), dir, &second, &msg));
        disk_crash(disk, true);
        struct pawl_witness found;
        assert_true(pawl_ok(pawl_witness_read(disk_files(disk), dir, &found, &msg)));
        assert_true(found.op == 1 || found.op == 22);
        assert_int_equal(found.hash.bytes[0], found.op == 1 ? 1 : 2);
        assert_true(!survived || found.op == 22);
        disk_free(disk);
    }
}

static void hashes_have_one_text(void **state)
{
    (void)state;
    struct pawl_journal_hash hash;
    struct pawl_journal_hash parsed;
    char text[PAWL_JOURNAL_HASH_TEXT_BYTES];
    for (size_t i = 0; i < sizeof(hash.bytes); i++) {
        hash.bytes[i] = (uint8_t)(i * 9);
    }
    assert_true(
        pawl_journal_hash_parse(pawl_slice_str(pawl_journal_hash_format(&hash, text)), &parsed));
    assert_memory_equal(&hash, &parsed, sizeof(hash));
    text[2] = 'A';
    assert_false(pawl_journal_hash_parse(pawl_slice_str(text), &parsed));
    text[2] = '0';
    assert_false(pawl_journal_hash_parse(pawl_slice_of(text, 63), &parsed));
}

/* --- The machine's files. --------------------------------------------------------------------- */

static bool note_names(void *arg, const char *name)
{
    unsigned *seen = arg;
    *seen |= strcmp(name, "kept") == 0 ? 1U : 0U;
    *seen |= strcmp(name, "kept.tmp") == 0 ? 2U : 0U;
    return true;
}

static void the_machines_files_publish_lock_and_list(void **state)
{
    (void)state;
    char place[] = "journal-files-XXXXXX";
    char path[PAWL_PATH_BYTES_MAX];
    char temporary[PAWL_PATH_BYTES_MAX];
    char lock[PAWL_PATH_BYTES_MAX];
    struct pawl_errmsg msg;
    assert_non_null(mkdtemp(place));
    assert_true(pawl_ok(pawl_files_path(place, "kept", path, &msg)));
    assert_true(pawl_ok(pawl_files_path(place, "kept.tmp", temporary, &msg)));
    assert_true(pawl_ok(pawl_files_path(place, "lock", lock, &msg)));
    const struct pawl_files_ops *ops = pawl_files_os()->ops;
    struct pawl_file *file = NULL;
    assert_true(pawl_ok(ops->create(NULL, temporary, &file, &msg)));
    assert_true(pawl_ok(ops->append(file, "hello", 5, &msg)));
    assert_true(pawl_ok(ops->publish(file, path, &msg)));
    uint64_t bytes = 0;
    char read[5];
    assert_true(pawl_ok(ops->open(NULL, path, &file, &bytes, &msg)));
    assert_int_equal(bytes, 5);
    assert_true(pawl_ok(ops->read(file, 1, read, 4, &msg)));
    assert_memory_equal(read, "ello", 4);
    assert_int_equal(ops->read(file, 2, read, 4, &msg).code, PAWL_ERR_CORRUPT);
    ops->close(file);
    /* Abandoned: gone. */
    assert_true(pawl_ok(ops->create(NULL, temporary, &file, &msg)));
    ops->close(file);
    unsigned seen = 0;
    assert_true(pawl_ok(ops->list(NULL, place, note_names, &seen, &msg)));
    assert_int_equal(seen, 1);
    struct pawl_file *held = NULL;
    assert_int_equal(ops->lock(NULL, lock, false, &held, &msg).code, PAWL_ERR_NOT_FOUND);
    assert_true(pawl_ok(ops->lock(NULL, lock, true, &held, &msg)));
    assert_int_equal(ops->lock(NULL, lock, true, &file, &msg).code, PAWL_ERR_LOCKED);
    ops->close(held);
    assert_true(pawl_ok(ops->lock(NULL, lock, false, &held, &msg)));
    ops->close(held);
    assert_true(pawl_ok(ops->remove(NULL, path, &msg)));
    assert_true(pawl_ok(ops->remove(NULL, path, &msg)));
    assert_true(pawl_ok(ops->remove(NULL, lock, &msg)));
    assert_int_equal(rmdir(place), 0);
}

/* Whatever the folder is called, and however it was said, a file in it is that file. */
static void a_file_is_read_whatever_its_path_has(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "a b",  "100%41", "what?mode=memory",
                                        "#1",    "a&b=c"};
    char place[] = "/tmp/journal-files-XXXXXX";
    char path[PAWL_PATH_BYTES_MAX];
    char said[PAWL_PATH_BYTES_MAX];
    char uri[PAWL_SQLITE_URI_BYTES];
    assert_non_null(mkdtemp(place));
    assert_int_equal(chdir(place), 0);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        sqlite3 *db = NULL;
        (void)snprintf(path, sizeof(path), "%s/%s", place, names[i]);
        assert_int_equal(
            sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
            SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        static const char *const ways[] = {"", "/", "//"};
        for (size_t way = 0; way <= PAWL_ARRAY_LEN(ways); way++) {
            bool relative = way == PAWL_ARRAY_LEN(ways);
            (void)snprintf(said, sizeof(said), "%s%s", relative ? "" : ways[way],
                           relative ? names[i] : path);
            pawl_sqlite_immutable_uri(said, uri);
            int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
            if (sqlite3_open_v2(uri, &db, flags, NULL) != SQLITE_OK) {
                fail_msg("%s as %s: %s", said, uri, sqlite3_errmsg(db));
            }
            assert_int_equal(sqlite3_exec(db, "SELECT x FROM t", NULL, NULL, NULL), SQLITE_OK);
            assert_int_equal(sqlite3_close(db), SQLITE_OK);
        }
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(place), 0);
}

static void file_systems_without_durability_are_known_by_their_type(void **state)
{
    (void)state;
    assert_string_equal(pawl_files_unsupported(0x01021994), "tmpfs");
    assert_string_equal(pawl_files_unsupported(0x6969), "NFS");
    assert_non_null(pawl_files_unsupported(0xff534d42));
    assert_null(pawl_files_unsupported(0xef53));     /* ext4 */
    assert_null(pawl_files_unsupported(0x58465342)); /* XFS */
    assert_null(pawl_files_unsupported(0x9123683e)); /* btrfs */
    assert_null(pawl_files_unsupported(0x794c7630)); /* overlay */
}

static void a_memory_file_system_is_refused_with_its_name(void **state)
{
    (void)state;
    struct pawl_errmsg msg = {""};
    const struct pawl_files_ops *ops = pawl_files_os()->ops;
    if (access("/dev/shm", W_OK) != 0) {
        skip();
    }
    pawl_err err = ops->check(NULL, "/dev/shm", &msg);
    assert_int_equal(err.code, PAWL_ERR_UNSUPPORTED);
    assert_non_null(strstr(msg.text, "tmpfs"));
    assert_int_equal(ops->check(NULL, "/does/not/exist", &msg).code, PAWL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_comes_back_as_it_was_written),
        cmocka_unit_test(a_checkpoint_is_there_whole_or_not_at_all),
        cmocka_unit_test(every_flipped_byte_of_a_checkpoint_is_found),
        cmocka_unit_test(a_checkpoint_of_newer_rules_is_told_apart_from_damage),
        cmocka_unit_test(the_witness_accepts_its_journal_and_no_other),
        cmocka_unit_test(every_flipped_bit_of_the_witness_is_found),
        cmocka_unit_test(the_witness_is_the_old_one_or_the_new_one),
        cmocka_unit_test(hashes_have_one_text),
        cmocka_unit_test(the_machines_files_publish_lock_and_list),
        cmocka_unit_test(a_file_is_read_whatever_its_path_has),
        cmocka_unit_test(file_systems_without_durability_are_known_by_their_type),
        cmocka_unit_test(a_memory_file_system_is_refused_with_its_name),
    };
    return cmocka_run_group_tests_name("journal_files", tests, NULL, NULL);
}
