/* SPDX-License-Identifier: Apache-2.0 */
/* statusline.c: see statusline.h. A placeholder is a row of the table below and a function. */
#include "cli/statusline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
#include "base/clock.h"
#include "base/money.h"
#include "cli/cli.h"
#include "cli/open.h"
#include "engine/limit_words.h"
#include "run/caps.h"

enum { VALUE_BYTES = 160, NAMES_BYTES = 256, MS_PER_MINUTE = 60 * 1000 };

const char *pawl_statusline_time(int64_t ms, char out[static PAWL_STATUSLINE_LEFT_BYTES])
{
    int64_t seconds = ms / 1000;
    int64_t minutes = seconds / 60;
    if (minutes >= INT64_C(24) * 60) {
        (void)snprintf(out, PAWL_STATUSLINE_LEFT_BYTES, ">24h");
    } else if (minutes >= 60) {
        (void)snprintf(out, PAWL_STATUSLINE_LEFT_BYTES, "%" PRId64 "h %02" PRId64 "m", minutes / 60,
                       minutes % 60);
    } else if (minutes > 0) {
        (void)snprintf(out, PAWL_STATUSLINE_LEFT_BYTES, "%" PRId64 "m", minutes);
    } else {
        (void)snprintf(out, PAWL_STATUSLINE_LEFT_BYTES, "%" PRId64 "s", seconds);
    }
    return out;
}

/* --- The values ----------------------------------------------------------------------------- */

/* Each writes at most VALUE_BYTES; "" where there is none. */
typedef void value_fn(const struct pawl_glance *glance, char *out);

static void put_dollars(int64_t microcents, char *out)
{
    char text[PAWL_MONEY_TEXT_BYTES];
    int64_t cents = (microcents + PAWL_MICROCENTS_PER_USD / 200) / (PAWL_MICROCENTS_PER_USD / 100);
    pawl_money_format_usd(cents * (PAWL_MICROCENTS_PER_USD / 100), text);
    (void)snprintf(out, VALUE_BYTES, "%s", text);
}

static void spent(const struct pawl_glance *glance, char *out)
{
    put_dollars(glance->caps[PAWL_CAP_USD].spent, out);
}

static void cap(const struct pawl_glance *glance, char *out)
{
    put_dollars(glance->caps[PAWL_CAP_USD].limit, out);
}

static void percent(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%" PRId64 "%%",
                   pawl_glance_permille(glance, PAWL_CAP_USD) / 10);
}

/* The cap that is nearest, where that is not the dollars. */
static void nearest(const struct pawl_glance *glance, char *out)
{
    enum pawl_run_cap_index most = PAWL_CAP_USD;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        most =
            pawl_glance_permille(glance, index) > pawl_glance_permille(glance, most) ? index : most;
    }
    if (most != PAWL_CAP_USD) {
        (void)snprintf(out, VALUE_BYTES, "%s %" PRId64 "%%", pawl_cap_noun(most),
                       pawl_glance_permille(glance, most) / 10);
    }
}

/* Nothing is left of a run that stands still. */
static void left(const struct pawl_glance *glance, char *out)
{
    enum pawl_run_cap_index which;
    int64_t left_ms = 0;
    char text[PAWL_STATUSLINE_LEFT_BYTES];
    if (!glance->latched && !glance->ending && pawl_glance_next_cap(glance, &which, &left_ms)) {
        (void)snprintf(out, VALUE_BYTES, "%s left", pawl_statusline_time(left_ms, text));
    }
}

static void burn(const struct pawl_glance *glance, char *out)
{
    char text[PAWL_MONEY_TEXT_BYTES];
    int64_t rate = glance->caps[PAWL_CAP_USD].per_minute;
    if (rate > 0) {
        (void)snprintf(out, VALUE_BYTES, "%s/min", pawl_money_format_usd_short(rate, text));
    }
}

static void state(const struct pawl_glance *glance, char *out)
{
    const char *word = pawl_cli_unit_word(glance->unit);
    char clock[PAWL_LIMIT_WORDS_BYTES];
    switch (pawl_glance_state(glance)) {
    case PAWL_GLANCE_ENDING:
        (void)snprintf(out, VALUE_BYTES, "ending");
        break;
    case PAWL_GLANCE_ASKS:
        (void)snprintf(out, VALUE_BYTES, "%s", glance->question);
        break;
    case PAWL_GLANCE_STOPPED:
        (void)snprintf(out, VALUE_BYTES, "stopped%s%s", word[0] != '\0' ? ": " : "", word);
        break;
    case PAWL_GLANCE_WAITS:
        (void)snprintf(out, VALUE_BYTES, "waits until %s",
                       pawl_limit_clock(glance->waits_until_ms * PAWL_US_PER_MS,
                                        glance->now_ms * PAWL_US_PER_MS, clock));
        break;
    case PAWL_GLANCE_NO_ANSWER:
        (void)snprintf(out, VALUE_BYTES, "no answer");
        break;
    case PAWL_GLANCE_RUNNING:
        break;
    }
}

static void phase(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%s", glance->phase);
}

static void model(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%s", glance->model);
}

static void policy(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%s", glance->policy);
}

static void name(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%.*s", VALUE_BYTES - 1, pawl_glance_title(glance));
}

static void run(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%s", glance->id);
}

static void calls(const struct pawl_glance *glance, char *out)
{
    (void)snprintf(out, VALUE_BYTES, "%" PRId64, glance->calls);
}

static void tokens(const struct pawl_glance *glance, char *out)
{
    char text[PAWL_MONEY_TEXT_BYTES];
    (void)snprintf(out, VALUE_BYTES, "%s",
                   pawl_money_format_count(glance->caps[PAWL_CAP_TOKENS].spent, text));
}

static const struct {
    const char *name;
    value_fn *value;
} placeholders[] = {
    {"spent", spent}, {"cap", cap},   {"percent", percent}, {"state", state},   {"left", left},
    {"phase", phase}, {"burn", burn}, {"nearest", nearest}, {"model", model},   {"tokens", tokens},
    {"calls", calls}, {"name", name}, {"run", run},         {"policy", policy},
};

/* --- The format ----------------------------------------------------------------------------- */

static void list_names(char out[static NAMES_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < PAWL_ARRAY_LEN(placeholders) && used < NAMES_BYTES; i++) {
        used += (size_t)snprintf(out + used, NAMES_BYTES - used, "%s{%s}", i > 0 ? " " : "",
                                 placeholders[i].name);
    }
}

static pawl_err put_placeholder(const struct pawl_glance *glance,
                                struct pawl_slice inside,
                                struct pawl_buf *out,
                                struct pawl_errmsg *msg)
{
    char names[NAMES_BYTES];
    struct pawl_slice prefix = inside;
    struct pawl_slice wanted = pawl_slice_cut(&prefix, ':');
    for (size_t i = 0; i < PAWL_ARRAY_LEN(placeholders); i++) {
        if (pawl_slice_equal_str(wanted, placeholders[i].name)) {
            char value[VALUE_BYTES] = "";
            char plain[VALUE_BYTES];
            placeholders[i].value(glance, value);
            if (value[0] != '\0') {
                pawl_buf_append_slice(out, prefix);
                pawl_buf_append_str(out,
                                    pawl_cli_plain(pawl_slice_str(value), plain, sizeof(plain)));
            }
            return PAWL_OK;
        }
    }
    list_names(names);
    pawl_errmsg_set(msg, "there is no {%.*s}, only %s", (int)pawl_slice_sub(wanted, 0, 40).bytes,
                    wanted.data, names);
    return PAWL_ERR(INVALID);
}

pawl_err pawl_statusline_write(const struct pawl_glance *glance,
                               const char *format,
                               struct pawl_buf *out,
                               struct pawl_errmsg *msg)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (at[0] != '{') {
            pawl_buf_append_byte(out, at[0]);
            continue;
        }
        if (at[1] == '{') {
            pawl_buf_append_byte(out, '{');
            at++;
            continue;
        }
        const char *end = strchr(at, '}');
        if (end == NULL) {
            pawl_errmsg_set(msg, "a brace is open: '%.60s'; write {{ for one that is meant", at);
            return PAWL_ERR(INVALID);
        }
        pawl_err err =
            put_placeholder(glance, pawl_slice_of(at + 1, (size_t)(end - at - 1)), out, msg);
        if (pawl_failed(err)) {
            return err;
        }
        at = end;
    }
    return PAWL_OK;
}
