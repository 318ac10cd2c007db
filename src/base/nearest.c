/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c: the distance of two short words, one row of its table at a time. */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_BYTES_MAX = 48, DISTANCE_MAX = 2 };

/* Letters to insert, delete or replace between two short words; long ones count as far apart. */
static size_t word_distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES_MAX + 1];
    size_t a_bytes = strlen(a);
    size_t b_bytes = strlen(b);
    if (a_bytes > WORD_BYTES_MAX || b_bytes > WORD_BYTES_MAX) {
        return WORD_BYTES_MAX;
    }
    for (size_t k = 0; k <= b_bytes; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_bytes; k++) {
            size_t best = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            best = row[k] + 1 < best ? row[k] + 1 : best;
            row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
        }
    }
    return row[b_bytes];
}

void pawl_nearest_offer(struct pawl_nearest *nearest, const char *candidate)
{
    size_t distance = word_distance(nearest->word, candidate);
    bool near_enough = distance <= DISTANCE_MAX && distance < strlen(nearest->word);
    if (near_enough && (nearest->found == NULL || distance < nearest->distance)) {
        nearest->found = candidate;
        nearest->distance = distance;
    }
}
