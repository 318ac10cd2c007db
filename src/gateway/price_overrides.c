/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_overrides.c: the user's own prices (docs/PRICES.md has the format).
 *
 * A person writes this file, so dollars are decimal strings, unknown fields are errors and
 * every message names the file, the line, the column and the field. Nothing changes unless all
 * of it is right.
 *
 * The block that is kept holds the entries and, behind them, a copy of the text that they point
 * into.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file_os.h"
#include "base/money.h"
#include "gateway/price_priv.h"

enum { ARENA_BYTES_MAX = 128 * 1024 * 1024, FIELD_BYTES_MAX = 64 };

struct reader {
    struct pawl_json json;
    const char *path;
    struct pawl_errmsg *msg;
    bool failed;
};

/* Says what is wrong with the value at `node` (or with the text at `offset`), once. */
static void wrong_at(struct reader *reader, uint64_t offset, const char *field, const char *what)
{
    if (reader->failed) {
        return;
    }
    reader->failed = true;
    struct pawl_slice before = pawl_slice_sub(reader->json.text, 0, (size_t)offset);
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < before.bytes; ++i) {
        ++column;
        if (before.data[i] == '\n') {
            ++line;
            column = 1;
        }
    }
    pawl_errmsg_set(reader->msg, "%s:%zu:%zu: %s%s%s", reader->path, line, column, field,
                    field[0] != '\0' ? ": " : "", what);
}

static void wrong(struct reader *reader, uint32_t node, const char *field, const char *what)
{
    wrong_at(reader, reader->json.nodes[node].start, field, what);
}

/* --- Values. ------------------------------------------------------------------------------ */

static struct pawl_slice read_text(struct reader *reader, uint32_t node, const char *field)
{
    struct pawl_slice text = pawl_json_string_raw(&reader->json, node);
    if (pawl_slice_empty(text) || reader->json.nodes[node].escaped) {
        wrong(reader, node, field, "expected a text that is not empty and has no backslash");
        return PAWL_SLICE_NONE;
    }
    return text;
}

static int64_t read_usd(struct reader *reader, uint32_t node, const char *field)
{
    int64_t microcents = 0;
    if (!pawl_json_is(&reader->json, node, PAWL_JSON_STRING) ||
        !pawl_money_parse_usd(pawl_json_string_raw(&reader->json, node), &microcents)) {
        wrong(reader, node, field, "expected dollars as a decimal text, such as \"3.00\"");
        return 0;
    }
    if (microcents > PRICE_MICROCENTS_MAX) {
        wrong(reader, node, field, "at most \"1000000\" dollars");
        return 0;
    }
    return microcents;
}

/* "1.10" to 1100. Three decimals are kept exactly; more are refused rather than rounded. */
static uint32_t read_multiplier(struct reader *reader, uint32_t node, const char *field)
{
    const int64_t unit = PAWL_MICROCENTS_PER_USD / PRICE_MULTIPLIER_ONE;
    int64_t value = 0;
    bool fine = pawl_json_is(&reader->json, node, PAWL_JSON_STRING) &&
                pawl_money_parse_usd(pawl_json_string_raw(&reader->json, node), &value) &&
                value % unit == 0 && value / unit >= 1 && value / unit <= PRICE_MULTIPLIER_MAX;
    if (!fine) {
        wrong(reader, node, field,
              "expected a factor from \"0.001\" to \"100\" with at most three decimals");
        return PRICE_MULTIPLIER_ONE;
    }
    return (uint32_t)(value / unit);
}

/* "my-model" equals, "my-*" starts with, "*-mini" ends with, "*gpt*" contains. */
static struct price_rule read_match(struct reader *reader, uint32_t node)
{
    struct pawl_slice text = read_text(reader, node, "match");
    struct price_rule rule = {.op = '='};
    bool front = text.bytes > 1 && text.data[0] == '*';
    bool back = text.bytes > 1 && text.data[text.bytes - 1] == '*';
    size_t stars = (size_t)front + (size_t)back;
    if (text.bytes < stars) {
        stars = 0;
    }
    rule.text = pawl_slice_sub(text, front ? 1 : 0, text.bytes - stars);
    if (front && back) {
        rule.op = '*';
    } else if (front || back) {
        rule.op = front ? '$' : '^';
    }
    if (!reader->failed &&
        (pawl_slice_empty(rule.text) || pawl_slice_find_byte(rule.text, '*') != SIZE_MAX)) {
        wrong(reader, node, "match", "expected a name with at most one \"*\" at each end");
    }
    return rule;
}

/* --- Entries. ----------------------------------------------------------------------------- */

/* "input_usd_per_mtok" or "per_1000_requests_usd", if the kind is called so in files. */
static const char *field_name(enum pawl_price_kind kind, char out[static FIELD_BYTES_MAX])
{
    bool tokens = (int)kind < PAWL_PRICE_TOKEN_KIND_COUNT;
    int bytes = snprintf(out, FIELD_BYTES_MAX, "%s%s", pawl_price_kind_name(kind),
                         tokens ? "_usd_per_mtok" : "_usd");
    PAWL_ASSERT(bytes > 0 && bytes < FIELD_BYTES_MAX);
    return out;
}

static bool read_price(struct reader *reader, uint32_t node, struct price_override *entry)
{
    uint32_t key = reader->json.nodes[node].key;
    for (enum pawl_price_kind kind = 0; kind < PAWL_PRICE_KIND_COUNT; ++kind) {
        char field[FIELD_BYTES_MAX];
        if (pawl_json_string_is(&reader->json, key, field_name(kind, field))) {
            entry->row.microcents[kind] = read_usd(reader, node, field);
            entry->has_row = true;
            return true;
        }
    }
    return false;
}

static void read_member(struct reader *reader, uint32_t node, struct price_override *entry)
{
    const struct pawl_json *json = &reader->json;
    uint32_t key = json->nodes[node].key;
    if (pawl_json_string_is(json, key, "match")) {
        entry->rule = read_match(reader, node);
    } else if (pawl_json_string_is(json, key, "provider")) {
        entry->provider = read_text(reader, node, "provider");
    } else if (pawl_json_string_is(json, key, "multiplier")) {
        entry->multiplier_permille = read_multiplier(reader, node, "multiplier");
    } else if (pawl_json_string_is(json, key, "context_tokens")) {
        if (!pawl_json_i64(json, node, &entry->context_tokens) || entry->context_tokens < 1) {
            wrong(reader, node, "context_tokens", "expected a whole number above 0");
        }
    } else if (!read_price(reader, node, entry)) {
        wrong(reader, key, "", "unknown field");
    }
}

static void read_entry(struct reader *reader, uint32_t node, struct price_override *entry)
{
    for (enum pawl_price_kind kind = 0; kind < PAWL_PRICE_KIND_COUNT; ++kind) {
        entry->row.microcents[kind] = PAWL_PRICE_ABSENT;
    }
    if (!pawl_json_is(&reader->json, node, PAWL_JSON_OBJECT)) {
        wrong(reader, node, "models", "expected an object");
        return;
    }
    for (uint32_t i = pawl_json_first(&reader->json, node); i != PAWL_JSON_NONE;
         i = pawl_json_next(&reader->json, i)) {
        read_member(reader, i, entry);
    }
    const int64_t *prices = entry->row.microcents;
    bool priced = (prices[PAWL_PRICE_INPUT] != PAWL_PRICE_ABSENT &&
                   prices[PAWL_PRICE_OUTPUT] != PAWL_PRICE_ABSENT) ||
                  prices[PAWL_PRICE_REQUESTS] != PAWL_PRICE_ABSENT;
    if (pawl_slice_empty(entry->rule.text)) {
        wrong(reader, node, "match", "is missing");
    } else if (entry->has_row && entry->multiplier_permille != 0) {
        wrong(reader, node, "multiplier", "cannot stand beside prices: state the final ones");
    } else if (entry->has_row ? !priced : entry->multiplier_permille == 0) {
        wrong(reader, node, "",
              "expected input_usd_per_mtok and output_usd_per_mtok, or a multiplier");
    }
}

static void read_file(struct reader *reader, struct price_overrides *overrides)
{
    const struct pawl_json *json = &reader->json;
    for (uint32_t i = pawl_json_first(json, 0); i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
        uint32_t key = json->nodes[i].key;
        if (pawl_json_string_is(json, key, "multiplier")) {
            overrides->multiplier_permille = read_multiplier(reader, i, "multiplier");
        } else if (!pawl_json_string_is(json, key, "models")) {
            wrong(reader, key, "", "unknown field");
        } else if (!pawl_json_is(json, i, PAWL_JSON_ARRAY)) {
            wrong(reader, i, "models", "expected a list");
        } else {
            for (uint32_t j = pawl_json_first(json, i); j != PAWL_JSON_NONE;
                 j = pawl_json_next(json, j)) {
                read_entry(reader, j, &overrides->entries[overrides->count++]);
            }
        }
    }
}

/* --- Loading. ----------------------------------------------------------------------------- */

/* One block: entries, then the path, then the text. */
static struct price_overrides *new_overrides(size_t count, const char *path, struct pawl_slice text)
{
    size_t entries = sizeof(struct price_overrides) + count * sizeof(struct price_override);
    size_t path_bytes = strlen(path);
    struct price_overrides *overrides = pawl_alloc_zeroed(1, entries + path_bytes + text.bytes);
    if (overrides != NULL) {
        char *tail = (char *)overrides + entries;
        memcpy(tail, path, path_bytes);
        memcpy(tail + path_bytes, text.data, text.bytes);
        overrides->path = pawl_slice_of(tail, path_bytes);
        overrides->multiplier_permille = PRICE_MULTIPLIER_ONE;
    }
    return overrides;
}

static pawl_err add_parsed(struct pawl_price_book *book, struct reader *reader)
{
    uint32_t list = pawl_json_get(&reader->json, 0, "models");
    size_t count =
        pawl_json_is(&reader->json, list, PAWL_JSON_ARRAY) ? reader->json.nodes[list].count : 0;
    if (!pawl_json_is(&reader->json, 0, PAWL_JSON_OBJECT)) {
        wrong(reader, 0, "", "expected an object with \"models\"");
        return PAWL_ERR(INVALID);
    }
    if (count > PRICE_OVERRIDE_COUNT_MAX) {
        wrong(reader, list, "models", "at most 4096 entries");
        return PAWL_ERR(LIMIT);
    }
    struct price_overrides *overrides = new_overrides(count, reader->path, reader->json.text);
    if (overrides == NULL) {
        pawl_errmsg_set(reader->msg, "%s: no memory", reader->path);
        return PAWL_ERR(MEMORY);
    }
    /* The parsed nodes are offsets, so they fit the copy as well, and slices then point into it. */
    reader->json.text =
        pawl_slice_of(overrides->path.data + overrides->path.bytes, reader->json.text.bytes);
    read_file(reader, overrides);
    if (reader->failed) {
        pawl_free(overrides);
        return PAWL_ERR(INVALID);
    }
    book->overrides = overrides;
    return PAWL_OK;
}

pawl_err pawl_price_book_add_overrides(struct pawl_price_book *book,
                                       const char *path,
                                       struct pawl_slice text,
                                       struct pawl_errmsg *msg)
{
    PAWL_ASSERT(book->overrides == NULL);
    struct pawl_arena arena;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    struct reader reader = {.path = path, .msg = msg};
    pawl_err err = PAWL_ERR(INVALID);
    if (pawl_json_parse(&arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &reader.json)) {
        err = add_parsed(book, &reader);
    } else {
        struct pawl_json failed = reader.json;
        reader.json = (struct pawl_json){.text = text};
        wrong_at(&reader, failed.error_offset, "", pawl_json_error_name(failed.error));
    }
    pawl_arena_free(&arena);
    return err;
}

pawl_err pawl_price_book_load_overrides(struct pawl_price_book *book,
                                        const char *path,
                                        struct pawl_buf *text,
                                        struct pawl_errmsg *msg)
{
    pawl_err err = pawl_file_read(path, text, msg);
    if (pawl_ok(err)) {
        err = pawl_price_book_add_overrides(book, path, pawl_buf_slice(text), msg);
    } else {
        pawl_errmsg_wrap(msg, "cannot read the price file %s", path);
    }
    return err;
}
