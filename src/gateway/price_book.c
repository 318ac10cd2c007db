/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_book.c: from the text of data/prices.json to a book in memory. tools/price_table.c does
 * that when pawl is built, and writes the book down as constants (price_embedded.c).
 *
 * Two walks over the parsed text: the first counts, the second fills arrays that were allocated
 * in one block for exactly these counts. The text is ours, made by a script and embedded at
 * build time, so what is wrong with it is a damaged build: one message with the place is
 * enough. All the same nothing of it is believed: types, ranges and the order of rows are
 * checked, since every amount that pawl books depends on them.
 *
 * P1 Rows of a model are sorted by (from_us, over_tokens), and each time begins with
 * over_tokens 0. P2 The first row of a model has from_us 0: there is a price for every time.
 */

#include "base/alloc.h"
#include "base/money.h"
#include "gateway/price_priv.h"

enum { BOOK_FORMAT = 1, ARENA_BYTES_MAX = 256 * 1024 * 1024 };

/* The book's, while they are filled. */
struct arrays {
    struct price_provider *providers;
    struct price_model *models;
    struct price_rule *rules;
    struct pawl_price_row *rows;
    struct pawl_slice *names;
};

struct reader {
    const struct pawl_json *json;
    struct pawl_price_book *book;
    struct arrays arrays;
    const char *what; /* the first thing that was wrong, or NULL */
    uint64_t offset;  /* and where */
};

static void wrong(struct reader *reader, uint32_t node, const char *what)
{
    if (reader->what == NULL) {
        reader->what = what;
        reader->offset = node < reader->json->count ? reader->json->nodes[node].start : 0;
    }
}

/* The member if it is a list; else nothing, so that both walks see the same. */
static uint32_t get_list(const struct pawl_json *json, uint32_t node, const char *key)
{
    uint32_t list = pawl_json_get(json, node, key);
    return pawl_json_is(json, list, PAWL_JSON_ARRAY) ? list : PAWL_JSON_NONE;
}

/* --- Values. ------------------------------------------------------------------------------ */

/* Text that can be borrowed as it stands. */
static struct pawl_slice read_text(struct reader *reader, uint32_t node)
{
    bool fine = pawl_json_is(reader->json, node, PAWL_JSON_STRING) &&
                !reader->json->nodes[node].escaped &&
                pawl_json_string_raw(reader->json, node).bytes > 0;
    if (!fine) {
        wrong(reader, node, "expected a text without escapes");
        return PAWL_SLICE_NONE;
    }
    return pawl_json_string_raw(reader->json, node);
}

static int64_t read_count(struct reader *reader, uint32_t node, int64_t max)
{
    int64_t value = 0;
    if (!pawl_json_i64(reader->json, node, &value) || value < 0 || value > max) {
        wrong(reader, node, "expected a whole number in range");
        return 0;
    }
    return value;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar (years from March, eras of 400). */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t shifted = month <= 2 ? month + 9 : month - 3;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* "2026-03-13" to its first microsecond, UTC. */
static int64_t read_date(struct reader *reader, uint32_t node)
{
    struct pawl_slice text = read_text(reader, node);
    uint64_t year = 0;
    uint64_t month = 0;
    uint64_t day = 0;
    bool fine = text.bytes == 10 && text.data[4] == '-' && text.data[7] == '-' &&
                pawl_slice_to_u64(pawl_slice_sub(text, 0, 4), &year) &&
                pawl_slice_to_u64(pawl_slice_sub(text, 5, 2), &month) &&
                pawl_slice_to_u64(pawl_slice_sub(text, 8, 2), &day) && year >= 1970 && month >= 1 &&
                month <= 12 && day >= 1 && day <= 31;
    if (!fine) {
        wrong(reader, node, "expected a date");
        return 0;
    }
    int64_t days = days_of_date((int64_t)year, (int64_t)month, (int64_t)day);
    return days * INT64_C(86400) * INT64_C(1000000);
}

/* --- Rules. ------------------------------------------------------------------------------- */

static void read_rule(struct reader *reader, uint32_t node, bool more)
{
    struct pawl_slice text = read_text(reader, node);
    struct price_rule rule = {.more = more};
    if (text.bytes > 0 && text.data[0] == '!') {
        rule.negated = true;
        text = pawl_slice_sub(text, 1, text.bytes);
    }
    if (text.bytes < 2 || strchr("=^$*", text.data[0]) == NULL) {
        wrong(reader, node, "expected a rule");
        return;
    }
    rule.op = text.data[0];
    rule.text = pawl_slice_sub(text, 1, text.bytes);
    reader->arrays.rules[reader->book->rule_count++] = rule;
}

/* A list of rules and of lists of rules that must hold together. */
static void read_rules(struct reader *reader, uint32_t list, struct price_span *ret_span)
{
    ret_span->first = reader->book->rule_count;
    for (uint32_t i = pawl_json_first(reader->json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(reader->json, i)) {
        if (!pawl_json_is(reader->json, i, PAWL_JSON_ARRAY)) {
            read_rule(reader, i, false);
            continue;
        }
        for (uint32_t j = pawl_json_first(reader->json, i); j != PAWL_JSON_NONE;
             j = pawl_json_next(reader->json, j)) {
            read_rule(reader, j, pawl_json_next(reader->json, j) != PAWL_JSON_NONE);
        }
    }
    ret_span->count = reader->book->rule_count - ret_span->first;
}

/* --- Rows. -------------------------------------------------------------------------------- */

static bool read_price(struct reader *reader, uint32_t node, struct pawl_price_row *row)
{
    uint32_t key = reader->json->nodes[node].key;
    for (enum pawl_price_kind kind = 0; kind < PAWL_PRICE_KIND_COUNT; ++kind) {
        if (pawl_json_string_is(reader->json, key, pawl_price_kind_name(kind))) {
            row->microcents[kind] = read_count(reader, node, PRICE_MICROCENTS_MAX);
            return true;
        }
    }
    return false;
}

/* `model` is NULL for fees, which have neither dates nor sizes. */
static void read_row(struct reader *reader, uint32_t node, struct price_model *model)
{
    struct pawl_price_row *row = &reader->arrays.rows[reader->book->row_count++];
    for (enum pawl_price_kind kind = 0; kind < PAWL_PRICE_KIND_COUNT; ++kind) {
        row->microcents[kind] = PAWL_PRICE_ABSENT;
    }
    for (uint32_t i = pawl_json_first(reader->json, node); i != PAWL_JSON_NONE;
         i = pawl_json_next(reader->json, i)) {
        uint32_t key = reader->json->nodes[i].key;
        if (read_price(reader, i, row)) {
            continue;
        }
        if (model != NULL && pawl_json_string_is(reader->json, key, "from")) {
            row->from_us = read_date(reader, i);
        } else if (model != NULL && pawl_json_string_is(reader->json, key, "over")) {
            row->over_tokens = read_count(reader, i, PAWL_AMOUNT_MAX);
        } else if (model != NULL && pawl_json_string_is(reader->json, key, "time_of_day")) {
            model->time_of_day = true;
        } else {
            wrong(reader, i, "unknown price");
        }
    }
}

/* P1 and P2. */
static bool rows_in_order(const struct pawl_price_row *rows, uint32_t count)
{
    if (count == 0 || rows[0].from_us != 0 || rows[0].over_tokens != 0) {
        return false;
    }
    for (uint32_t i = 1; i < count; ++i) {
        bool same_time = rows[i].from_us == rows[i - 1].from_us;
        bool fine = same_time ? rows[i].over_tokens > rows[i - 1].over_tokens
                              : rows[i].from_us > rows[i - 1].from_us && rows[i].over_tokens == 0;
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* --- Models and providers. ---------------------------------------------------------------- */

static void read_model(struct reader *reader, uint32_t node)
{
    struct pawl_price_book *book = reader->book;
    const struct pawl_json *json = reader->json;
    struct price_model *model = &reader->arrays.models[book->model_count++];
    model->provider = book->provider_count;
    model->id = read_text(reader, pawl_json_get(json, node, "id"));
    read_rules(reader, get_list(json, node, "match"), &model->rules);
    uint32_t context = pawl_json_get(json, node, "context");
    if (context != PAWL_JSON_NONE) {
        model->context_tokens = read_count(reader, context, PAWL_AMOUNT_MAX);
    }
    uint32_t rows = get_list(json, node, "rows");
    model->rows.first = book->row_count;
    for (uint32_t i = pawl_json_first(json, rows); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        read_row(reader, i, model);
    }
    model->rows.count = book->row_count - model->rows.first;
    if (!rows_in_order(&book->rows[model->rows.first], model->rows.count)) {
        wrong(reader, node, "rows are missing or out of order");
    }
}

static void read_names(struct reader *reader, uint32_t list, struct price_span *ret_span)
{
    ret_span->first = reader->book->name_count;
    for (uint32_t i = pawl_json_first(reader->json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(reader->json, i)) {
        reader->arrays.names[reader->book->name_count++] = read_text(reader, i);
    }
    ret_span->count = reader->book->name_count - ret_span->first;
}

/* {"as_of":"2026-11-28","source":"…","fees":{"per_1000_web_searches":1000000000}} */
static void read_tools(struct reader *reader, uint32_t node, struct price_provider *provider)
{
    const struct pawl_json *json = reader->json;
    if (node == PAWL_JSON_NONE) {
        return;
    }
    (void)read_date(reader, pawl_json_get(json, node, "as_of"));
    provider->tools_date = read_text(reader, pawl_json_get(json, node, "as_of"));
    provider->tools_source = read_text(reader, pawl_json_get(json, node, "source"));
    provider->tools.first = reader->book->row_count;
    provider->tools.count = 1;
    read_row(reader, pawl_json_get(json, node, "fees"), NULL);
}

static void read_provider(struct reader *reader, uint32_t node)
{
    struct pawl_price_book *book = reader->book;
    struct price_provider *provider = &reader->arrays.providers[book->provider_count];
    provider->id = read_text(reader, pawl_json_get(reader->json, node, "id"));
    read_names(reader, get_list(reader->json, node, "hosts"), &provider->hosts);
    read_names(reader, get_list(reader->json, node, "aliases"), &provider->aliases);
    read_names(reader, get_list(reader->json, node, "fallback"), &provider->fallback);
    read_tools(reader, pawl_json_get(reader->json, node, "tools"), provider);
    provider->models.first = book->model_count;
    uint32_t models = get_list(reader->json, node, "models");
    for (uint32_t i = pawl_json_first(reader->json, models); i != PAWL_JSON_NONE;
         i = pawl_json_next(reader->json, i)) {
        read_model(reader, i);
    }
    provider->models.count = book->model_count - provider->models.first;
    ++book->provider_count;
}

static void read_book(struct reader *reader)
{
    const struct pawl_json *json = reader->json;
    int64_t format = 0;
    if (!pawl_json_i64(json, pawl_json_get(json, 0, "format"), &format) || format != BOOK_FORMAT) {
        wrong(reader, 0, "expected \"format\":1");
    }
    reader->book->date = read_text(reader, pawl_json_get(json, 0, "as_of"));
    reader->book->source = read_text(reader, pawl_json_get(json, 0, "source"));
    reader->book->licence = read_text(reader, pawl_json_get(json, 0, "licence"));
    uint32_t providers = get_list(json, 0, "providers");
    for (uint32_t i = pawl_json_first(json, providers); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        read_provider(reader, i);
    }
    if (reader->book->model_count == 0) {
        wrong(reader, 0, "no models");
    }
}

/* --- Memory. ------------------------------------------------------------------------------ */

struct counts {
    size_t providers, models, rules, rows, names;
};

static size_t count_rules(const struct pawl_json *json, uint32_t list)
{
    size_t count = 0;
    for (uint32_t i = pawl_json_first(json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        count += pawl_json_is(json, i, PAWL_JSON_ARRAY) ? json->nodes[i].count : 1;
    }
    return count;
}

static size_t count_children(const struct pawl_json *json, uint32_t node, const char *key)
{
    uint32_t list = get_list(json, node, key);
    return list == PAWL_JSON_NONE ? 0 : json->nodes[list].count;
}

static struct counts count_all(const struct pawl_json *json)
{
    struct counts counts = {.providers = count_children(json, 0, "providers")};
    uint32_t providers = get_list(json, 0, "providers");
    for (uint32_t p = pawl_json_first(json, providers); p != PAWL_JSON_NONE;
         p = pawl_json_next(json, p)) {
        counts.names += count_children(json, p, "hosts") + count_children(json, p, "aliases") +
                        count_children(json, p, "fallback");
        counts.rows += pawl_json_get(json, p, "tools") != PAWL_JSON_NONE ? 1 : 0;
        uint32_t models = get_list(json, p, "models");
        for (uint32_t m = pawl_json_first(json, models); m != PAWL_JSON_NONE;
             m = pawl_json_next(json, m)) {
            ++counts.models;
            counts.rules += count_rules(json, get_list(json, m, "match"));
            counts.rows += count_children(json, m, "rows");
        }
    }
    return counts;
}

/* Every array's size is a multiple of 8, so each begins aligned. */
static struct pawl_price_book *new_book(struct counts counts, struct arrays *ret_arrays)
{
    _Static_assert(sizeof(struct pawl_price_book) % 8 == 0, "arrays follow aligned");
    _Static_assert(sizeof(struct price_provider) % 8 == 0, "arrays follow aligned");
    _Static_assert(sizeof(struct price_model) % 8 == 0, "arrays follow aligned");
    _Static_assert(sizeof(struct price_rule) % 8 == 0, "arrays follow aligned");
    size_t bytes =
        sizeof(struct pawl_price_book) + counts.providers * sizeof(struct price_provider) +
        counts.models * sizeof(struct price_model) + counts.rules * sizeof(struct price_rule) +
        counts.rows * sizeof(struct pawl_price_row) + counts.names * sizeof(struct pawl_slice);
    struct pawl_price_book *book = pawl_alloc_zeroed(1, bytes);
    if (book == NULL) {
        return NULL;
    }
    struct arrays arrays = {.providers = (struct price_provider *)(book + 1)};
    arrays.models = (struct price_model *)(arrays.providers + counts.providers);
    arrays.rules = (struct price_rule *)(arrays.models + counts.models);
    arrays.rows = (struct pawl_price_row *)(arrays.rules + counts.rules);
    arrays.names = (struct pawl_slice *)(arrays.rows + counts.rows);
    book->providers = arrays.providers;
    book->models = arrays.models;
    book->rules = arrays.rules;
    book->rows = arrays.rows;
    book->names = arrays.names;
    *ret_arrays = arrays;
    return book;
}

static pawl_err load_parsed(const struct pawl_json *json,
                            struct pawl_price_book **ret_book,
                            struct pawl_errmsg *msg)
{
    struct arrays arrays;
    struct pawl_price_book *book = new_book(count_all(json), &arrays);
    if (book == NULL) {
        pawl_errmsg_set(msg, "no memory for the price book");
        return PAWL_ERR(MEMORY);
    }
    struct reader reader = {.json = json, .book = book, .arrays = arrays};
    read_book(&reader);
    if (reader.what != NULL) {
        pawl_errmsg_set(msg, "the price book is damaged at byte %llu: %s",
                        (unsigned long long)reader.offset, reader.what);
        pawl_free(book);
        return PAWL_ERR(CORRUPT);
    }
    *ret_book = book;
    return PAWL_OK;
}

pawl_err pawl_price_book_load(struct pawl_slice text,
                              struct pawl_price_book **ret_book,
                              struct pawl_errmsg *msg)
{
    struct pawl_arena arena;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    struct pawl_json json;
    pawl_err err = PAWL_ERR(CORRUPT);
    if (pawl_json_parse(&arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        err = load_parsed(&json, ret_book, msg);
    } else {
        pawl_errmsg_set(msg, "the price book is damaged at byte %llu: %s",
                        (unsigned long long)json.error_offset, pawl_json_error_name(json.error));
    }
    pawl_arena_free(&arena);
    return err;
}

void pawl_price_book_free(struct pawl_price_book *book)
{
    if (book != NULL) {
        pawl_free(book->overrides);
        pawl_free(book);
    }
}

struct pawl_slice pawl_price_book_date(const struct pawl_price_book *book)
{
    return book->date;
}

struct pawl_slice pawl_price_book_source(const struct pawl_price_book *book)
{
    return book->source;
}

struct pawl_slice pawl_price_book_licence(const struct pawl_price_book *book)
{
    return book->licence;
}
