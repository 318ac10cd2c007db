/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_list.c: walking and searching the book for `pawl prices`, and finding what somebody may
 * have meant when a name is not in it. Nothing here is on the path of a call.
 */
#include "base/assert.h"
#include "gateway/price_priv.h"

/* Longer names are compared by their first bytes only. */
enum { DISTANCE_BYTES_MAX = 64 };

/* Overrides that only scale have no price of their own to list. */
static uint32_t listed_overrides(const struct pawl_price_book *book)
{
    uint32_t listed = 0;
    for (uint32_t i = 0; book->overrides != NULL && i < book->overrides->count; ++i) {
        listed += book->overrides->entries[i].has_row ? 1 : 0;
    }
    return listed;
}

static const struct price_override *listed_override(const struct pawl_price_book *book,
                                                    uint32_t index)
{
    const struct price_overrides *overrides = book->overrides;
    PAWL_ASSERT(overrides != NULL);
    uint32_t left = index + 1;
    for (uint32_t i = 0; i < overrides->count; ++i) {
        left -= overrides->entries[i].has_row ? 1 : 0;
        if (left == 0) {
            return &overrides->entries[i];
        }
    }
    PAWL_UNREACHABLE();
}

uint32_t pawl_price_book_count(const struct pawl_price_book *book)
{
    return listed_overrides(book) + book->model_count;
}

void pawl_price_book_at(const struct pawl_price_book *book,
                        uint32_t index,
                        int64_t at_us,
                        struct pawl_price *ret_price)
{
    uint32_t overrides = listed_overrides(book);
    PAWL_ASSERT(index < overrides + book->model_count);
    if (index < overrides) {
        pawl_price_fill_override(book, listed_override(book, index), ret_price);
    } else {
        pawl_price_fill(book, &book->models[index - overrides], at_us, ret_price);
    }
}

/* --- Searching. --------------------------------------------------------------------------- */

struct name {
    struct pawl_slice provider;
    struct pawl_slice model;
};

static struct name name_at(const struct pawl_price_book *book, uint32_t index)
{
    uint32_t overrides = listed_overrides(book);
    if (index < overrides) {
        const struct price_override *entry = listed_override(book, index);
        return (struct name){entry->provider, entry->rule.text};
    }
    const struct price_model *model = &book->models[index - overrides];
    return (struct name){book->providers[model->provider].id, model->id};
}

static bool found_in(struct pawl_slice haystack, struct pawl_slice needle)
{
    for (size_t i = 0; i + needle.bytes <= haystack.bytes; ++i) {
        if (pawl_slice_equal_nocase(pawl_slice_sub(haystack, i, needle.bytes), needle)) {
            return true;
        }
    }
    return false;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The byte at `i` of "provider/model", without case. */
static char full_name_at(struct name name, size_t i)
{
    if (i < name.provider.bytes) {
        return fold(name.provider.data[i]);
    }
    return i == name.provider.bytes ? '/' : fold(name.model.data[i - name.provider.bytes - 1]);
}

static bool full_name_has(struct name name, struct pawl_slice text)
{
    size_t bytes = name.provider.bytes + 1 + name.model.bytes;
    for (size_t start = 0; start + text.bytes <= bytes; ++start) {
        size_t same = 0;
        while (same < text.bytes && full_name_at(name, start + same) == fold(text.data[same])) {
            ++same;
        }
        if (same == text.bytes) {
            return true;
        }
    }
    return false;
}

uint32_t
pawl_price_book_search(const struct pawl_price_book *book, struct pawl_slice text, uint32_t from)
{
    uint32_t count = pawl_price_book_count(book);
    uint32_t index = from;
    while (index < count && !full_name_has(name_at(book, index), text)) {
        ++index;
    }
    return index;
}

/* --- Suggesting. -------------------------------------------------------------------------- */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (a byte more, less or other) between two names in lower case. */
static size_t distance(struct pawl_slice a, struct pawl_slice b)
{
    struct pawl_slice x = pawl_slice_sub(a, 0, DISTANCE_BYTES_MAX);
    struct pawl_slice y = pawl_slice_sub(b, 0, DISTANCE_BYTES_MAX);
    size_t row[DISTANCE_BYTES_MAX + 1];
    for (size_t j = 0; j <= y.bytes; ++j) {
        row[j] = j;
    }
    for (size_t i = 1; i <= x.bytes; ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= y.bytes; ++j) {
            size_t replaced = diagonal + (x.data[i - 1] == y.data[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = smallest(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[y.bytes];
}

struct suggestion {
    uint32_t index;
    size_t score;
};

/* Keeps `found` sorted, the nearest first and at equal distance the earlier in the book; a name
 * that is there already (several providers sell it) is left out. */
static size_t insert(const struct pawl_price_book *book,
                     uint32_t *indexes,
                     size_t *scores,
                     size_t count,
                     size_t max,
                     struct suggestion next)
{
    struct pawl_slice id = name_at(book, next.index).model;
    for (size_t i = 0; i < count; ++i) {
        if (pawl_slice_equal(name_at(book, indexes[i]).model, id)) {
            return count;
        }
    }
    size_t at = count;
    while (at > 0 && scores[at - 1] > next.score) {
        --at;
    }
    if (at == max) {
        return count;
    }
    size_t end = count < max ? count : max - 1;
    for (size_t i = end; i > at; --i) {
        indexes[i] = indexes[i - 1];
        scores[i] = scores[i - 1];
    }
    indexes[at] = next.index;
    scores[at] = next.score;
    return count < max ? count + 1 : max;
}

enum { SUGGESTION_COUNT_MAX = 16 };

size_t pawl_price_book_suggest(const struct pawl_price_book *book,
                               struct pawl_slice model,
                               uint32_t *ret_indexes,
                               size_t max)
{
    PAWL_ASSERT(max <= SUGGESTION_COUNT_MAX);
    char folded[PRICE_NAME_BYTES_MAX];
    struct pawl_slice wanted = pawl_price_fold(model, folded);
    size_t scores[SUGGESTION_COUNT_MAX];
    size_t count = 0;
    size_t limit = wanted.bytes / 3 + 1;
    for (uint32_t i = 0; max > 0 && !pawl_slice_empty(wanted) && i < pawl_price_book_count(book);
         ++i) {
        char other[PRICE_NAME_BYTES_MAX];
        struct pawl_slice id = pawl_price_fold(name_at(book, i).model, other);
        /* A part of a name is as good as one edit: "opus-5" means "claude-opus-5". */
        size_t score = found_in(id, wanted) ? 1 : distance(wanted, id);
        if (score <= limit) {
            count = insert(book, ret_indexes, scores, count, max, (struct suggestion){i, score});
        }
    }
    return count;
}
