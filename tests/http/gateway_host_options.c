/* SPDX-License-Identifier: Apache-2.0 */
/* gateway_host_options.c: the words name=value of gateway_host's command line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "gateway_host.h"

_Noreturn void host_die(const char *what, const struct pawl_errmsg *msg)
{
    (void)fprintf(stderr, "gateway_host: %s: %s\n", what, msg != NULL ? msg->text : "failed");
    exit(1);
}

void host_need(bool fine, const char *what)
{
    if (!fine) {
        host_die(what, NULL);
    }
}

static void add_cap(struct host *host, uint16_t unit, const char *value)
{
    struct pawl_command_session_open *open = &host->open.u.session_open;
    uint64_t amount = 0;
    host_need(pawl_slice_to_u64(pawl_slice_str(value), &amount), "a cap");
    open->caps[open->cap_count++] =
        (struct pawl_session_cap){.unit = unit, .amount = (int64_t)amount};
}

static uint32_t number_of(const char *value)
{
    uint64_t number = 0;
    host_need(pawl_slice_to_u64(pawl_slice_str(value), &number) && number <= UINT32_MAX,
              "a number");
    return (uint32_t)number;
}

static void add_prices(struct host *host, const char *path)
{
    struct pawl_errmsg msg = {.text = ""};
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_PRICE_FILE_BYTES_MAX);
    if (pawl_failed(pawl_price_book_load_overrides(host->prices, path, &text, &msg))) {
        host_die("prices", &msg);
    }
    pawl_buf_free(&text);
    host->options.prices_path = path;
}

static enum pawl_gateway_modes modes_of(const char *value)
{
    struct pawl_slice word = pawl_slice_str(value);
    host_need(pawl_slice_equal_str(word, "auto") || pawl_slice_equal_str(word, "ceiling") ||
                  pawl_slice_equal_str(word, "extend"),
              "a mode");
    return pawl_slice_equal_str(word, "auto")      ? PAWL_GATEWAY_MODES_BOTH
           : pawl_slice_equal_str(word, "ceiling") ? PAWL_GATEWAY_MODES_CEILING
                                                   : PAWL_GATEWAY_MODES_EXTEND;
}

static bool set_cap(struct host *host, const char *name, const char *value)
{
    static const struct {
        const char *name;
        uint16_t unit;
    } caps[] = {
        {"usd", PAWL_UNIT_USD_MICROCENTS}, {"tokens", PAWL_UNIT_TOKENS},
        {"tools", PAWL_UNIT_TOOL_CALLS},   {"iterations", PAWL_UNIT_ITERATIONS},
        {"time", PAWL_UNIT_WALL_CLOCK_MS},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(caps); i++) {
        if (strcmp(name, caps[i].name) == 0) {
            add_cap(host, caps[i].unit, value);
            return true;
        }
    }
    return false;
}

/* What is put somewhere as it is: a text, a number, or yes and no. */
static bool set_plain(struct host *host, const char *name, const char *value)
{
    struct pawl_gateway_options *options = &host->options;
    const struct {
        const char *name;
        const char **text;
        uint32_t *number;
        bool *flag;
    } rows[] = {
        {"anthropic", .text = &options->upstreams[PAWL_UPSTREAM_ANTHROPIC]},
        {"openai", .text = &options->upstreams[PAWL_UPSTREAM_OPENAI]},
        {"gemini", .text = &options->upstreams[PAWL_UPSTREAM_GEMINI]},
        {"chatgpt", .text = &options->upstreams[PAWL_UPSTREAM_CHATGPT]},
        {"ca", .text = &host->ca_file},
        {"patience", .number = &options->patience_ms},
        {"idle", .number = &options->idle_ms},
        {"drain", .number = &options->drain_ms},
        {"proxy", .flag = &host->use_proxy},
        {"attended", .flag = &options->limit.attended},
        {"batches", .flag = &options->allow_batches},
        {"hard", .flag = &options->hard_cap},
        {"inline", .flag = &host->inline_commit},
        {"thread", .flag = &host->always_thread},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        if (strcmp(name, rows[i].name) != 0) {
            continue;
        }
        if (rows[i].text != NULL) {
            *rows[i].text = value;
        } else if (rows[i].number != NULL) {
            *rows[i].number = number_of(value);
        } else {
            *rows[i].flag = number_of(value) != 0;
        }
        return true;
    }
    return false;
}

static void set_option(struct host *host, const char *name, const char *value)
{
    if (set_cap(host, name, value) || set_plain(host, name, value)) {
        return;
    }
    if (strcmp(name, "degrade") == 0) {
        struct pawl_degrade_step *step = &host->options.limit.steps[0];
        (void)pawl_slice_copy_str(pawl_slice_str(value), step->model, sizeof(step->model));
        step->percent = 1;
        host->options.limit.step_count = 1;
    } else if (strcmp(name, "mode") == 0) {
        host->options.modes = modes_of(value);
    } else if (strcmp(name, "at_window") == 0) {
        host->options.at_window = (enum pawl_at_window)number_of(value);
    } else if (strcmp(name, "no_server_tools") == 0) {
        host->options.policy = "strict";
        host->options.no_server_tools = number_of(value) != 0;
    } else if (strcmp(name, "prices") == 0) {
        add_prices(host, value);
    } else if (strcmp(name, "records") == 0) {
        host->records = fopen(value, "a");
        host_need(host->records != NULL, "records");
    } else {
        host_die(name, NULL);
    }
}

void host_read_options(struct host *host, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        host_need(equals != NULL, "an option without a value");
        *equals = '\0';
        set_option(host, argv[i], equals + 1);
    }
}
