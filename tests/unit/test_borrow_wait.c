/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_borrow_wait.c: what the gateway submits while it is not known which limits bind waits in the
 * borrower, and arrives in the ledger as it was given, however long its texts are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/borrow.h"
#include "tests/lib/kit.h"
#include "tests/lib/kit_work.h"

#define USD PAWL_UNIT_USD_MICROCENTS

/* A lender that says nothing by itself. */
static struct pawl_lend_ask *asked;

static void take_question(void *arg, struct pawl_lend_ask *ask)
{
    (void)arg;
    assert_null(asked);
    asked = ask;
}

static void answer_that_nothing_binds(void)
{
    struct pawl_lend_ask *ask = asked;
    assert_non_null(ask);
    asked = NULL;
    ask->answer = (struct pawl_lend_answer){.limit_count = 0};
    ask->done(ask);
}

static bool may_have_changed(void *arg)
{
    bool *changed = arg;
    bool was = *changed;
    *changed = false;
    return was;
}

struct scene {
    struct kit kit;
    struct pawl_subject run;
    bool changed;
    struct pawl_borrower *borrower;
};

static void begin(struct scene *scene)
{
    *scene = (struct scene){.changed = true};
    kit_begin(&scene->kit, 7, 0);
    scene->run.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    struct pawl_borrower_options options = {.engine = scene->kit.engine,
                                            .subject = &scene->run,
                                            .link = {.ask = take_question},
                                            .changed = may_have_changed,
                                            .arg = &scene->changed};
    assert_true(pawl_ok(pawl_borrower_new(&options, &scene->borrower)));
}

static void finish(struct scene *scene)
{
    pawl_borrower_free(scene->borrower);
    kit_free(&scene->kit);
}

static void on_done(struct pawl_op *op)
{
    bool *done = op->arg;
    *done = true;
}

/* The texts are the caller's for the call alone. */
static void submit(struct scene *scene, size_t metadata_bytes, struct pawl_op *op)
{
    static char metadata[PAWL_METADATA_BYTES_MAX + 1];
    static char key[PAWL_KEY_BYTES_MAX];
    struct pawl_authority *authority = pawl_borrower_authority(scene->borrower);
    struct pawl_command command = kit_reserve("acme", USD, 1);
    memset(metadata, 'm', sizeof(metadata));
    memset(key, 'k', sizeof(key));
    command.metadata = pawl_slice_of(metadata, metadata_bytes);
    command.idempotency_key = pawl_slice_of(key, sizeof(key));
    authority->ops->submit(authority, &command, op);
    memset(metadata, 'x', sizeof(metadata));
    memset(key, 'x', sizeof(key));
}

static void assert_all_are(struct pawl_slice text, size_t bytes, char wanted)
{
    assert_int_equal(text.bytes, bytes);
    for (size_t i = 0; i < bytes; i++) {
        assert_int_equal(text.data[i], wanted);
    }
}

static void the_longest_texts_wait_unharmed(void **state)
{
    (void)state;
    struct scene scene;
    bool done = false;
    struct pawl_op op = {.done = on_done, .arg = &done};
    static struct pawl_codec_scratch scratch;
    struct pawl_record record;
    begin(&scene);
    submit(&scene, PAWL_METADATA_BYTES_MAX, &op);
    pawl_engine_flush(scene.kit.engine);
    assert_false(done);
    answer_that_nothing_binds();
    pawl_engine_flush(scene.kit.engine);
    assert_true(done);
    assert_int_equal(op.result.code, PAWL_RESULT_OK);
    assert_true(pawl_ok(
        pawl_engine_original(scene.kit.engine, op.result.op, &scratch, &record, &scene.kit.msg)));
    assert_all_are(record.command.metadata, PAWL_METADATA_BYTES_MAX, 'm');
    assert_all_are(record.command.idempotency_key, PAWL_KEY_BYTES_MAX, 'k');
    finish(&scene);
}

static void what_is_too_long_for_a_record_is_refused_at_once(void **state)
{
    (void)state;
    struct scene scene;
    bool done = false;
    struct pawl_op op = {.done = on_done, .arg = &done};
    begin(&scene);
    submit(&scene, PAWL_METADATA_BYTES_MAX + 1, &op);
    pawl_engine_flush(scene.kit.engine);
    assert_true(done);
    assert_int_equal(op.result.code, PAWL_RESULT_INVALID_REQUEST);
    answer_that_nothing_binds();
    finish(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_texts_wait_unharmed),
        cmocka_unit_test(what_is_too_long_for_a_record_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
