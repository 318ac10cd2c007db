/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_lookup.c: from the name of a model to its price.
 *
 * Names come in many spellings of the same thing: "claude-sonnet-4-5-20250929",
 * "anthropic/claude-sonnet-4.5", "models/gemini-2.5-pro",
 * "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-opus-5@20260724",
 * "gpt-4o-2024-08-06". So a name is tried in a few spellings, and each spelling at a few
 * providers, in a fixed order, and the first hit wins:
 *
 *   spellings   as given; after the last '/'; with '@' read as '-'; without a snapshot's date
 *   providers   the one of the upstream, one named in "vendor/…", AWS for "….anthropic.…"; each
 *               followed by the providers that it resells, as the book says
 *
 * Only when all that fails are other providers searched, and then only for exactly this name: a
 * prefix rule of a provider that nobody mentioned would be a guess. Several may sell a model of
 * that name at different prices; the dearest is taken, since it is not known who is asked.
 */
#include "base/assert.h"
#include "gateway/price_priv.h"

enum { SPELLING_COUNT_MAX = 4, PROVIDER_COUNT_MAX = 3 };

struct spelling {
    struct pawl_slice name;
    enum pawl_price_match match;
};

struct names {
    struct spelling spellings[SPELLING_COUNT_MAX];
    size_t count;
    char folded[PRICE_NAME_BYTES_MAX]; /* the name as given */
    char plain[PRICE_NAME_BYTES_MAX];  /* with '@' as '-' */
};

/* --- Rules. ------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The pattern's text stands at the front of `name`. */
static bool prefix_fits(struct pawl_slice name, struct pawl_slice text)
{
    if (name.bytes < text.bytes) {
        return false;
    }
    for (size_t i = 0; i < text.bytes; ++i) {
        bool fits =
            text.data[i] == '#' ? is_digit(name.data[i]) : lower(text.data[i]) == name.data[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool contains(struct pawl_slice name, struct pawl_slice text)
{
    for (size_t i = 0; i + text.bytes <= name.bytes; ++i) {
        if (prefix_fits(pawl_slice_sub(name, i, name.bytes), text)) {
            return true;
        }
    }
    return false;
}

bool pawl_price_rule_holds(const struct price_rule *rule, struct pawl_slice name)
{
    bool holds = false;
    switch (rule->op) {
    case '=':
        holds = name.bytes == rule->text.bytes && prefix_fits(name, rule->text);
        break;
    case '^':
        holds = prefix_fits(name, rule->text);
        break;
    case '$':
        holds = name.bytes >= rule->text.bytes &&
                prefix_fits(pawl_slice_sub(name, name.bytes - rule->text.bytes, name.bytes),
                            rule->text);
        break;
    case '*':
        holds = contains(name, rule->text);
        break;
    default:
        PAWL_UNREACHABLE();
    }
    return holds != rule->negated;
}

static bool id_fits(const struct price_model *model, struct pawl_slice name)
{
    return name.bytes == model->id.bytes && prefix_fits(name, model->id);
}

/* Any group of the model's rules holds. */
static bool model_fits(const struct pawl_price_book *book,
                       const struct price_model *model,
                       struct pawl_slice name)
{
    if (model->rules.count == 0) {
        return id_fits(model, name);
    }
    bool group = true;
    for (uint32_t i = 0; i < model->rules.count; ++i) {
        const struct price_rule *rule = &book->rules[model->rules.first + i];
        group = group && pawl_price_rule_holds(rule, name);
        if (!rule->more) {
            if (group) {
                return true;
            }
            group = true;
        }
    }
    return false;
}

/* The name is the model's own or one that a rule spells out in full. */
static bool model_is(const struct pawl_price_book *book,
                     const struct price_model *model,
                     struct pawl_slice name)
{
    if (id_fits(model, name)) {
        return true;
    }
    for (uint32_t i = 0; i < model->rules.count; ++i) {
        const struct price_rule *rule = &book->rules[model->rules.first + i];
        bool exact = rule->op == '=' && !rule->negated && !rule->more;
        if (exact && pawl_price_rule_holds(rule, name)) {
            return true;
        }
    }
    return false;
}

/* --- Spellings. --------------------------------------------------------------------------- */

struct pawl_slice pawl_price_fold(struct pawl_slice text, char out[static PRICE_NAME_BYTES_MAX])
{
    struct pawl_slice trimmed = pawl_slice_trim(text);
    if (trimmed.bytes > PRICE_NAME_BYTES_MAX) {
        return PAWL_SLICE_NONE;
    }
    for (size_t i = 0; i < trimmed.bytes; ++i) {
        out[i] = lower(trimmed.data[i]);
    }
    return pawl_slice_of(out, trimmed.bytes);
}

static struct pawl_slice after_last_slash(struct pawl_slice name)
{
    for (size_t i = name.bytes; i > 0; --i) {
        if (name.data[i - 1] == '/') {
            return pawl_slice_sub(name, i, name.bytes);
        }
    }
    return name;
}

/* Without "-20250929", "-2024-08-06" or "-latest" at the end. */
static struct pawl_slice without_date(struct pawl_slice name)
{
    static const struct price_rule endings[] = {
        {.op = '$', .text = {"-########", 9}},
        {.op = '$', .text = {"-####-##-##", 11}},
        {.op = '$', .text = {"-latest", 7}},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(endings); ++i) {
        if (name.bytes > endings[i].text.bytes && pawl_price_rule_holds(&endings[i], name)) {
            return pawl_slice_sub(name, 0, name.bytes - endings[i].text.bytes);
        }
    }
    return name;
}

static void add_spelling(struct names *names, struct pawl_slice name, enum pawl_price_match match)
{
    bool known = pawl_slice_empty(name);
    for (size_t i = 0; i < names->count; ++i) {
        known = known || pawl_slice_equal(names->spellings[i].name, name);
    }
    if (!known) {
        PAWL_ASSERT(names->count < SPELLING_COUNT_MAX);
        names->spellings[names->count++] = (struct spelling){name, match};
    }
}

static void spell(struct names *names, struct pawl_slice model)
{
    names->count = 0;
    struct pawl_slice given = pawl_price_fold(model, names->folded);
    struct pawl_slice last = after_last_slash(given);
    for (size_t i = 0; i < last.bytes; ++i) {
        names->plain[i] = last.data[i] == '@' ? '-' : last.data[i];
    }
    struct pawl_slice plain = pawl_slice_of(names->plain, last.bytes);
    add_spelling(names, given, PAWL_PRICE_MATCH_RULE);
    add_spelling(names, last, PAWL_PRICE_MATCH_RULE);
    add_spelling(names, plain, PAWL_PRICE_MATCH_RULE);
    add_spelling(names, without_date(plain), PAWL_PRICE_MATCH_UNDATED);
}

/* --- Providers. --------------------------------------------------------------------------- */

static bool
span_has(const struct pawl_price_book *book, struct price_span span, struct pawl_slice id)
{
    for (uint32_t i = 0; i < span.count; ++i) {
        if (pawl_slice_equal_nocase(book->names[span.first + i], id)) {
            return true;
        }
    }
    return false;
}

int32_t pawl_price_find_provider(const struct pawl_price_book *book, struct pawl_slice id)
{
    for (uint32_t i = 0; !pawl_slice_empty(id) && i < book->provider_count; ++i) {
        const struct price_provider *provider = &book->providers[i];
        if (pawl_slice_equal_nocase(provider->id, id) || span_has(book, provider->aliases, id)) {
            return (int32_t)i;
        }
    }
    return PRICE_NONE;
}

static bool host_fits(struct pawl_slice host, struct pawl_slice pattern)
{
    if (pattern.data[0] != '.') {
        return pawl_slice_equal_nocase(host, pattern);
    }
    return host.bytes > pattern.bytes &&
           pawl_slice_equal_nocase(pawl_slice_sub(host, host.bytes - pattern.bytes, pattern.bytes),
                                   pattern);
}

struct pawl_slice pawl_price_provider_of_host(const struct pawl_price_book *book,
                                              struct pawl_slice host)
{
    for (uint32_t i = 0; i < book->provider_count; ++i) {
        const struct price_provider *provider = &book->providers[i];
        for (uint32_t j = 0; j < provider->hosts.count; ++j) {
            if (host_fits(host, book->names[provider->hosts.first + j])) {
                return provider->id;
            }
        }
    }
    return PAWL_SLICE_NONE;
}

/* The first part of "vendor/…/model" that names a provider. */
static int32_t vendor_in(const struct pawl_price_book *book, struct pawl_slice name)
{
    struct pawl_slice rest = name;
    while (pawl_slice_find_byte(rest, '/') != SIZE_MAX) {
        int32_t provider = pawl_price_find_provider(book, pawl_slice_cut(&rest, '/'));
        if (provider != PRICE_NONE) {
            return provider;
        }
    }
    return PRICE_NONE;
}

static const struct price_model *
find_at(const struct pawl_price_book *book, uint32_t provider, struct pawl_slice name)
{
    struct price_span models = book->providers[provider].models;
    for (uint32_t i = 0; i < models.count; ++i) {
        const struct price_model *model = &book->models[models.first + i];
        if (model_fits(book, model, name)) {
            return model;
        }
    }
    return NULL;
}

/* At the provider, then at those that it resells. */
static const struct price_model *
find_from(const struct pawl_price_book *book, int32_t provider, struct pawl_slice name)
{
    if (provider == PRICE_NONE) {
        return NULL;
    }
    const struct price_model *model = find_at(book, (uint32_t)provider, name);
    struct price_span fallback = book->providers[provider].fallback;
    for (uint32_t i = 0; model == NULL && i < fallback.count; ++i) {
        int32_t next = pawl_price_find_provider(book, book->names[fallback.first + i]);
        if (next != PRICE_NONE) {
            model = find_at(book, (uint32_t)next, name);
        }
    }
    return model;
}

/* --- Filling. ----------------------------------------------------------------------------- */

/* The rows of the latest time that is not after `at_us`. There is one for every time (P2). */
static struct price_span
rows_at(const struct pawl_price_book *book, const struct price_model *model, int64_t at_us)
{
    const struct pawl_price_row *rows = &book->rows[model->rows.first];
    uint32_t first = 0;
    for (uint32_t i = 1; i < model->rows.count; ++i) {
        if (rows[i].from_us <= at_us && rows[i].from_us != rows[first].from_us) {
            first = i;
        }
    }
    uint32_t end = first + 1;
    while (end < model->rows.count && rows[end].from_us == rows[first].from_us) {
        ++end;
    }
    return (struct price_span){model->rows.first + first, end - first};
}

void pawl_price_fill_tools(const struct pawl_price_book *book,
                           int32_t provider,
                           struct pawl_price *ret_price)
{
    if (provider != PRICE_NONE && book->providers[provider].tools.count > 0) {
        ret_price->tools = &book->rows[book->providers[provider].tools.first];
        ret_price->tools_date = book->providers[provider].tools_date;
        ret_price->tools_source = book->providers[provider].tools_source;
    }
}

void pawl_price_fill(const struct pawl_price_book *book,
                     const struct price_model *model,
                     int64_t at_us,
                     struct pawl_price *ret_price)
{
    struct price_span rows = rows_at(book, model, at_us);
    *ret_price = (struct pawl_price){
        .rows = &book->rows[rows.first],
        .row_count = rows.count,
        .provider = book->providers[model->provider].id,
        .model = model->id,
        .date = book->date,
        .source = book->source,
        .match = PAWL_PRICE_MATCH_RULE,
        .context_tokens = model->context_tokens,
        .multiplier_permille =
            book->overrides != NULL ? book->overrides->multiplier_permille : PRICE_MULTIPLIER_ONE,
        .time_of_day = model->time_of_day,
    };
    pawl_price_fill_tools(book, (int32_t)model->provider, ret_price);
}

void pawl_price_fill_override(const struct pawl_price_book *book,
                              const struct price_override *entry,
                              struct pawl_price *ret_price)
{
    PAWL_ASSERT(entry->has_row);
    *ret_price = (struct pawl_price){
        .rows = &entry->row,
        .row_count = 1,
        .provider = entry->provider,
        .model = entry->rule.text,
        .date = PAWL_SLICE("override"),
        .source = book->overrides->path,
        .match = PAWL_PRICE_MATCH_OVERRIDE,
        .context_tokens = entry->context_tokens,
        .multiplier_permille = PRICE_MULTIPLIER_ONE,
    };
}

/* --- Looking up. -------------------------------------------------------------------------- */

static int64_t dearness(const struct pawl_price *price)
{
    return pawl_price_rate(price, PAWL_PRICE_INPUT, 0) +
           pawl_price_rate(price, PAWL_PRICE_OUTPUT, 0) +
           pawl_price_rate(price, PAWL_PRICE_REQUESTS, 0);
}

static bool find_elsewhere(const struct pawl_price_book *book,
                           const struct names *names,
                           int64_t at_us,
                           struct pawl_price *ret_price)
{
    bool found = false;
    for (size_t n = 0; !found && n < names->count; ++n) {
        for (uint32_t i = 0; i < book->model_count; ++i) {
            if (!model_is(book, &book->models[i], names->spellings[n].name)) {
                continue;
            }
            struct pawl_price price;
            pawl_price_fill(book, &book->models[i], at_us, &price);
            if (!found || dearness(&price) > dearness(ret_price)) {
                *ret_price = price;
                ret_price->match = PAWL_PRICE_MATCH_ELSEWHERE;
                found = true;
            }
        }
    }
    return found;
}

static bool find_in_book(const struct pawl_price_book *book,
                         const struct names *names,
                         struct pawl_price_query query,
                         struct pawl_price *ret_price)
{
    struct pawl_slice given = names->spellings[0].name;
    bool bedrock = contains(given, PAWL_SLICE("anthropic."));
    const int32_t providers[PROVIDER_COUNT_MAX] = {
        pawl_price_find_provider(book, query.provider),
        vendor_in(book, given),
        bedrock ? pawl_price_find_provider(book, PAWL_SLICE("aws")) : PRICE_NONE,
    };
    for (size_t n = 0; n < names->count; ++n) {
        for (size_t p = 0; p < PROVIDER_COUNT_MAX; ++p) {
            const struct price_model *model =
                find_from(book, providers[p], names->spellings[n].name);
            if (model != NULL) {
                pawl_price_fill(book, model, query.at_us, ret_price);
                ret_price->match = names->spellings[n].match;
                return true;
            }
        }
    }
    return find_elsewhere(book, names, query.at_us, ret_price);
}

/* The first entry of the user's file whose rule holds for the name in one of its spellings. */
static const struct price_override *find_override(const struct pawl_price_book *book,
                                                  const struct names *names,
                                                  struct pawl_slice provider)
{
    uint32_t count = book->overrides != NULL ? book->overrides->count : 0;
    for (uint32_t i = 0; i < count; ++i) {
        const struct price_override *entry = &book->overrides->entries[i];
        bool here =
            pawl_slice_empty(entry->provider) || pawl_slice_equal_nocase(entry->provider, provider);
        for (size_t n = 0; here && n < names->count; ++n) {
            if (names->spellings[n].match == PAWL_PRICE_MATCH_RULE &&
                pawl_price_rule_holds(&entry->rule, names->spellings[n].name)) {
                return entry;
            }
        }
    }
    return NULL;
}

bool pawl_price_lookup(const struct pawl_price_book *book,
                       struct pawl_price_query query,
                       struct pawl_price *ret_price)
{
    struct names names;
    spell(&names, query.model);
    if (names.count == 0) {
        return false;
    }
    const struct price_override *override = find_override(book, &names, query.provider);
    if (override != NULL && override->has_row) {
        pawl_price_fill_override(book, override, ret_price);
        if (pawl_slice_empty(ret_price->provider)) {
            ret_price->provider = query.provider;
        }
        pawl_price_fill_tools(book, pawl_price_find_provider(book, ret_price->provider), ret_price);
        return true;
    }
    struct pawl_price price;
    if (!find_in_book(book, &names, query, &price)) {
        return false;
    }
    if (override != NULL) {
        price.multiplier_permille = override->multiplier_permille;
        price.match = PAWL_PRICE_MATCH_OVERRIDE;
    }
    *ret_price = price;
    return true;
}
