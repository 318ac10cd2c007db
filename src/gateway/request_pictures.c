/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_pictures.c: what a picture costs that OpenAI's tool image_generation makes for an answer.
 *
 * Another model makes it, at prices of its own. How many tokens one has follows from its size and
 * quality: by a table for the models up to gpt-image-1.5, by the formula of the vendor's own
 * calculator since gpt-image-2 (developers.openai.com/api/docs/guides/image-generation, "Cost and
 * latency", read on 2026-11-28). Where the body leaves one of the two to the vendor, the largest
 * there is counts. Of a model whose tokens nobody has published nothing is bounded.
 *
 * It reads a prompt that the asking model writes, and any pictures of the conversation, those that
 * it has made before included. How many tokens those have is documented for the older models only;
 * later ones report 1,024 to 1,536 for an upright picture, and always look closely.
 */
#include "base/attrs.h"
#include "base/money.h"
#include "gateway/request_priv.h"
#include "gateway/usage.h"

enum {
    PARTIAL_TOKENS = 100, /* of each picture that is shown before it is done, as documented */
    PARTIAL_MAX = 100,
    PROMPT_TOKENS = 8192,       /* a prompt has 32,000 characters at most */
    SEEN_MAX = 16,              /* pictures that one may be made of, as documented */
    SEEN_TOKENS = 1600,         /* at a glance: some tiles of 129 */
    SEEN_CLOSELY_TOKENS = 8000, /* 6,240 more than that */
    EDGE_MAX = 3840,
    PIXELS_MAX = 8294400,
    SQUARE_EDGE = 2880, /* of the largest square, which has most tokens of all shapes */
    COUNT_MAX = 1000000
};

/* --- Tokens of one picture ------------------------------------------------------------------ */

/* Since gpt-image-2: a grid of that many by as many as the shape has, dearer with the area. */
struct grid {
    const char *quality;
    int64_t cells;
};
static const struct grid grids_2[] = {{"low", 16}, {"medium", 48}, {"high", 96}};
static const struct grid grids_2_5[] = {
    {"low", 16}, {"medium", 24}, {"high", 48}, {"xhigh", 64}, {"max", 96}};

/* Before: square, upright, lying. */
static const struct {
    const char *quality;
    int64_t square;
    int64_t upright;
    int64_t lying;
} table[] = {{"low", 272, 408, 400}, {"medium", 1056, 1584, 1568}, {"high", 4160, 6240, 6208}};

struct shape {
    int64_t width; /* 0: left to the vendor */
    int64_t height;
};

/* "1536x1024"; any other word is the vendor's choice. */
static struct shape shape_of(struct pawl_slice size)
{
    uint64_t width = 0;
    uint64_t height = 0;
    struct pawl_slice rest = size;
    struct pawl_slice first = pawl_slice_cut(&rest, 'x');
    bool fine = pawl_slice_to_u64(first, &width) && pawl_slice_to_u64(rest, &height) && width > 0 &&
                height > 0 && width <= EDGE_MAX && height <= EDGE_MAX &&
                width * height <= PIXELS_MAX;
    return fine ? (struct shape){(int64_t)width, (int64_t)height} : (struct shape){0, 0};
}

static int64_t table_tokens(size_t row, struct shape shape)
{
    if (shape.width == 1024 && shape.height == 1024) {
        return table[row].square;
    }
    bool lying = shape.width == 1536 && shape.height == 1024;
    return lying ? table[row].lying : table[row].upright;
}

/* cells * round(cells * short / long) * (2,000,000 + pixels) / 4,000,000, rounded up. */
static int64_t grid_tokens(int64_t cells, struct shape shape)
{
    if (shape.width == 0) {
        shape = (struct shape){SQUARE_EDGE, SQUARE_EDGE};
    }
    int64_t longer = pawl_max_i64(shape.width, shape.height);
    int64_t shorter = pawl_min_i64(shape.width, shape.height);
    int64_t across = (2 * cells * shorter + longer) / (2 * longer);
    int64_t product = cells * across * (2000000 + shape.width * shape.height);
    return (product + 3999999) / 4000000;
}

/* The dearest quality where it is left to the vendor, or none that is known. */
static int64_t
grids_tokens(const struct grid *grids, size_t count, struct pawl_slice quality, struct shape shape)
{
    int64_t cells = grids[count - 1].cells;
    for (size_t i = 0; i < count; i++) {
        cells = pawl_slice_equal_str(quality, grids[i].quality) ? grids[i].cells : cells;
    }
    return grid_tokens(cells, shape);
}

/* -1: nobody has published it. */
static int64_t tokens_of(struct pawl_slice model, struct pawl_slice quality, struct pawl_slice size)
{
    struct shape shape = shape_of(size);
    if (pawl_slice_starts_with(model, PAWL_SLICE("gpt-image-2.5"))) {
        return grids_tokens(grids_2_5, PAWL_ARRAY_LEN(grids_2_5), quality, shape);
    }
    if (pawl_slice_starts_with(model, PAWL_SLICE("gpt-image-2"))) {
        return grids_tokens(grids_2, PAWL_ARRAY_LEN(grids_2), quality, shape);
    }
    if (!pawl_slice_starts_with(model, PAWL_SLICE("gpt-image-1")) &&
        !pawl_slice_equal_str(model, "chatgpt-image-latest")) {
        return -1;
    }
    size_t row = PAWL_ARRAY_LEN(table) - 1;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(table); i++) {
        row = pawl_slice_equal_str(quality, table[i].quality) ? i : row;
    }
    return table_tokens(row, shape);
}

/* --- The tool ------------------------------------------------------------------------------- */

static struct pawl_slice text_of(struct pawl_request_reader *reader, uint32_t tool, const char *key)
{
    return pawl_json_string(&reader->json, pawl_request_get(reader, tool, key), reader->arena);
}

static int64_t
count_of(struct pawl_request_reader *reader, uint32_t tool, const char *key, int64_t other)
{
    uint32_t node = pawl_request_get(reader, tool, key);
    return pawl_min_i64(pawl_json_count_or(&reader->json, node, other), PARTIAL_MAX);
}

bool pawl_request_read_pictures(struct pawl_request_reader *reader, uint32_t tool)
{
    struct pawl_request_pictures *pictures = &reader->request->pictures;
    struct pawl_slice model = text_of(reader, tool, "model");
    if (pawl_slice_empty(model)) {
        model = PAWL_SLICE(PAWL_USAGE_PICTURES_MODEL);
    }
    int64_t tokens =
        tokens_of(model, text_of(reader, tool, "quality"), text_of(reader, tool, "size"));
    if (tokens < 0) {
        return false;
    }
    tokens += PARTIAL_TOKENS * count_of(reader, tool, "partial_images", 0);
    tokens *= pawl_max_i64(count_of(reader, tool, "n", 1), 1);
    /* The mini model and its elder siblings look closely only when told to. */
    bool closely = !pawl_slice_starts_with(model, PAWL_SLICE("gpt-image-1")) ||
                   pawl_slice_equal_str(text_of(reader, tool, "input_fidelity"), "high");
    uint32_t mask = pawl_request_get(reader, tool, "input_image_mask");
    pictures->masks += pawl_json_is(&reader->json, mask, PAWL_JSON_OBJECT) ? 1 : 0;
    pictures->model = pawl_arena_copy(reader->arena, model);
    pictures->output_tokens = pawl_max_i64(pictures->output_tokens, tokens);
    pictures->seen_tokens =
        pawl_max_i64(pictures->seen_tokens, closely ? SEEN_CLOSELY_TOKENS : SEEN_TOKENS);
    return true;
}

/* Pictures that the makers of `count` of them look at, all together: each at those of the body and
 * at those made before it. */
static int64_t looks(const struct pawl_model_request *request, int64_t count)
{
    const struct pawl_request_pictures *pictures = &request->pictures;
    int64_t first = pictures->kept ? SEEN_MAX : (int64_t)request->image_count + pictures->masks;
    first = pawl_min_i64(first, SEEN_MAX);
    int64_t growing = pawl_min_i64(count, SEEN_MAX - first);
    return growing * first + growing * (growing - 1) / 2 + (count - growing) * SEEN_MAX;
}

void pawl_request_picture_usage(const struct pawl_model_request *request,
                                int64_t count,
                                struct pawl_usage *ret_usage)
{
    const struct pawl_request_pictures *pictures = &request->pictures;
    struct pawl_usage usage = {.modifiers = 0};
    count = pawl_min_i64(count, COUNT_MAX);
    int64_t output = pawl_min_i64(count * pictures->output_tokens, PAWL_USAGE_COUNT_MAX);
    int64_t seen =
        pawl_min_i64(looks(request, count) * pictures->seen_tokens, PAWL_USAGE_COUNT_MAX);
    pawl_usage_set(&usage, PAWL_USAGE_INPUT, count * PROMPT_TOKENS);
    pawl_usage_set(&usage, PAWL_USAGE_INPUT_IMAGE, seen);
    pawl_usage_set(&usage, PAWL_USAGE_OUTPUT_IMAGE, output);
    *ret_usage = usage;
}
