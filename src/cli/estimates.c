/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimates.c: see estimates.h. The estimate stands in the metadata of the reserve; the counts are
 * those that were booked.
 */
#include "cli/estimates.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/money.h"

enum { NOTE_BYTES_MAX = 1 << 20 };

/* What the reserve was made with; 0 where the note does not say. */
static int64_t estimate_of(struct pawl_slice note)
{
    struct pawl_arena arena;
    struct pawl_json json;
    int64_t estimate = 0;
    pawl_arena_init(&arena, NOTE_BYTES_MAX);
    if (!pawl_slice_empty(note) &&
        pawl_json_parse(&arena, note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        estimate = pawl_json_count_or(&json, pawl_json_get(&json, 0, "input_estimate"), 0);
    }
    pawl_arena_free(&arena);
    return estimate;
}

/* The model's place, or that of a new one; count: there is no room. */
static uint32_t place_of(const struct pawl_cli_estimates *estimates, struct pawl_slice model)
{
    struct pawl_slice name = pawl_slice_sub(model, 0, PAWL_ESTIMATE_NAME_BYTES - 1);
    uint32_t place = 0;
    while (place < estimates->count &&
           !pawl_slice_equal_str(name, estimates->models[place].model)) {
        place++;
    }
    return place;
}

void pawl_cli_estimates_add(struct pawl_cli_estimates *estimates,
                            const struct pawl_history_call *call)
{
    int64_t actual = call->input + call->cache_read + call->cache_write;
    if (!pawl_slice_equal_str(call->state, "settled") || call->estimated || actual <= 0) {
        return;
    }
    int64_t estimate = estimate_of(call->reserve_meta);
    uint32_t place = place_of(estimates, call->model_asked);
    int64_t permille = 0;
    if (estimate == 0 || place == PAWL_ESTIMATE_MODELS ||
        !pawl_money_mul_div_ceil(estimate, 1000, actual, &permille)) {
        return;
    }
    if (place == estimates->count) {
        struct pawl_slice name = pawl_slice_sub(call->model_asked, 0, PAWL_ESTIMATE_NAME_BYTES - 1);
        memcpy(estimates->models[place].model, name.data, name.bytes);
        estimates->count++;
    }
    pawl_histogram_add(&estimates->models[place].permille, PAWL_HISTOGRAM_FINE, permille);
}

struct pawl_estimate_error pawl_cli_estimates_at(const struct pawl_cli_estimates *estimates,
                                                 uint32_t index)
{
    const struct pawl_histogram *seen = &estimates->models[index].permille;
    struct pawl_estimate_error error = {
        .samples = seen->total,
        .permille_p50 = pawl_histogram_quantile(seen, PAWL_HISTOGRAM_FINE, 500),
        .permille_p99 = pawl_histogram_quantile(seen, PAWL_HISTOGRAM_FINE, 990),
    };
    memcpy(error.model, estimates->models[index].model, sizeof(error.model));
    return error;
}
