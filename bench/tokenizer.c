/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.c: megabytes a second that are counted in tokens, for texts of several kinds, the worst
 * of them made to be slow. Of each the best of several rounds, and how many bytes a token has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/tokenizer.h"

enum { TEXT_BYTES = 1 << 20, ROUNDS = 7 };

static const char prose[] =
    "The ledger is a deterministic state machine: the same journal gives the same digest on any "
    "machine, and that makes replay a proof. Whoever reads it finds 1,234 reasons why. ";
static const char code[] =
    "static int64_t tokens_at(int64_t bytes, int64_t ratio)\n{\n    int64_t tokens = 0;\n    bool "
    "fits = pawl_money_mul_div_ceil(bytes, ratio, KIBI, &tokens);\n    return tokens;\n}\n";
static const char json[] =
    "{\\\"type\\\":\\\"tool_result\\\",\\\"id\\\":\\\"toolu_01A9\\\",\\\"ok\\\":true},";
static const char chinese[] = "今天天气不错，我们去公园散步，然后在湖边的小店喝一杯茶。";
static const char base64[] = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q";

static void fill(char *text, const char *pattern)
{
    size_t bytes = strlen(pattern);
    for (size_t at = 0; at < TEXT_BYTES; at++) {
        text[at] = pattern[at % bytes];
    }
}

/* Letters in no order: hardly any two of a long piece are ever joined, so nothing gets short. */
static void fill_random(char *text)
{
    uint64_t state = 1;
    for (size_t at = 0; at < TEXT_BYTES; at++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        text[at] = (char)('a' + (state >> 33) % 26);
    }
}

static void measure(const char *name, const char *text)
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t best_us = INT64_MAX;
    size_t tokens = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t from_us = clock.boot_us(clock.arg);
        tokens = pawl_tokenizer_count((struct pawl_slice){text, TEXT_BYTES});
        int64_t took_us = clock.boot_us(clock.arg) - from_us;
        best_us = took_us < best_us ? took_us : best_us;
    }
    int64_t tenths = (int64_t)TEXT_BYTES * 10 / (best_us > 0 ? best_us : 1);
    size_t bytes_tenths = (size_t)TEXT_BYTES * 10 / tokens;
    printf("  %-22s %5" PRId64 ".%" PRId64 " MB/s  %3zu.%zu bytes a token\n", name, tenths / 10,
           tenths % 10, bytes_tenths / 10, bytes_tenths % 10);
}

int main(void)
{
    static const struct {
        const char *name;
        const char *pattern; /* NULL: letters in no order */
    } kinds[] = {
        {"prose", prose},     {"code", code},        {"JSON in a string", json},
        {"Chinese", chinese}, {"base64", base64},    {"one letter", "a"},
        {"spaces", " "},      {"equals signs", "="}, {"letters, no order", NULL},
    };
    char *text = malloc(TEXT_BYTES);
    if (text == NULL) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].pattern != NULL) {
            fill(text, kinds[i].pattern);
        } else {
            fill_random(text);
        }
        measure(kinds[i].name, text);
    }
    free(text);
    return 0;
}
