/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price.c: what the kinds of price are called, and which rate applies to a request.
 *
 * The one rule behind every fallback: when a price list is silent, the rate may be too high,
 * never too low. Audio that has no price of its own is text, cached input that has none is
 * plain input, and a cache write, which both vendors that charge for it sell at 1.25 times the
 * input (2 times and more for long-lived ones), is taken to cost that much.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/price_priv.h"

static const char *const kind_names[PAWL_PRICE_KIND_COUNT] = {
    [PAWL_PRICE_INPUT] = "input",
    [PAWL_PRICE_CACHE_READ] = "cache_read",
    [PAWL_PRICE_CACHE_WRITE] = "cache_write",
    [PAWL_PRICE_CACHE_WRITE_LONG] = "cache_write_long",
    [PAWL_PRICE_OUTPUT] = "output",
    [PAWL_PRICE_REASONING] = "reasoning",
    [PAWL_PRICE_INPUT_AUDIO] = "input_audio",
    [PAWL_PRICE_CACHE_AUDIO_READ] = "cache_audio_read",
    [PAWL_PRICE_OUTPUT_AUDIO] = "output_audio",
    [PAWL_PRICE_INPUT_IMAGE] = "input_image",
    [PAWL_PRICE_CACHE_IMAGE_READ] = "cache_image_read",
    [PAWL_PRICE_OUTPUT_IMAGE] = "output_image",
    [PAWL_PRICE_INPUT_VIDEO] = "input_video",
    [PAWL_PRICE_OUTPUT_VIDEO] = "output_video",
    [PAWL_PRICE_REQUESTS] = "per_1000_requests",
    [PAWL_PRICE_WEB_SEARCHES] = "per_1000_web_searches",
    [PAWL_PRICE_FILE_SEARCHES] = "per_1000_file_searches",
    [PAWL_PRICE_CONTAINER_MINUTES] = "per_1000_container_minutes",
};

/* Fees for tools that the provider runs, where neither the model's own list nor its vendor's has
 * one, per thousand, in microcents: those of the vendor that documents the dearest for all of its
 * models, OpenAI, as data/prices.json has them too. */
#define WEB_SEARCH        (INT64_C(25) * PAWL_MICROCENTS_PER_USD)
#define FILE_SEARCH       (INT64_C(5) * PAWL_MICROCENTS_PER_USD / 2)
#define CONTAINER_MINUTES (INT64_C(3) * PAWL_MICROCENTS_PER_USD / 2)

const char *pawl_price_kind_name(enum pawl_price_kind kind)
{
    PAWL_ASSERT(kind < PAWL_PRICE_KIND_COUNT);
    return kind_names[kind];
}

int64_t pawl_price_per(enum pawl_price_kind kind)
{
    return (int)kind < PAWL_PRICE_TOKEN_KIND_COUNT ? PAWL_TOKENS_PER_PRICE : 1000;
}

/* The last row whose threshold the request passes. */
static const struct pawl_price_row *row_for(const struct pawl_price *price, int64_t input_tokens)
{
    PAWL_ASSERT(price->row_count > 0);
    uint32_t index = 0;
    while (index + 1 < price->row_count && input_tokens > price->rows[index + 1].over_tokens) {
        ++index;
    }
    return &price->rows[index];
}

static int64_t own_or(const struct pawl_price_row *row, enum pawl_price_kind kind, int64_t other)
{
    int64_t own = row->microcents[kind];
    return own == PAWL_PRICE_ABSENT ? other : own;
}

/* Rounded up, so that a fallback never comes out lower than what it stands for. */
static int64_t times_permille(int64_t rate, int64_t permille)
{
    return (rate * permille + 999) / 1000;
}

static int64_t input_rate(const struct pawl_price_row *row)
{
    return own_or(row, PAWL_PRICE_INPUT, 0);
}

static int64_t cache_write_rate(const struct pawl_price_row *row)
{
    return own_or(row, PAWL_PRICE_CACHE_WRITE, times_permille(input_rate(row), 1250));
}

static int64_t output_rate(const struct pawl_price_row *row)
{
    return own_or(row, PAWL_PRICE_OUTPUT, input_rate(row));
}

/* Films are counted with pictures, so the dearer of both. */
static int64_t drawn_rate(const struct pawl_price_row *row)
{
    int64_t film = own_or(row, PAWL_PRICE_OUTPUT_VIDEO, 0);
    int64_t other = own_or(row, PAWL_PRICE_OUTPUT_VIDEO, output_rate(row));
    return pawl_max_i64(own_or(row, PAWL_PRICE_OUTPUT_IMAGE, other), film);
}

/* Cached tokens of a modality: their own price, else the modality's where it has one, else the
 * price of cached text. */
static int64_t cached_rate(const struct pawl_price_row *row,
                           enum pawl_price_kind cached,
                           enum pawl_price_kind fresh)
{
    int64_t text = own_or(row, PAWL_PRICE_CACHE_READ, input_rate(row));
    return own_or(row, cached, own_or(row, fresh, text));
}

/* The model's own fee, else its vendor's for all models, else the one that is given. */
static int64_t fee_or(const struct pawl_price *price,
                      const struct pawl_price_row *row,
                      enum pawl_price_kind kind,
                      int64_t other)
{
    return own_or(row, kind, price->tools != NULL ? own_or(price->tools, kind, other) : other);
}

int64_t
pawl_price_rate(const struct pawl_price *price, enum pawl_price_kind kind, int64_t input_tokens)
{
    const struct pawl_price_row *row = row_for(price, input_tokens);
    switch (kind) {
    case PAWL_PRICE_INPUT:
        return input_rate(row);
    case PAWL_PRICE_CACHE_READ:
    case PAWL_PRICE_INPUT_AUDIO:
    case PAWL_PRICE_INPUT_IMAGE:
    case PAWL_PRICE_INPUT_VIDEO:
        return own_or(row, kind, input_rate(row));
    case PAWL_PRICE_CACHE_WRITE:
        return cache_write_rate(row);
    case PAWL_PRICE_CACHE_WRITE_LONG:
        return own_or(row, kind, times_permille(cache_write_rate(row), 2000));
    case PAWL_PRICE_OUTPUT:
    case PAWL_PRICE_REASONING:
    case PAWL_PRICE_OUTPUT_AUDIO:
    case PAWL_PRICE_OUTPUT_VIDEO:
        return own_or(row, kind, output_rate(row));
    case PAWL_PRICE_OUTPUT_IMAGE:
        return drawn_rate(row);
    case PAWL_PRICE_CACHE_AUDIO_READ:
        return cached_rate(row, kind, PAWL_PRICE_INPUT_AUDIO);
    case PAWL_PRICE_CACHE_IMAGE_READ:
        return cached_rate(row, kind, PAWL_PRICE_INPUT_IMAGE);
    case PAWL_PRICE_REQUESTS:
        return own_or(row, kind, 0);
    case PAWL_PRICE_WEB_SEARCHES:
        return fee_or(price, row, kind, WEB_SEARCH);
    case PAWL_PRICE_FILE_SEARCHES:
        return fee_or(price, row, kind, FILE_SEARCH);
    case PAWL_PRICE_CONTAINER_MINUTES:
        return fee_or(price, row, kind, CONTAINER_MINUTES);
    case PAWL_PRICE_KIND_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}
