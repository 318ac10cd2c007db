/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guess.c: the word that was probably meant, for whoever mistyped a command or an option. Only a
 * slip of one or two letters counts: a wrong suggestion is worse than none, and --help is near.
 */
#include <string.h>

#include "cli/cli.h"

enum { WORD_BYTES_MAX = 24, DISTANCE_MAX = 2 };

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

void pawl_cli_guess_offer(struct pawl_cli_guess *guess, const char *candidate)
{
    size_t distance = word_distance(guess->word, candidate);
    bool near_enough = distance <= DISTANCE_MAX && distance < strlen(guess->word);
    if (near_enough && (guess->nearest == NULL || distance < guess->distance)) {
        guess->nearest = candidate;
        guess->distance = distance;
    }
}

const char *pawl_cli_guess_command(const char *name)
{
    struct pawl_cli_guess guess = {.word = name};
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            pawl_cli_guess_offer(&guess, pawl_cli_commands[i]->name);
        }
    }
    return guess.nearest;
}

const char *pawl_cli_guess_verb(const struct pawl_cli_command *noun, const char *name)
{
    struct pawl_cli_guess guess = {.word = name};
    for (size_t i = 0; noun->verbs != NULL && noun->verbs[i] != NULL; i++) {
        pawl_cli_guess_offer(&guess, pawl_cli_last_word(noun->verbs[i]));
    }
    return guess.nearest;
}
