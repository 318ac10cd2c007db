/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_dump.c: texts come on standard input, each behind its length as a line of its own; for each
 * goes out a line with the ranks of its tokens. tests/sdk/tokens/compare.mjs holds them against
 * somebody else's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/tokenizer.h"

enum { TEXT_BYTES_MAX = 1 << 24, LINE_BYTES_MAX = 32 };

int main(void)
{
    char line[LINE_BYTES_MAX];
    char *text = malloc(TEXT_BYTES_MAX);
    uint32_t *ranks = malloc(TEXT_BYTES_MAX * sizeof(uint32_t));
    if (text == NULL || ranks == NULL) {
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        size_t bytes = strtoul(line, NULL, 10);
        if (bytes > TEXT_BYTES_MAX || fread(text, 1, bytes, stdin) != bytes) {
            return 1;
        }
        struct pawl_slice slice = {text, bytes};
        size_t count = pawl_tokenizer_encode(slice, ranks, TEXT_BYTES_MAX);
        printf("%zu", pawl_tokenizer_count(slice));
        for (size_t i = 0; i < count; i++) {
            printf(" %" PRIu32, ranks[i]);
        }
        printf("\n");
    }
    free(text);
    free(ranks);
    return fflush(stdout);
}
