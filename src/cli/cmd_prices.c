/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_prices.c: `pawl prices [MODEL]`: what a call would be booked at, and by whose book.
 *
 * A name that the gateway would find is shown with all its rows, since that is the question behind
 * most calls; any other text is searched for in the names.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "gateway/price.h"
#include "gateway/price_tier.h"
#include "gateway/usage.h"

enum { OPTION_ALL = 1, OPTION_JSON, OPTION_PRICES, OPTION_DATA_DIR };

static const struct pawl_cli_option options[] = {
    {OPTION_ALL, 'a', "all", NULL,
     "every provider in the book, not only those that can be metered"},
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_PRICES, 0, "prices", "FILE", "prices of your own, before the built-in ones"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs, and a prices.json of your own, are kept"},
};

static const char *rate_text(const struct pawl_price *price,
                             enum pawl_price_kind kind,
                             int64_t input_tokens,
                             char out[static PAWL_MONEY_TEXT_BYTES])
{
    int64_t rate = pawl_price_rate(price, kind, input_tokens);
    int64_t scaled = 0;
    if (!pawl_money_mul_div_ceil(rate, price->multiplier_permille, 1000, &scaled)) {
        return "?";
    }
    return pawl_money_format_usd(scaled, out);
}

/* What the vendors that can be metered bill beside tokens, and who does. */
static const struct {
    enum pawl_price_kind kind;
    const char *providers;
    const char *words; /* in front of a price of `count` pieces */
    int64_t count;
} fees[] = {
    {PAWL_PRICE_WEB_SEARCHES, "anthropic openai google", "a web search", 1},
    {PAWL_PRICE_FILE_SEARCHES, "openai", "a file search", 1},
    {PAWL_PRICE_CONTAINER_MINUTES, "openai", "20 minutes of a container's gigabyte", 20},
    {PAWL_PRICE_CONTAINER_MINUTES, "anthropic", "an hour of a container", 60},
};

static bool has_fee(const struct pawl_price *price, size_t fee)
{
    return price->provider.bytes > 0 &&
           pawl_slice_find(pawl_slice_str(fees[fee].providers), price->provider) != SIZE_MAX;
}

static void write_fees_and_tiers(struct pawl_json_writer *json, const struct pawl_price *price)
{
    pawl_json_key(json, "fees");
    pawl_json_object_begin(json);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fees); i++) {
        if (has_fee(price, i)) {
            pawl_json_member_i64(json, pawl_price_kind_name(fees[i].kind),
                                 pawl_price_rate(price, fees[i].kind, 0));
        }
    }
    pawl_json_object_end(json);
    struct pawl_usage_tier tiers[PAWL_USAGE_TIERS_MAX];
    size_t count = pawl_usage_tiers(price, tiers);
    pawl_json_key(json, "service_tiers");
    pawl_json_object_begin(json);
    for (size_t i = 0; i < count; i++) {
        pawl_json_member_i64(json, tiers[i].name, tiers[i].permille);
    }
    pawl_json_object_end(json);
}

/* To a millionth of a dollar, for people: a rate that is no whole number was rounded up. */
static const char *
fee_text(const struct pawl_price *price, size_t fee, char out[static PAWL_MONEY_TEXT_BYTES])
{
    int64_t cost = 0;
    int64_t pieces = fees[fee].count * (int64_t)price->multiplier_permille;
    if (!pawl_money_mul_div_ceil(pawl_price_rate(price, fees[fee].kind, 0), pieces,
                                 pawl_price_per(fees[fee].kind) * 1000, &cost)) {
        return "?";
    }
    return pawl_money_format_usd((cost + 50) / 100 * 100, out);
}

/* Below the table of one model. */
static void print_fees_and_tiers(const struct pawl_price *price)
{
    const char *before = "\nTools that the provider runs: ";
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fees); i++) {
        char text[PAWL_MONEY_TEXT_BYTES];
        if (has_fee(price, i)) {
            printf("%s%s %s", before, fees[i].words, fee_text(price, i, text));
            before = ", ";
        }
    }
    fputs(before[0] == ',' ? ".\n" : "", stdout);
    if (price->tools != NULL) {
        printf("Fees as of %.*s (%.*s).\n", (int)price->tools_date.bytes, price->tools_date.data,
               (int)price->tools_source.bytes, price->tools_source.data);
    }
    struct pawl_usage_tier tiers[PAWL_USAGE_TIERS_MAX];
    size_t count = pawl_usage_tiers(price, tiers);
    for (size_t i = 0; i < count; i++) {
        printf("%s%s %lld.%02lldx%s", i == 0 ? "Service tiers, of the rates above: " : ", ",
               tiers[i].name, (long long)(tiers[i].permille / 1000),
               (long long)(tiers[i].permille % 1000 / 10), i + 1 == count ? ".\n" : "");
    }
}

static void write_json(const struct pawl_price *price)
{
    struct pawl_buf line;
    pawl_buf_init(&line, 1 << 16);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_string(&json, "provider", price->provider);
    pawl_json_member_string(&json, "model", price->model);
    pawl_json_member_string(&json, "date", price->date);
    pawl_json_member_string(&json, "source", price->source);
    pawl_json_member_i64(&json, "context_tokens", price->context_tokens);
    pawl_json_member_i64(&json, "multiplier_permille", price->multiplier_permille);
    pawl_json_member_i64(&json, "tier", (int64_t)pawl_price_tier(price));
    pawl_json_key(&json, "rows");
    pawl_json_array_begin(&json);
    for (uint32_t i = 0; i < price->row_count; i++) {
        const struct pawl_price_row *row = &price->rows[i];
        pawl_json_object_begin(&json);
        pawl_json_member_i64(&json, "over_tokens", row->over_tokens);
        pawl_json_member_str(&json, "unit", "USD_MICROCENTS");
        for (int kind = 0; kind < PAWL_PRICE_KIND_COUNT; kind++) {
            if (row->microcents[kind] != PAWL_PRICE_ABSENT) {
                pawl_json_member_i64(&json, pawl_price_kind_name((enum pawl_price_kind)kind),
                                     row->microcents[kind]);
            }
        }
        pawl_json_object_end(&json);
    }
    pawl_json_array_end(&json);
    write_fees_and_tiers(&json, price);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* A row per size of prompt, for the table. */
static void add_rows(struct pawl_cli_table *table, const struct pawl_price *price)
{
    for (uint32_t i = 0; i < price->row_count; i++) {
        int64_t over = price->rows[i].over_tokens;
        int64_t tokens = over == 0 ? 0 : over + 1;
        char name[160];
        char text[PAWL_MONEY_TEXT_BYTES];
        snprintf(name, sizeof(name), "%.*s/%.*s%s%s", (int)price->provider.bytes,
                 price->provider.data, (int)price->model.bytes, price->model.data,
                 over > 0 ? " above " : "", over > 0 ? pawl_money_format_count(over, text) : "");
        pawl_cli_table_cell(table, name);
        (void)snprintf(text, sizeof(text), "%u", pawl_price_tier(price));
        pawl_cli_table_cell(table, over == 0 ? text : "");
        pawl_cli_table_cell(table, rate_text(price, PAWL_PRICE_INPUT, tokens, text));
        pawl_cli_table_cell(table, rate_text(price, PAWL_PRICE_OUTPUT, tokens, text));
        pawl_cli_table_cell(table, rate_text(price, PAWL_PRICE_CACHE_READ, tokens, text));
        pawl_cli_table_cell(table, rate_text(price, PAWL_PRICE_CACHE_WRITE, tokens, text));
        pawl_cli_table_cell(table, price->context_tokens > 0 && over == 0
                                       ? pawl_money_format_count(price->context_tokens, text)
                                       : "");
    }
}

static const struct pawl_cli_column columns[] = {
    {"MODEL", false, 60},    {"TIER", true, 0},        {"INPUT", true, 0},   {"OUTPUT", true, 0},
    {"CACHE READ", true, 0}, {"CACHE WRITE", true, 0}, {"CONTEXT", true, 0},
};
static const char *const lackable[] = {"CONTEXT", "CACHE WRITE", NULL};

bool pawl_cli_is_metered(const struct pawl_price *price)
{
    return pawl_slice_equal_str(price->provider, "anthropic") ||
           pawl_slice_equal_str(price->provider, "openai") ||
           pawl_slice_equal_str(price->provider, "google") ||
           pawl_slice_equal_str(price->date, "override");
}

/* As the gateway finds it for the vendor of that name, or else for an upstream nobody knows. */
static bool find_model(const struct pawl_price_book *book,
                       const char *model,
                       int64_t now_us,
                       struct pawl_price *ret_price)
{
    static const char *const vendors[] = {"anthropic", "openai", "google"};
    struct pawl_price_query query = {.model = pawl_slice_str(model), .at_us = now_us};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(vendors) && model[0] != '\0'; i++) {
        query.provider = pawl_slice_str(vendors[i]);
        if (pawl_price_lookup(book, query, ret_price) &&
            ret_price->match != PAWL_PRICE_MATCH_ELSEWHERE) {
            return true;
        }
    }
    query.provider = PAWL_SLICE_NONE;
    return model[0] != '\0' && pawl_price_lookup(book, query, ret_price);
}

struct listing {
    bool json;
    struct pawl_cli_table *table; /* NULL when it is JSON */
    uint32_t count;
};

static void show(struct listing *listing, const struct pawl_price *price)
{
    if (listing->json) {
        write_json(price);
    } else {
        add_rows(listing->table, price);
    }
    listing->count++;
}

static void list_matching(struct listing *listing,
                          const struct pawl_price_book *book,
                          const char *text,
                          bool all,
                          int64_t now_us)
{
    uint32_t count = pawl_price_book_count(book);
    struct pawl_slice needle = pawl_slice_str(text);
    for (uint32_t i = pawl_price_book_search(book, needle, 0); i < count;
         i = pawl_price_book_search(book, needle, i + 1)) {
        struct pawl_price price;
        pawl_price_book_at(book, i, now_us, &price);
        if (all || pawl_cli_is_metered(&price)) {
            show(listing, &price);
        }
    }
}

static int nothing_found(const struct pawl_cli_call *call,
                         const struct pawl_price_book *book,
                         const char *path,
                         const char *model,
                         int64_t now_us)
{
    uint32_t indexes[3];
    size_t count =
        pawl_price_book_suggest(book, pawl_slice_str(model), indexes, PAWL_ARRAY_LEN(indexes));
    pawl_cli_error(call, PAWL_EXIT_REFUSED, "no price is known for '%s'", model);
    for (size_t i = 0; i < count; i++) {
        struct pawl_price price;
        pawl_price_book_at(book, indexes[i], now_us, &price);
        fprintf(stderr, "%s%.*s/%.*s", i == 0 ? "Near it: " : ", ", (int)price.provider.bytes,
                price.provider.data, (int)price.model.bytes, price.model.data);
    }
    fprintf(stderr,
            "%sTo add one, put it into %s, as in\n"
            "  {\"models\":[{\"match\":\"%s\",\"input_usd_per_mtok\":\"3\","
            "\"output_usd_per_mtok\":\"15\"}]}\n",
            count > 0 ? ".\n" : "", path, model);
    return PAWL_EXIT_REFUSED;
}

static int run_prices(const struct pawl_cli_call *call)
{
    struct pawl_price_book *book = NULL;
    char path[PAWL_PATH_BYTES];
    int status = pawl_cli_open_prices(call, pawl_cli_value(call, OPTION_PRICES),
                                      pawl_cli_value(call, OPTION_DATA_DIR), path, &book);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    const char *model = call->operand_count > 0 ? call->operands[0] : "";
    int64_t now_us = pawl_clock_os().real_us(pawl_clock_os().arg);
    struct listing listing = {.json = pawl_cli_has(call, OPTION_JSON)};
    if (!listing.json) {
        listing.table = pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable);
    }
    struct pawl_price price;
    bool one = find_model(book, model, now_us, &price);
    if (one) {
        show(&listing, &price);
    } else {
        bool all = pawl_cli_has(call, OPTION_ALL) || model[0] != '\0';
        list_matching(&listing, book, model, all, now_us);
    }
    if (!listing.json) {
        pawl_cli_table_print(listing.table, stdout);
    }
    if (one && !listing.json) {
        print_fees_and_tiers(&price);
    }
    if (listing.count == 0) {
        status = nothing_found(call, book, path, model, now_us);
    } else if (!listing.json) {
        struct pawl_slice date = pawl_price_book_date(book);
        struct pawl_slice source = pawl_price_book_source(book);
        printf("\nUSD per million tokens, as of %.*s (%.*s).\n", (int)date.bytes, date.data,
               (int)source.bytes, source.data);
    }
    pawl_price_book_free(book);
    return status;
}

const struct pawl_cli_command pawl_cli_command_prices = {
    .name = "prices",
    .operands = "[MODEL]",
    .summary = "what models cost",
    .text =
        "Shows the price that a call of MODEL would be booked at, or every model whose name has\n"
        "MODEL in it. Prices of your own (--prices, or prices.json in the data directory) come\n"
        "first.",
    .examples = "  pawl prices claude-sonnet-4-5\n"
                "  pawl prices gpt-5\n"
                "  pawl prices --all --json",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = 1,
    .run = run_prices,
};
