/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_serve_metrics.c: counting and Prometheus' text: bounds, sums, series beyond the places there
 * are. Whole scrapes are in tests/serve/watching.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "server/metrics.h"

enum { TEXT_BYTES_MAX = 16 << 20, NAMES = 600 };

static struct pawl_metrics *fresh(void)
{
    struct pawl_metrics *metrics = pawl_alloc_zeroed(1, sizeof(*metrics));
    assert_non_null(metrics);
    return metrics;
}

static const char *text_of(const struct pawl_metrics *metrics, struct pawl_buf *text)
{
    struct pawl_metrics_writer writer;
    pawl_buf_init(text, TEXT_BYTES_MAX);
    pawl_metrics_begin(&writer, text);
    pawl_metrics_put_counted(&writer, metrics);
    assert_false(text->overflowed);
    return pawl_buf_cstr(text);
}

static void expect(const struct pawl_metrics *metrics, const char *line)
{
    struct pawl_buf text;
    if (strstr(text_of(metrics, &text), line) == NULL) {
        fail_msg("no '%s' in %s", line, pawl_buf_cstr(&text));
    }
    pawl_buf_free(&text);
}

static void a_value_at_a_bound_is_below_it(void **state)
{
    (void)state;
    static const char operation[] = "reserve";
    struct pawl_metrics *metrics = fresh();
    pawl_metrics_count_request(metrics, operation, 200, NULL, 100);
    pawl_metrics_count_request(metrics, operation, 200, NULL, 101);
    pawl_metrics_count_request(metrics, operation, 200, NULL, 31000000);
    expect(metrics, "{operation=\"reserve\",status=\"200\",le=\"0.000050\"} 0\n");
    expect(metrics, "{operation=\"reserve\",status=\"200\",le=\"0.000100\"} 1\n");
    expect(metrics, "{operation=\"reserve\",status=\"200\",le=\"0.000250\"} 2\n");
    expect(metrics, "{operation=\"reserve\",status=\"200\",le=\"30.000000\"} 2\n");
    expect(metrics, "{operation=\"reserve\",status=\"200\",le=\"+Inf\"} 3\n");
    expect(metrics, "_sum{operation=\"reserve\",status=\"200\"} 31.000201\n");
    expect(metrics, "_count{operation=\"reserve\",status=\"200\"} 3\n");
    pawl_free(metrics);
}

static void errors_are_counted_by_their_code(void **state)
{
    (void)state;
    static const char operation[] = "reserve";
    static const char exceeded[] = "BUDGET_EXCEEDED";
    static const char frozen[] = "BUDGET_FROZEN";
    struct pawl_metrics *metrics = fresh();
    pawl_metrics_count_request(metrics, operation, 409, exceeded, 1);
    pawl_metrics_count_request(metrics, operation, 409, frozen, 1);
    pawl_metrics_count_request(metrics, operation, 409, exceeded, 1);
    pawl_metrics_count_request(metrics, operation, 200, NULL, 1);
    expect(metrics, "pawl_refusals_total{operation=\"reserve\",error=\"BUDGET_EXCEEDED\"} 2\n");
    expect(metrics, "pawl_refusals_total{operation=\"reserve\",error=\"BUDGET_FROZEN\"} 1\n");
    expect(metrics, "_count{operation=\"reserve\",status=\"409\"} 3\n");
    pawl_free(metrics);
}

static void batches_are_counted(void **state)
{
    (void)state;
    struct pawl_metrics *metrics = fresh();
    pawl_metrics_count_batch(metrics, 1, 100, 5000);
    pawl_metrics_count_batch(metrics, 65, 900, 7);
    expect(metrics, "pawl_commit_batch_operations_bucket{le=\"1\"} 1\n");
    expect(metrics, "pawl_commit_batch_operations_bucket{le=\"64\"} 1\n");
    expect(metrics, "pawl_commit_batch_operations_bucket{le=\"128\"} 2\n");
    expect(metrics, "pawl_commit_batch_operations_sum 66\n");
    expect(metrics, "pawl_commit_duration_seconds_sum 0.005007\n");
    expect(metrics, "pawl_commit_duration_seconds_count 2\n");
    expect(metrics, "pawl_journal_written_bytes_total 1000\n");
    pawl_free(metrics);
}

/* More operations than there are places: nothing is lost, and nothing is written elsewhere. */
static void what_finds_no_place_is_counted_as_other(void **state)
{
    (void)state;
    static char names[NAMES][8];
    struct pawl_metrics *metrics = fresh();
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "o%d", i);
        pawl_metrics_count_request(metrics, names[i], 200, NULL, 1);
        pawl_metrics_count_request(metrics, names[i], 200, NULL, 1);
    }
    uint64_t count = 0;
    for (int i = 0; i < PAWL_METRIC_SERIES_MAX; i++) {
        for (int k = 0; k < PAWL_METRIC_BUCKETS; k++) {
            count += metrics->requests[i].seconds.buckets[k];
        }
    }
    assert_int_equal(count, 2 * NAMES);
    expect(metrics, "_count{operation=\"other\",status=\"");
    pawl_free(metrics);
}

static void denials_and_amounts_are_the_ledgers_own_answers(void **state)
{
    (void)state;
    static const char create[] = "createReservation";
    static const char commit[] = "commitReservation";
    struct pawl_metrics *metrics = fresh();
    struct pawl_command command = {.type = PAWL_COMMAND_RESERVE};
    struct pawl_result result = {.code = PAWL_RESULT_OK};
    command.u.reserve.line_count = 1;
    command.u.reserve.lines[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, 500};
    pawl_metrics_count_answer(metrics, create, &command, &result);
    result.replayed = true; /* a repeat holds nothing */
    pawl_metrics_count_answer(metrics, create, &command, &result);
    result = (struct pawl_result){.code = PAWL_RESULT_BUDGET_EXCEEDED};
    pawl_metrics_count_answer(metrics, create, &command, &result);
    command.u.reserve.dry_run = true; /* denied, but nothing was to be spent */
    pawl_metrics_count_answer(metrics, create, &command, &result);
    result.code = PAWL_RESULT_OK;
    pawl_metrics_count_answer(metrics, create, &command, &result);
    command.u.reserve.dry_run = false;
    result.code = PAWL_RESULT_IDEMPOTENCY_MISMATCH; /* an error, no denial */
    pawl_metrics_count_answer(metrics, create, &command, &result);
    command = (struct pawl_command){.type = PAWL_COMMAND_COMMIT};
    result = (struct pawl_result){.code = PAWL_RESULT_OK, .line_count = 1};
    result.charged[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, 300};
    result.released[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, 200};
    pawl_metrics_count_answer(metrics, commit, &command, &result);
    expect(metrics, "pawl_denials_total{operation=\"createReservation\","
                    "reason=\"BUDGET_EXCEEDED\"} 2\n");
    expect(metrics, "{what=\"held\",unit=\"USD_MICROCENTS\"} 500\n");
    expect(metrics, "{what=\"settled\",unit=\"USD_MICROCENTS\"} 300\n");
    expect(metrics, "{what=\"released\",unit=\"USD_MICROCENTS\"} 200\n");
    expect(metrics, "{what=\"denied\",unit=\"USD_MICROCENTS\"} 500\n");
    pawl_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_at_a_bound_is_below_it),
        cmocka_unit_test(errors_are_counted_by_their_code),
        cmocka_unit_test(denials_and_amounts_are_the_ledgers_own_answers),
        cmocka_unit_test(batches_are_counted),
        cmocka_unit_test(what_finds_no_place_is_counted_as_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
