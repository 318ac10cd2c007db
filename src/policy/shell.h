/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h: the simple commands of a shell line, one after the other, as words without their quotes:
 * enough of the shell's grammar to know which programs a line runs, and no more. Nothing is
 * expanded. What a command substitution runs comes as commands of its own, and so does a script
 * that the caller pushes (`bash -c`).
 *
 * Bounded: words, their bytes and nested scripts beyond the maxima are left out, which can only
 * make a command be taken for one that says nothing.
 */
#ifndef PAWL_POLICY_SHELL_H
#define PAWL_POLICY_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

enum {
    PAWL_SHELL_WORDS_MAX = 32,
    PAWL_SHELL_TEXT_BYTES = 2048,   /* of a command's words */
    PAWL_SHELL_NESTED_MAX = 16,     /* scripts in the script */
    PAWL_SHELL_NESTED_BYTES = 8192, /* of those that were pushed, and of delimiters */
    PAWL_SHELL_HERE_MAX = 4         /* here-documents of one line */
};

struct pawl_shell_command {
    struct pawl_slice words[PAWL_SHELL_WORDS_MAX];
    uint32_t word_count;
    bool writes; /* its output goes into a file */
    char text[PAWL_SHELL_TEXT_BYTES];
    size_t text_bytes;
};

struct pawl_shell {
    struct pawl_slice script; /* being read, from `at` on */
    size_t at;
    struct pawl_slice here[PAWL_SHELL_HERE_MAX]; /* delimiters whose documents are still to come */
    uint32_t here_count;
    struct pawl_slice nested[PAWL_SHELL_NESTED_MAX]; /* not read yet */
    uint32_t nested_count;
    uint32_t nested_seen;
    char text[PAWL_SHELL_NESTED_BYTES];
    size_t text_bytes;
};

/* Borrows the script. */
void pawl_shell_init(struct pawl_shell *shell, struct pawl_slice script);
/* The next command that has a word; false: there is none any more. */
PAWL_MUST_CHECK bool pawl_shell_next(struct pawl_shell *shell,
                                     struct pawl_shell_command *ret_command);
/* A script that the commands run; copied. It is read after the present one. */
void pawl_shell_push(struct pawl_shell *shell, struct pawl_slice script);

#endif
