/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_table.c FILE: data/o200k_base.bin as a C file of constants, on stdout. Part of the build,
 * so that a program that starts has nothing to read, to unpack or to sort. What the file looks like
 * is written in tools/refresh_tokens.mjs.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "gateway/tokenizer_priv.h"

enum { TOKENS_MAX = 1 << TOKEN_RANK_BITS, FILE_BYTES_MAX = 4 << 20, RANGE_BYTES = 4 };

struct vocabulary {
    uint32_t token_count;
    uint32_t byte_count;
    uint32_t range_count;
    const uint8_t *lengths;
    const uint8_t *bytes;
    const uint8_t *ranges;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "token_table: %s\n", what);
    exit(1);
}

static void *take(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) {
        die("no memory");
    }
    return memory;
}

/* --- Reading -------------------------------------------------------------------------------- */

static struct vocabulary read_vocabulary(const char *path)
{
    struct vocabulary words = {.token_count = 0};
    uint8_t *packed = take(FILE_BYTES_MAX, 1);
    FILE *file = fopen(path, "rb");
    size_t bytes = file != NULL ? fread(packed, 1, FILE_BYTES_MAX - 1, file) : 0;
    if (bytes == 0 || fclose(file) != 0) {
        die("cannot read the file");
    }
    const char *text = (const char *)packed;
    const char *end = memchr(text, '\n', bytes);
    if (end == NULL ||
        sscanf(text,
               "pawl-tokens 1 o200k_base tokens=%" SCNu32 " bytes=%" SCNu32 " ranges=%" SCNu32 " ",
               &words.token_count, &words.byte_count, &words.range_count) != 3) {
        die("the first line is of another kind");
    }
    uLongf size = words.token_count + words.byte_count + RANGE_BYTES * words.range_count;
    uLongf got = size;
    uint8_t *payload = take(size, 1);
    const Bytef *stream = (const Bytef *)end + 1;
    if (uncompress(payload, &got, stream, (uLong)(bytes - (size_t)(end + 1 - text))) != Z_OK ||
        got != size || words.token_count >= TOKENS_MAX) {
        die("the stream is damaged");
    }
    free(packed);
    words.lengths = payload;
    words.bytes = payload + words.token_count;
    words.ranges = words.bytes + words.byte_count;
    return words;
}

/* --- Writing -------------------------------------------------------------------------------- */

static void put_u32s(const char *declaration, const uint32_t *values, size_t count)
{
    printf("const uint32_t %s = {", declaration);
    for (size_t i = 0; i < count; i++) {
        printf("%s%" PRIu32 "u,", i % 16 == 0 ? "\n" : "", values[i]);
    }
    printf("};\n\n");
}

static void put_tokens(const struct vocabulary *words)
{
    uint32_t *slots = take(TOKEN_SLOT_COUNT, sizeof(uint32_t));
    uint32_t *places = take(words->token_count, sizeof(uint32_t));
    memset(slots, 0xff, TOKEN_SLOT_COUNT * sizeof(uint32_t));
    uint32_t offset = 0;
    for (uint32_t rank = 0; rank < words->token_count; rank++) {
        uint32_t bytes = words->lengths[rank];
        if (bytes == 0 || bytes > TOKEN_BYTES_MAX || offset + bytes > words->byte_count) {
            die("a token has an impossible length");
        }
        uint64_t hash = token_hash((const char *)words->bytes + offset, bytes);
        uint32_t slot = token_slot_of(hash);
        while (slots[slot] != TOKEN_SLOT_EMPTY) {
            slot = (slot + 1) % TOKEN_SLOT_COUNT;
        }
        slots[slot] = token_mark_of(hash) | rank;
        places[rank] = offset << TOKEN_LENGTH_BITS | bytes;
        offset += bytes;
    }
    put_u32s("pawl_token_slots[TOKEN_SLOT_COUNT]", slots, TOKEN_SLOT_COUNT);
    put_u32s("pawl_token_places[]", places, words->token_count);
    size_t word_count = words->byte_count / sizeof(uint64_t) + 1;
    uint64_t *padded = take(word_count, sizeof(uint64_t));
    memcpy(padded, words->bytes, words->byte_count);
    printf("const uint64_t pawl_token_bytes[] = {");
    for (size_t i = 0; i < word_count; i++) {
        printf("%s%" PRIu64 "u,", i % 8 == 0 ? "\n" : "", padded[i]);
    }
    printf("};\n\n");
    free(padded);
    free(slots);
    free(places);
}

/* One byte for each code point, from the ranges. */
static uint8_t *spread_classes(const struct vocabulary *words)
{
    uint8_t *classes = take(TOKEN_CODE_POINT_COUNT, 1);
    for (uint32_t i = 0; i < words->range_count; i++) {
        const uint8_t *at = words->ranges + RANGE_BYTES * (size_t)i;
        uint32_t first = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
        if (first >= TOKEN_CODE_POINT_COUNT || at[3] > TOKEN_SPACE) {
            die("a class is impossible");
        }
        memset(classes + first, at[3], TOKEN_CODE_POINT_COUNT - first);
    }
    return classes;
}

static void put_classes(const struct vocabulary *words)
{
    enum { BLOCKS = TOKEN_CODE_POINT_COUNT / TOKEN_BLOCK_CODE_POINTS };
    uint8_t *classes = spread_classes(words);
    uint16_t *index = take(BLOCKS, sizeof(uint16_t));
    uint32_t block_count = 0;
    printf("const uint8_t pawl_token_classes[] = {");
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const uint8_t *block = classes + (size_t)i * TOKEN_BLOCK_CODE_POINTS;
        uint32_t same = 0;
        while (same < i && memcmp(block, classes + (size_t)same * TOKEN_BLOCK_CODE_POINTS,
                                  TOKEN_BLOCK_CODE_POINTS) != 0) {
            same++;
        }
        index[i] = same < i ? index[same] : (uint16_t)block_count;
        for (uint32_t k = 0; same == i && k < TOKEN_BLOCK_CODE_POINTS; k++) {
            printf("%s%u,", k % 64 == 0 ? "\n" : "", block[k]);
        }
        block_count += same == i ? 1 : 0;
    }
    printf("};\n\nconst uint16_t pawl_token_class_index[] = {");
    for (uint32_t i = 0; i < BLOCKS; i++) {
        printf("%s%u,", i % 16 == 0 ? "\n" : "", index[i]);
    }
    printf("};\n");
    free(index);
    free(classes);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        die("usage: token_table FILE");
    }
    struct vocabulary words = read_vocabulary(argv[1]);
    printf("/* Written by tools/token_table.c from data/o200k_base.bin. */\n"
           "#include \"gateway/tokenizer_priv.h\"\n\n");
    put_tokens(&words);
    put_classes(&words);
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 1;
}
