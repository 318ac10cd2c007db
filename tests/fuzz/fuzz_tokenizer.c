/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tokenizer.c: any bytes as a text. The tokens' bytes, one behind the other, are the text;
 * counting says as many, or a few more where a piece is cut.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "gateway/tokenizer.h"
#include "gateway/tokenizer_priv.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pawl_slice text = {(const char *)data, size};
    uint32_t *ranks = malloc((size + 1) * sizeof(uint32_t));
    PAWL_ASSERT(ranks != NULL);
    size_t count = pawl_tokenizer_encode(text, ranks, size + 1);
    PAWL_ASSERT(count <= size);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t place = pawl_token_places[ranks[i]];
        size_t bytes = place & ((1u << TOKEN_LENGTH_BITS) - 1);
        const char *token = (const char *)pawl_token_bytes + (place >> TOKEN_LENGTH_BITS);
        PAWL_ASSERT(bytes <= size - at && memcmp(token, data + at, bytes) == 0);
        at += bytes;
    }
    PAWL_ASSERT(at == size);
    size_t cuts_max = size / PAWL_TOKENIZER_PIECE_BYTES_MAX;
    size_t counted = pawl_tokenizer_count(text);
    PAWL_ASSERT(counted >= count && counted - count <= cuts_max * PAWL_TOKENIZER_CUT_TOKENS);
    free(ranks);
    return 0;
}
