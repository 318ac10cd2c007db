/* SPDX-License-Identifier: Apache-2.0 */
/* go_on.c: see go_on.h. */
#include "run/go_on.h"

#include "base/json.h"
#include "gateway/more.h"
#include "run/caps.h"
#include "run/meta.h"

enum { ARENA_BYTES = 1 << 20 };

/* What the ceiling of the phase was, and what was spent of it. */
static void
read_phase(const struct pawl_json *note, const struct pawl_go_on *go_on, struct pawl_more *more)
{
    uint32_t phase = pawl_json_first_element(note, pawl_json_get(note, 0, "phases"));
    while (phase != PAWL_JSON_NONE &&
           !pawl_json_string_is(note, pawl_json_get(note, phase, "phase"), go_on->phase)) {
        phase = pawl_json_next(note, phase);
    }
    uint32_t unit = pawl_json_first_element(note, pawl_json_get(note, phase, "units"));
    for (; unit != PAWL_JSON_NONE; unit = pawl_json_next(note, unit)) {
        struct pawl_slice name = pawl_json_string_raw(note, pawl_json_get(note, unit, "unit"));
        if (pawl_unit_from_name(name) == go_on->unit) {
            more->limit = pawl_json_count_or(note, pawl_json_get(note, unit, "limit"), 0);
            more->spent = pawl_json_count_or(note, pawl_json_get(note, unit, "spent"), 0);
        }
    }
}

static void read_note(const struct pawl_json *note,
                      struct pawl_arena *arena,
                      struct pawl_go_on *go_on,
                      struct pawl_more *more)
{
    (void)pawl_slice_copy_str(pawl_json_string(note, pawl_json_get(note, 0, "limit"), arena),
                              go_on->limit, sizeof(go_on->limit));
    (void)pawl_slice_copy_str(pawl_json_string(note, pawl_json_get(note, 0, "phase"), arena),
                              go_on->phase, sizeof(go_on->phase));
    more->told = pawl_json_count_or(note, pawl_json_get(note, 0, "more"), 0);
    if (go_on->phase[0] != '\0') {
        *more = (struct pawl_more){.unit = more->unit, .told = more->told};
        read_phase(note, go_on, more);
    }
}

void pawl_go_on_read(const struct pawl_history_run *run, struct pawl_go_on *ret_go_on)
{
    struct pawl_go_on go_on = {.unit = run->unit};
    struct pawl_more more = {.unit = run->unit};
    enum pawl_run_cap_index cap = pawl_cap_of_unit(run->unit);
    if (cap != PAWL_CAP_COUNT) {
        more.limit = pawl_max_i64(run->limit[cap], 0);
        more.spent = run->spent[cap];
    }
    struct pawl_arena arena;
    struct pawl_json note;
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, run->end_note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                        &note)) {
        read_note(&note, &arena, &go_on, &more);
    }
    pawl_arena_free(&arena);
    if (cap != PAWL_CAP_COUNT && go_on.limit[0] == '\0') {
        go_on.more = pawl_more_amount(more);
    }
    *ret_go_on = go_on;
}

void pawl_go_on_put_options(const struct pawl_go_on *go_on, struct pawl_buf *out)
{
    char text[PAWL_MORE_BYTES];
    if (go_on->more == 0) {
        return;
    }
    if (go_on->phase[0] != '\0') {
        pawl_buf_printf(out, " --phase %s=%s", go_on->phase,
                        pawl_more_ceiling(go_on->unit, go_on->more, text));
    } else {
        pawl_buf_printf(out, " %s", pawl_more_option(go_on->unit, go_on->more, text));
    }
}

void pawl_go_on_put_command(const struct pawl_go_on *go_on,
                            const char *id,
                            const char *data_dir,
                            bool lives,
                            struct pawl_buf *out)
{
    char text[PAWL_MORE_BYTES];
    pawl_buf_printf(out, "pawl %s", lives ? "approve" : "run");
    pawl_meta_data_dir(data_dir, out);
    pawl_buf_printf(out, "%s %s", lives ? "" : " --resume", id);
    if (!lives) {
        pawl_go_on_put_options(go_on, out);
    } else if (go_on->more > 0) {
        pawl_buf_printf(out, "%s%s %s", go_on->phase[0] != '\0' ? " --phase " : "", go_on->phase,
                        pawl_more_option(go_on->unit, go_on->more, text));
    }
}
