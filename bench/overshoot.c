/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot.c: what a cap is worth. Many clients spend a budget through the gateway, with replies
 * whose lengths nobody knows beforehand, and two figures say how it went:
 *
 *   overshoot    what the provider billed beyond the cap, in per cent of it
 *   usable       what was booked when the first refusal came that no smaller call would have
 *                escaped, in per cent of the cap
 *
 * Either is easy alone. `overshoot --help` says what can be chosen; the defaults run each mode of
 * admission at 1, 8, 32 and 128 streams, paced and all at once. Who pays for what follows a cut or
 * a hang-up is the provider's rule and stated in the head: what was written until it noticed, or
 * (--bill full) the whole reply. With --check it is a test: the exit status is 1 where the
 * automatic choice oversteps 0.03 % or leaves more than 1.3 % unused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "base/slice.h"
#include "overshoot.h"

enum {
    RUNS_DEFAULT = 3,
    LIST_MAX = 8,
    OVERSHOOT_PPM_MAX = 300, /* of the cap */
    USABLE_PPM_MIN = 987000
};

struct plan {
    struct scene scene;
    uint32_t runs;
    uint32_t streams[LIST_MAX];
    uint32_t stream_count;
    const char *modes[LIST_MAX];
    uint32_t mode_count;
    int64_t paces[LIST_MAX];
    uint32_t pace_count;
    bool check;
};

struct option {
    const char *name;
    const char *what;
    void (*set)(struct plan *plan, struct pawl_slice value);
};

static _Noreturn void usage(const char *problem);

static int64_t number_of(struct pawl_slice text)
{
    uint64_t number = 0;
    if (!pawl_slice_to_u64(text, &number) || number > (uint64_t)INT64_MAX) {
        usage("a number is wrong");
    }
    return (int64_t)number;
}

static int64_t dollars_of(struct pawl_slice text)
{
    int64_t microcents = 0;
    if (!pawl_money_parse_usd(text, &microcents)) {
        usage("an amount is wrong");
    }
    return microcents;
}

/* --- Options -------------------------------------------------------------------------------- */

static void set_cap(struct plan *plan, struct pawl_slice value)
{
    plan->scene.cap_microcents = dollars_of(value);
}

static void set_prices(struct plan *plan, struct pawl_slice value)
{
    plan->scene.price_input = dollars_of(pawl_slice_cut(&value, ','));
    plan->scene.price_output = dollars_of(value);
}

static void set_streams(struct plan *plan, struct pawl_slice value)
{
    plan->stream_count = 0;
    while (!pawl_slice_empty(value) && plan->stream_count < LIST_MAX) {
        int64_t streams = number_of(pawl_slice_cut(&value, ','));
        if (streams < 1 || streams > STREAMS_MAX) {
            usage("too many streams");
        }
        plan->streams[plan->stream_count++] = (uint32_t)streams;
    }
}

static void set_paces(struct plan *plan, struct pawl_slice value)
{
    plan->pace_count = 0;
    while (!pawl_slice_empty(value) && plan->pace_count < LIST_MAX) {
        plan->paces[plan->pace_count++] = number_of(pawl_slice_cut(&value, ','));
    }
}

static void set_mode(struct plan *plan, struct pawl_slice value)
{
    plan->mode_count = 1;
    plan->modes[0] = value.data; /* the last thing of its argument */
}

static void set_distribution(struct plan *plan, struct pawl_slice value)
{
    for (int i = 0; i < DRAW_COUNT; i++) {
        if (pawl_slice_equal_str(value, distribution_names[i])) {
            plan->scene.distribution = (enum distribution)i;
            return;
        }
    }
    usage("no such distribution");
}

static void set_bill(struct plan *plan, struct pawl_slice value)
{
    plan->scene.bill_full = pawl_slice_equal_str(value, "full");
    if (!plan->scene.bill_full && !pawl_slice_equal_str(value, "sent")) {
        usage("--bill is sent or full");
    }
}

static void set_seed(struct plan *plan, struct pawl_slice value)
{
    plan->scene.seed = (uint64_t)number_of(value);
}

static void set_runs(struct plan *plan, struct pawl_slice value)
{
    plan->runs = (uint32_t)number_of(value);
}

static void set_median(struct plan *plan, struct pawl_slice value)
{
    plan->scene.median = number_of(value);
}

static void set_input(struct plan *plan, struct pawl_slice value)
{
    plan->scene.input_tokens = number_of(value);
}

static void set_ask(struct plan *plan, struct pawl_slice value)
{
    plan->scene.asked = number_of(value);
}

static void set_hang_up(struct plan *plan, struct pawl_slice value)
{
    plan->scene.hang_up = (uint32_t)number_of(value);
}

static void set_patience(struct plan *plan, struct pawl_slice value)
{
    plan->scene.patience_s = number_of(value);
}

static void set_lies(struct plan *plan, struct pawl_slice value)
{
    plan->scene.lies = (uint32_t)number_of(value);
}

static void set_unstreamed(struct plan *plan, struct pawl_slice value)
{
    plan->scene.unstreamed = (uint32_t)number_of(value);
}

static void set_ignored(struct plan *plan, struct pawl_slice value)
{
    plan->scene.ignored = (uint32_t)number_of(value);
}

static void set_cold(struct plan *plan, struct pawl_slice value)
{
    plan->scene.cold = (uint32_t)number_of(value);
}

static void set_words(struct plan *plan, struct pawl_slice value)
{
    plan->scene.words = number_of(value);
}

static void set_dialects(struct plan *plan, struct pawl_slice value)
{
    memset(plan->scene.dialects, 0, sizeof(plan->scene.dialects));
    while (!pawl_slice_empty(value)) {
        struct pawl_slice name = pawl_slice_cut(&value, ',');
        bool known = false;
        for (int i = 0; i < DIALECT_COUNT; i++) {
            bool this_one = pawl_slice_equal_str(name, dialect_names[i]);
            plan->scene.dialects[i] = plan->scene.dialects[i] || this_one;
            known = known || this_one;
        }
        if (!known) {
            usage("no such dialect");
        }
    }
}

static const struct option options[] = {
    {"cap", "USD: the budget (1.00)", set_cap},
    {"prices", "IN,OUT: USD a million tokens (3,15)", set_prices},
    {"streams", "N,N…: clients at once (1,8,32,128)", set_streams},
    {"pace", "N,N…: tokens a second of each stream, 0: all at once (5000,0)", set_paces},
    {"mode", "auto, ceiling or extend (each of them)", set_mode},
    {"distribution", "lognormal, pareto, bimodal, short or ceiling (lognormal)", set_distribution},
    {"median", "N: tokens of a middling reply (300)", set_median},
    {"input", "N: tokens of a middling prompt (500)", set_input},
    {"ask", "N: tokens that every request asks for (32000)", set_ask},
    {"hang-up", "N: of 1,000 calls are left in the middle (50)", set_hang_up},
    {"lies", "N: of 1,000 replies report another usage (0)", set_lies},
    {"unstreamed", "N: of 1,000 calls are not streamed (100)", set_unstreamed},
    {"ignored", "N: of 1,000 replies keep to no ceiling (0)", set_ignored},
    {"cold", "N: of 1,000 calls go to a model of which nothing was learned (0)", set_cold},
    {"dialects", "of chat, responses, anthropic, gemini (chat)", set_dialects},
    {"words", "N: tokens of 1,000 words of a reply, 0: a token is four bytes (0)", set_words},
    {"patience", "N: seconds that a client says it waits (600)", set_patience},
    {"bill", "sent or full: of a stream that is left (sent)", set_bill},
    {"seed", "N (20261128)", set_seed},
    {"runs", "N: of each kind, of which the mean and the worst count (3)", set_runs},
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static _Noreturn void usage(const char *problem)
{
    FILE *to = problem != NULL ? stderr : stdout;
    if (problem != NULL) {
        (void)fprintf(to, "overshoot: %s\n", problem);
    }
    (void)fprintf(to, "usage: overshoot [--check] [--NAME=VALUE …]\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        (void)fprintf(to, "  --%-13s %s\n", options[i].name, options[i].what);
    }
    exit(problem != NULL ? 2 : 0);
}

static void read_option(struct plan *plan, const char *argument)
{
    struct pawl_slice value = pawl_slice_str(argument);
    struct pawl_slice name = pawl_slice_cut(&value, '=');
    if (pawl_slice_equal_str(name, "--help")) {
        usage(NULL);
    }
    if (pawl_slice_equal_str(name, "--check")) {
        plan->check = true;
        return;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (pawl_slice_starts_with(name, PAWL_SLICE("--")) &&
            pawl_slice_equal_str(pawl_slice_sub(name, 2, name.bytes), options[i].name)) {
            options[i].set(plan, value);
            return;
        }
    }
    usage(argument);
}

/* --- Figures -------------------------------------------------------------------------------- */

static int64_t ppm_of(int64_t amount, int64_t cap)
{
    return amount * 1000 / (cap / 1000);
}

static void put_percent(const char *before, int64_t ppm)
{
    (void)printf("%s%lld.%03lld", before, (long long)ppm / 10000, (long long)ppm % 10000 / 10);
}

struct row {
    int64_t over_ppm; /* means, */
    int64_t usable_ppm;
    int64_t worst_over_ppm; /* … and the worst */
    int64_t worst_usable_ppm;
    struct outcome sum;
};

static struct row run_row(const struct plan *plan, struct scene *scene)
{
    struct row row = {.worst_usable_ppm = INT64_MAX};
    for (uint32_t i = 0; i < plan->runs; i++) {
        struct outcome outcome;
        scene->seed = plan->scene.seed + 1000 * (uint64_t)i;
        run_scene(scene, &outcome);
        int64_t truth = pawl_max_i64(outcome.billed, outcome.booked);
        int64_t over =
            ppm_of(pawl_max_i64(truth - scene->cap_microcents, 0), scene->cap_microcents);
        int64_t usable = ppm_of(outcome.usable, scene->cap_microcents);
        row.over_ppm += over;
        row.usable_ppm += usable;
        row.worst_over_ppm = pawl_max_i64(row.worst_over_ppm, over);
        row.worst_usable_ppm = pawl_min_i64(row.worst_usable_ppm, usable);
        row.sum.calls += outcome.calls;
        row.sum.ended += outcome.ended;
        row.sum.cut += outcome.cut;
        row.sum.held += outcome.held;
        row.sum.took_us += outcome.took_us;
        row.sum.open_us += outcome.open_us;
    }
    row.over_ppm /= plan->runs;
    row.usable_ppm /= plan->runs;
    return row;
}

static bool fine(const struct row *row)
{
    return row->over_ppm <= OVERSHOOT_PPM_MAX && row->usable_ppm >= USABLE_PPM_MIN;
}

static bool show_row(const struct plan *plan, uint32_t streams, int64_t pace, const char *mode)
{
    struct scene scene = plan->scene;
    scene.streams = streams;
    scene.pace = pace;
    scene.mode = mode;
    (void)printf("  %7u %8lld  %-8s", streams, (long long)pace, mode);
    (void)fflush(stdout);
    struct row row = run_row(plan, &scene);
    put_percent(" ", row.over_ppm);
    put_percent(" (", row.worst_over_ppm);
    put_percent(") %  ", row.usable_ppm);
    put_percent(" (", row.worst_usable_ppm);
    int64_t took = pawl_max_i64(row.sum.took_us, 1);
    (void)printf(") %%  %6u %5u %5u %5u  %6lld.%lld %6lld.%lld%s\n", row.sum.calls / plan->runs,
                 row.sum.ended / plan->runs, row.sum.cut, row.sum.held,
                 (long long)took / plan->runs / 1000000,
                 (long long)took / plan->runs % 1000000 / 100000,
                 (long long)(row.sum.open_us / took), (long long)(row.sum.open_us * 10 / took % 10),
                 fine(&row) ? "" : "  *");
    return fine(&row) || strcmp(mode, "auto") != 0;
}

static void show_head(const struct plan *plan, int argc, char **argv)
{
    const struct scene *scene = &plan->scene;
    char money[PAWL_MONEY_TEXT_BYTES];
    (void)printf("reproduce:");
    for (int i = 0; i < argc; i++) {
        (void)printf(" %s", argv[i]);
    }
    (void)printf(" --seed=%llu\n", (unsigned long long)scene->seed);
    (void)printf("cap %s, replies %s around %lld tokens, prompts around %lld, %lld asked for; of "
                 "1,000 calls %u hang up, %u lie, %u are not streamed, %u keep to no ceiling, %u "
                 "are of a model of their own\n",
                 pawl_money_format_usd(scene->cap_microcents, money),
                 distribution_names[scene->distribution], (long long)scene->median,
                 (long long)scene->input_tokens, (long long)scene->asked, scene->hang_up,
                 scene->lies, scene->unstreamed, scene->ignored, scene->cold);
    int64_t smallest = scene->input_tokens * scene->price_input + 256 * scene->price_output;
    put_percent("what does not buy another call stays: a middling prompt with 256 tokens takes ",
                ppm_of(smallest / 1000000, scene->cap_microcents));
    (void)printf(" %% of the cap\n");
    (void)printf("a stream that is left is billed for %s; pace in tokens a second, 0: all at once; "
                 "%u runs, the mean and (the worst)\n",
                 scene->bill_full ? "the whole reply" : "what was written until it is noticed",
                 plan->runs);
    (void)printf(
        "  streams     pace  mode      overshoot          usable              calls ended   cut  "
        "held   seconds  under way\n");
}

int main(int argc, char **argv)
{
    static char host_path[4096];
    struct plan plan = {
        .scene = {.seed = 20261128,
                  .cap_microcents = 100000000,
                  .price_input = 300000000,
                  .price_output = 1500000000,
                  .asked = 32000,
                  .median = 300,
                  .input_tokens = 500,
                  .patience_s = 600,
                  .hang_up = 50,
                  .dialects = {[DIALECT_CHAT] = true},
                  .unstreamed = 100},
        .runs = RUNS_DEFAULT,
        .streams = {1, 8, 32, 128},
        .stream_count = 4,
        .modes = {"ceiling", "extend", "auto"},
        .mode_count = 3,
        .paces = {5000, 0},
        .pace_count = 2,
    };
    for (int i = 1; i < argc; i++) {
        read_option(&plan, argv[i]);
    }
    const char *slash = strrchr(argv[0], '/');
    (void)snprintf(host_path, sizeof(host_path), "%.*sgateway_host",
                   slash != NULL ? (int)(slash - argv[0]) + 1 : 0, argv[0]);
    plan.scene.host_path = host_path;
    show_head(&plan, argc, argv);
    bool all_fine = true;
    for (uint32_t i = 0; i < plan.pace_count; i++) {
        for (uint32_t k = 0; k < plan.stream_count; k++) {
            for (uint32_t m = 0; m < plan.mode_count; m++) {
                bool good = show_row(&plan, plan.streams[k], plan.paces[i], plan.modes[m]);
                all_fine = all_fine && good;
            }
        }
    }
    return plan.check && !all_fine ? 1 : 0;
}
