/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate_json.c: the differential over texts that one seed draws: files of the corpus with a
 * few bytes changed, and documents grown from the grammar with a taste for what readers get
 * wrong. It finds less than libFuzzer does, but runs in every build, in bounded time, and the
 * same way twice.
 *
 *   mutate_json FOLDER SEED COUNT
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/prng.h"
#include "json_differential.h"

enum { FILES_MAX = 256, FILE_BYTES_MAX = 8192, TEXT_BYTES_MAX = 1 << 16, PATH_BYTES = 4096 };

struct corpus {
    struct pawl_buf files[FILES_MAX];
    size_t count;
};

/* Pieces on both sides of a rule. They are put into strings, between tokens, anywhere. */
static const struct pawl_slice pieces[] = {
    {"\\u0000", 6},
    {"\\ud83d\\ude00", 12},
    {"\\ud83d", 6},
    {"\\udc00", 6},
    {"\\u00e9", 6},
    {"\xc3\xa9", 2},
    {"\xe2\x82\xac", 3},
    {"\xf0\x9f\x98\x80", 4},
    {"\xed\xa0\x80", 3},
    {"\xc0\x80", 2},
    {"\xf4\x90\x80\x80", 4},
    {"\x80", 1},
    {"\0", 1},
    {"\n", 1},
    {"\x7f", 1},
    {"\"", 1},
    {"\\", 1},
    {"\\\"", 2},
    {"\\/", 2},
    {"9007199254740991", 16},
    {"9007199254740992", 16},
    {"-0", 2},
    {"1.0", 3},
    {"1e400", 5},
    {"18446744073709551616", 20},
    {"-9223372036854775808", 20},
    {"00", 2},
    {",", 1},
    {":", 1},
    {"[", 1},
    {"]", 1},
    {"{", 1},
    {"}", 1},
    {" ", 1},
    {"null", 4},
    {"\"a\":1,", 6},
    {"\"\\u0061\":2,", 11},
};

static struct pawl_slice draw_piece(struct pawl_prng *prng)
{
    return pieces[pawl_prng_below(prng, PAWL_ARRAY_LEN(pieces))];
}

static bool read_file(const char *path, struct pawl_buf *ret_text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    pawl_buf_init(ret_text, TEXT_BYTES_MAX);
    char *room = pawl_buf_reserve(ret_text, FILE_BYTES_MAX);
    if (room != NULL) {
        pawl_buf_advance(ret_text, fread(room, 1, FILE_BYTES_MAX, file));
    }
    (void)fclose(file);
    return room != NULL;
}

/* Every file of the folder that is small enough to be worth mutating. */
static bool read_corpus(const char *folder, struct corpus *corpus)
{
    struct dirent **entries = NULL;
    /* Sorted, since the order that readdir gives is not the same everywhere. */
    int found = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        char path[PATH_BYTES];
        struct stat status;
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof(path) && stat(path, &status) == 0 &&
            S_ISREG(status.st_mode) && status.st_size <= FILE_BYTES_MAX &&
            corpus->count < FILES_MAX && read_file(path, &corpus->files[corpus->count])) {
            corpus->count++;
        }
        free(entries[i]);
    }
    free(entries);
    return corpus->count > 0;
}

/* Copies `text` with one thing changed. */
static void mutate(struct pawl_prng *prng, struct pawl_slice text, struct pawl_buf *out)
{
    size_t at = (size_t)pawl_prng_below(prng, text.bytes + 1);
    size_t cut = (size_t)pawl_prng_below(prng, pawl_prng_one_in(prng, 4) ? 40 : 3);
    struct pawl_slice after = pawl_slice_sub(text, at + cut, SIZE_MAX);
    pawl_buf_append_slice(out, pawl_slice_sub(text, 0, at));
    switch (pawl_prng_below(prng, 4)) {
    case 0: /* cut something out */
        break;
    case 1: /* write over it, or put it in between */
        pawl_buf_append_slice(out, draw_piece(prng));
        break;
    case 2: /* one byte, any */
        pawl_buf_append_byte(out, (char)(unsigned char)pawl_prng_next(prng));
        break;
    default: /* say a part again */
        pawl_buf_append_slice(out, pawl_slice_sub(text, at, cut));
        after = pawl_slice_sub(text, at, SIZE_MAX);
        break;
    }
    pawl_buf_append_slice(out, after);
}

/* A wild string has pieces in it that may break a rule; a tame one is always right. */
static void grow_string(struct pawl_prng *prng, bool wild, struct pawl_buf *out)
{
    static const struct pawl_slice tame[] = {{"a", 1},        {"b", 1},
                                             {"key", 3},      {" ", 1},
                                             {"/", 1},        {"'", 1},
                                             {"{", 1},        {"\\n", 2},
                                             {"\\\"", 2},     {"\\/", 2},
                                             {"\x7f", 1},     {"\\u00e9", 6},
                                             {"\xc3\xa9", 2}, {"\\ud83d\\ude00", 12}};
    pawl_buf_append_byte(out, '"');
    for (uint64_t left = pawl_prng_below(prng, 8); left > 0; left--) {
        if (wild && pawl_prng_one_in(prng, 20)) {
            pawl_buf_append_slice(out, draw_piece(prng));
        } else {
            pawl_buf_append_slice(out, tame[pawl_prng_below(prng, PAWL_ARRAY_LEN(tame))]);
        }
    }
    pawl_buf_append_byte(out, '"');
}

/* Draws are statements of their own: the order of a call's arguments is the compiler's. */
static void grow_number(struct pawl_prng *prng, bool wild, struct pawl_buf *out)
{
    uint64_t shift = 11 + pawl_prng_below(prng, 53);
    int64_t value = pawl_prng_between(prng, INT64_MIN, INT64_MAX);
    if (!wild || pawl_prng_one_in(prng, 2)) {
        /* By division, which leaves 53 bits and a sign at most: LEDGER takes them all. */
        pawl_buf_append_i64(out, value / (INT64_C(1) << (shift < 62 ? shift : 62)));
        return;
    }
    pawl_buf_append_i64(out, value);
    if (pawl_prng_one_in(prng, 2)) {
        pawl_buf_append_byte(out, '.');
        pawl_buf_append_u64(out, pawl_prng_below(prng, 100));
    }
    if (pawl_prng_one_in(prng, 2)) {
        pawl_buf_append_byte(out, 'e');
        pawl_buf_append_i64(out, pawl_prng_between(prng, -400, 400));
    }
}

static void grow_scalar(struct pawl_prng *prng, bool wild, struct pawl_buf *out)
{
    static const char *const words[] = {"true", "false", "null"};
    uint64_t kind = pawl_prng_below(prng, 6);
    if (kind == 0) {
        pawl_buf_append_str(out, words[pawl_prng_below(prng, PAWL_ARRAY_LEN(words))]);
    } else if (kind < 3) {
        grow_number(prng, wild, out);
    } else {
        grow_string(prng, wild, out);
    }
}

/* A document from the grammar: opens and closes containers at random until it has closed the
 * first one. Keys are numbered, so that duplicates come only from wild ones. */
static void grow(struct pawl_prng *prng, struct pawl_buf *out)
{
    enum { LEVELS = 130, NODES_MAX = 300 };
    bool object[LEVELS];
    bool empty[LEVELS];
    size_t depth = 0;
    unsigned nodes = 0;
    bool wild = pawl_prng_one_in(prng, 2);
    uint64_t shallowness = pawl_prng_one_in(prng, 8) ? 1 : 4;
    do {
        if (depth > 0 && (nodes > NODES_MAX || pawl_prng_one_in(prng, 5))) {
            depth--;
            pawl_buf_append_byte(out, object[depth] ? '}' : ']');
            continue;
        }
        if (depth > 0) {
            pawl_buf_append_str(out, empty[depth - 1] ? "" : ",");
            empty[depth - 1] = false;
            if (object[depth - 1] && wild && pawl_prng_one_in(prng, 4)) {
                grow_string(prng, wild, out);
                pawl_buf_append_byte(out, ':');
            } else if (object[depth - 1]) {
                pawl_buf_printf(out, "\"k%u\" : ", nodes);
            }
        }
        nodes++;
        if (depth < LEVELS && pawl_prng_one_in(prng, depth == 0 ? 1 : shallowness)) {
            object[depth] = pawl_prng_one_in(prng, 2);
            empty[depth] = true;
            pawl_buf_append_byte(out, object[depth] ? '{' : '[');
            depth++;
        } else {
            grow_scalar(prng, wild, out);
        }
    } while (depth > 0);
}

/* The text under comparison, for the hook. */
static struct pawl_slice current;

/* A broken property says which text broke it, as a C string. */
static void print_current(void)
{
    fprintf(stderr, "the text: \"");
    for (size_t i = 0; i < current.bytes; i++) {
        unsigned char byte = (unsigned char)current.data[i];
        bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        fprintf(stderr, plain ? "%c" : "\\%03o", byte);
    }
    fprintf(stderr, "\"\n");
}

/* Runs the comparison on memory of exactly the text's size. */
static struct json_verdict compare(struct pawl_slice text)
{
    current = text;
    char *exact = malloc(text.bytes > 0 ? text.bytes : 1);
    if (exact == NULL) {
        abort();
    }
    if (text.bytes > 0) {
        memcpy(exact, text.data, text.bytes);
    }
    struct json_verdict verdict = json_differential(pawl_slice_of(exact, text.bytes));
    free(exact);
    return verdict;
}

static void draw_text(struct pawl_prng *prng, const struct corpus *corpus, struct pawl_buf *out)
{
    struct pawl_buf before;
    pawl_buf_init(&before, TEXT_BYTES_MAX);
    bool grown = !pawl_prng_one_in(prng, 3);
    if (grown) {
        grow(prng, out);
    } else {
        pawl_buf_append_slice(out,
                              pawl_buf_slice(&corpus->files[pawl_prng_below(prng, corpus->count)]));
    }
    /* Half of what was grown stays as it is, for the sake of the values. */
    uint64_t changes = grown && pawl_prng_one_in(prng, 2) ? 0 : 1 + pawl_prng_below(prng, 2);
    for (; changes > 0; changes--) {
        pawl_buf_reset(&before);
        pawl_buf_append_slice(&before, pawl_buf_slice(out));
        pawl_buf_reset(out);
        mutate(prng, pawl_buf_slice(&before), out);
    }
    pawl_buf_free(&before);
}

int main(int argc, char **argv)
{
    uint64_t seed = 0;
    uint64_t count = 0;
    if (argc != 4 || !pawl_slice_to_u64(pawl_slice_str(argv[2]), &seed) ||
        !pawl_slice_to_u64(pawl_slice_str(argv[3]), &count)) {
        fprintf(stderr, "usage: %s FOLDER SEED COUNT\n", argv[0]);
        return 2;
    }
    printf("reproduce: %s %s %" PRIu64 " %" PRIu64 "\n", argv[0], argv[1], seed, count);
    fflush(stdout);
    static struct corpus corpus;
    if (!read_corpus(argv[1], &corpus)) {
        fprintf(stderr, "no corpus in %s\n", argv[1]);
        return 2;
    }
    pawl_assert_set_hook(print_current);
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed);
    struct pawl_buf text;
    pawl_buf_init(&text, TEXT_BYTES_MAX);
    uint64_t met[8] = {0};
    for (uint64_t i = 0; i < count; i++) {
        pawl_buf_reset(&text);
        draw_text(&prng, &corpus, &text);
        struct json_verdict verdict = compare(pawl_buf_slice(&text));
        met[verdict.ledger_fine + 2 * verdict.forward_fine + 4 * verdict.jansson_fine]++;
    }
    pawl_buf_free(&text);
    for (size_t i = 0; i < corpus.count; i++) {
        pawl_buf_free(&corpus.files[i]);
    }
    printf("all took %" PRIu64 ", only LEDGER refused %" PRIu64 ", only FORWARD took %" PRIu64
           ", only jansson took %" PRIu64 ", all refused %" PRIu64 "\n",
           met[7], met[6], met[2], met[4], met[0]);
    /* A run that never met one of the usual kinds has not compared anything. */
    bool useful = met[7] > 0 && met[6] > 0 && met[2] > 0 && met[0] > 0;
    printf("%u passed, %u failed\n", useful, !useful);
    return useful ? 0 : 1;
}
