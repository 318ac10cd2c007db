/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission_need.c: what a call may need at most, in every unit. It never falls when more goes in,
 * comes out or is looked up.
 *
 * The dollars come from the same code that prices the bill (usage_cost.c), fed with the usage that
 * would be dearest: all input in the dearest bucket it can land in, all output likewise. One
 * microcent a line is added, since the real bill rounds each of its lines up.
 */
#include "base/assert.h"
#include "gateway/admission_priv.h"

enum {
    ANSWERS_SURE = 64,
    USES_LEAST = 3,         /* of a tool that nothing bounds */
    WINDOW_TOKENS = 1048576 /* of a model of whose window nothing is known */
};

static int64_t clamp_count(pawl_i128 value)
{
    return value < PAWL_USAGE_COUNT_MAX ? (int64_t)value : PAWL_USAGE_COUNT_MAX;
}

/* Of a tool that nothing bounds: what is assumed while few calls were seen, or twice the most that
 * one of them had; later the most of the newest and half of it. */
static int64_t assumed_uses(const struct pawl_request_tool *tool,
                            const struct pawl_estimate_output *learned)
{
    if (!tool->counted) {
        return tool->uses_asked;
    }
    if (learned->use_calls < PAWL_ESTIMATE_SAMPLES_COLD) {
        return pawl_max_i64(tool->uses_asked, 2 * learned->uses_most);
    }
    return pawl_max_i64(USES_LEAST, learned->uses_most + (learned->uses_most + 1) / 2);
}

/* With 0 uses the call is imagined without its tools. */
int64_t pawl_admission_uses_of(const struct pawl_request_tool *tool,
                               const struct pawl_estimate_output *learned,
                               int64_t uses)
{
    if (uses == 0) {
        return 0;
    }
    if (tool->assumed) {
        return assumed_uses(tool, learned);
    }
    int64_t asked = tool->uses_asked > 0 ? tool->uses_asked : PAWL_REQUEST_USES_DEFAULT;
    return tool->inside != 0 ? pawl_min_i64(asked, uses) : asked;
}

/* Each use reads the whole context again, with the texts of the uses before it. */
static int64_t input_with_uses(int64_t input, int64_t uses, int64_t use_tokens)
{
    pawl_i128 again = (pawl_i128)input * (uses + 1);
    pawl_i128 brought = (pawl_i128)use_tokens * uses * (uses + 1) / 2;
    return clamp_count(again + brought);
}

/* What the server tools of a form add up to. */
struct uses {
    int64_t all;
    int64_t web_searches;
    int64_t file_searches;
    int64_t pictures;
    int64_t use_tokens;
};

static struct uses count_uses(const struct pawl_admission_query *query, int64_t uses)
{
    const struct pawl_model_request *request = query->request;
    struct uses sum = {.use_tokens = 0};
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const struct pawl_request_tool *tool = &request->tools[i];
        int64_t of_tool = pawl_admission_uses_of(tool, &query->learned, uses);
        sum.all += of_tool;
        sum.web_searches += tool->fee == PAWL_REQUEST_FEE_WEB_SEARCH ? of_tool : 0;
        sum.file_searches += tool->fee == PAWL_REQUEST_FEE_FILE_SEARCH ? of_tool : 0;
        sum.pictures += tool->pictures ? of_tool : 0;
        int64_t tokens = tool->use_tokens > 0 ? tool->use_tokens : PAWL_REQUEST_USE_TOKENS;
        sum.use_tokens = pawl_max_i64(sum.use_tokens, tokens);
    }
    return sum;
}

int64_t pawl_admission_pictures(const struct pawl_admission_query *query, int64_t uses)
{
    return count_uses(query, uses).pictures;
}

static int64_t window_of(const struct pawl_admission_query *query)
{
    int64_t window = query->price != NULL ? query->price->context_tokens : 0;
    return window > 0 ? window : WINDOW_TOKENS;
}

/* What tools bring into a context that is read once: what is assumed, in the proportion in which
 * the newest calls had more, and no more than there is room for. */
int64_t pawl_admission_tool_tokens(const struct pawl_admission_query *query)
{
    int64_t permille = pawl_max_i64(query->learned.tool_permille, 1000);
    pawl_i128 tokens = (pawl_i128)pawl_request_tool_tokens(query->request) * permille / 1000;
    return pawl_min_i64(clamp_count(tokens), window_of(query));
}

static int64_t input_of(const struct pawl_admission_decider *decider,
                        struct pawl_admission_form form,
                        const struct uses *uses)
{
    if (decider->query->request->tools_read_once) {
        int64_t brought = form.uses > 0 ? pawl_admission_tool_tokens(decider->query) : 0;
        return clamp_count((pawl_i128)form.input + brought);
    }
    if (decider->query->request->tools_fill && form.uses > 0) {
        int64_t whole = pawl_max_i64(form.input, window_of(decider->query));
        return clamp_count((pawl_i128)whole * (uses->all + 1));
    }
    return input_with_uses(form.input, uses->all, uses->use_tokens);
}

void pawl_admission_usage_of(const struct pawl_admission_decider *decider,
                             struct pawl_admission_form form,
                             struct pawl_usage *ret_usage)
{
    const struct pawl_model_request *request = decider->query->request;
    struct uses uses = count_uses(decider->query, form.uses);
    struct pawl_usage usage = {
        .modifiers = pawl_usage_dearest(request->modifiers | decider->query->modifiers)};
    int64_t input = input_of(decider, form, &uses);
    int64_t output = clamp_count((pawl_i128)form.output * request->choices * request->passes);
    pawl_usage_set(&usage, decider->input_field, clamp_count((pawl_i128)input * request->passes));
    pawl_usage_set(&usage, decider->output_field, output);
    if (decider->reasoning_dearer && decider->output_field == PAWL_USAGE_OUTPUT) {
        pawl_usage_set(&usage, PAWL_USAGE_REASONING, output);
    }
    pawl_usage_set(&usage, PAWL_USAGE_WEB_SEARCHES, uses.web_searches);
    pawl_usage_set(&usage, PAWL_USAGE_FILE_SEARCHES, uses.file_searches);
    if (form.uses > 0 && request->container_gb + request->container_gb_named > 0) {
        pawl_usage_set(&usage, PAWL_USAGE_CONTAINER_MINUTES,
                       pawl_request_container_minutes(request, 0));
    }
    *ret_usage = usage;
}

/* How long the next answer of a model may be for which ceilings mean nothing. A stream's hold grows
 * with it, and the stream is cut where it can't (call_hold.c); any other answer is paid whole. */
static int64_t unbounded_output(const struct pawl_admission_query *query)
{
    const struct pawl_estimate_output *learned = &query->learned;
    int64_t longest = learned->overrun_tokens;
    if (query->request->stream && query->at_most) {
        return 0; /* it is paid by what it has */
    }
    if (query->request->stream && !query->request->hidden && !learned->hidden) {
        return longest;
    }
    if (learned->answers < PAWL_ESTIMATE_SAMPLES_COLD) {
        return longest * 4;
    }
    return learned->answers < ANSWERS_SURE ? longest * 2 : longest * 5 / 4;
}

/* What a stream may have before it is certain that it is beyond its ceiling, in thousandths of
 * that. Any other answer is paid whole, and one without a ceiling is looked after as it is. */
static int64_t doubt_permille(const struct pawl_admission_query *query)
{
    bool counted = query->request->stream && !query->request->no_ceiling && !query->at_most;
    return counted ? pawl_estimate_doubt_permille(&query->learned) : 1000;
}

/* How long an answer may become that the request allows so many tokens: that many, unless this
 * model was seen to exceed ceilings, or nobody could tell that it does. Then in proportion, or as
 * long as it likes. */
int64_t pawl_admission_output_bound(const struct pawl_admission_query *query, int64_t output)
{
    int64_t permille = pawl_max_i64(query->learned.overrun_permille, doubt_permille(query));
    pawl_i128 bound = ((pawl_i128)output * permille + 999) / 1000 + query->learned.overrun_few;
    return pawl_max_i64(clamp_count(bound), unbounded_output(query));
}

int64_t pawl_admission_at_learned_rate(const struct pawl_admission_query *query, int64_t microcents)
{
    int64_t permille = pawl_max_i64(query->learned.rate_permille, 1000);
    pawl_i128 cost = ((pawl_i128)microcents * permille + 999) / 1000;
    return cost < PAWL_AMOUNT_MAX ? (int64_t)cost : PAWL_AMOUNT_MAX;
}

/* What pictures add, which are billed at another price. */
static void add_pictures(const struct pawl_admission_query *query,
                         int64_t uses,
                         struct pawl_admission_need *need)
{
    int64_t count = pawl_admission_pictures(query, uses);
    if (query->pictures_price == NULL || count == 0) {
        return;
    }
    struct pawl_usage usage;
    struct pawl_cost cost;
    pawl_request_picture_usage(query->request, count, &usage);
    usage.modifiers = pawl_usage_dearest(query->modifiers);
    pawl_usage_cost(query->pictures_price, &usage, &cost);
    need->amount[PAWL_ADMISSION_TOKENS] += pawl_usage_tokens(&usage);
    need->amount[PAWL_ADMISSION_USD] = pawl_min_i64(
        need->amount[PAWL_ADMISSION_USD] + cost.total_microcents + PAWL_COST_LINE_COUNT_MAX,
        PAWL_AMOUNT_MAX);
}

struct pawl_admission_need pawl_admission_need_of(const struct pawl_admission_decider *decider,
                                                  struct pawl_admission_form form)
{
    struct pawl_usage usage;
    form.output = pawl_admission_output_bound(decider->query, form.output);
    pawl_admission_usage_of(decider, form, &usage);
    struct pawl_admission_need need = {{0}};
    need.amount[PAWL_ADMISSION_ITERATIONS] = 1;
    need.amount[PAWL_ADMISSION_TOKENS] = pawl_usage_tokens(&usage);
    if (decider->query->price != NULL) {
        struct pawl_cost cost;
        pawl_usage_cost(decider->query->price, &usage, &cost);
        need.amount[PAWL_ADMISSION_USD] = pawl_admission_at_learned_rate(
            decider->query, cost.total_microcents + PAWL_COST_LINE_COUNT_MAX);
    }
    add_pictures(decider->query, form.uses, &need);
    return need;
}

/* The field among `candidates` in which a million tokens cost most. */
static enum pawl_usage_field
dearest(const struct pawl_admission_query *query, uint32_t candidates, int64_t input)
{
    enum pawl_usage_field best = PAWL_USAGE_FIELD_COUNT;
    int64_t best_cost = -1;
    for (int field = 0; field < PAWL_USAGE_FIELD_COUNT; field++) {
        if ((candidates & 1u << (unsigned)field) == 0) {
            continue;
        }
        struct pawl_usage usage = {.modifiers = 0};
        pawl_usage_set(&usage, (enum pawl_usage_field)field, pawl_max_i64(input, 1));
        struct pawl_cost cost = {.total_microcents = 0};
        if (query->price != NULL) {
            pawl_usage_cost(query->price, &usage, &cost);
        }
        if (cost.total_microcents > best_cost) {
            best_cost = cost.total_microcents;
            best = (enum pawl_usage_field)field;
        }
    }
    PAWL_ASSERT(best != PAWL_USAGE_FIELD_COUNT);
    return best;
}

static uint32_t bit(enum pawl_usage_field field, bool set)
{
    return set ? 1u << (unsigned)field : 0;
}

struct pawl_admission_decider pawl_admission_decider_of(const struct pawl_admission_query *query)
{
    const struct pawl_model_request *request = query->request;
    uint32_t inputs = bit(PAWL_USAGE_INPUT, true) |
                      bit(PAWL_USAGE_CACHE_WRITE, request->cache_short || request->cache_long) |
                      bit(PAWL_USAGE_CACHE_WRITE_LONG, request->cache_long) |
                      bit(PAWL_USAGE_INPUT_AUDIO, request->audio) |
                      bit(PAWL_USAGE_INPUT_IMAGE, request->image) |
                      bit(PAWL_USAGE_INPUT_VIDEO, request->video);
    uint32_t outputs = bit(PAWL_USAGE_OUTPUT, true) |
                       bit(PAWL_USAGE_OUTPUT_AUDIO, request->audio_output) |
                       bit(PAWL_USAGE_OUTPUT_IMAGE, true);
    const struct pawl_price *price = query->price;
    return (struct pawl_admission_decider){
        .query = query,
        .reasoning_dearer =
            price != NULL && pawl_price_rate(price, PAWL_PRICE_REASONING, query->input_tokens) >
                                 pawl_price_rate(price, PAWL_PRICE_OUTPUT, query->input_tokens),
        .input_field = dearest(query, inputs, query->input_tokens),
        .output_field = dearest(query, outputs, 1000000),
    };
}
