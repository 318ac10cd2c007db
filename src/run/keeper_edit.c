/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_edit.c: the agent's command with what was put into it. The keeper has had the command
 * since it was forked; what pawl adds is known only later (the gateway's port, the run's
 * directory), so it comes as edits, and a long command need not go through the socket.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "run/keeper.h"

struct edit {
    bool inserts; /* else it replaces */
    size_t at;
    char *text;
};

/* Cuts the next edit, "+N text" or "=N text" with its NUL. */
static bool next_edit(struct pawl_slice *rest, struct edit *ret_edit)
{
    if (rest->bytes == 0) {
        return false;
    }
    char *end = NULL;
    *ret_edit =
        (struct edit){.inserts = rest->data[0] == '+', .at = strtoul(rest->data + 1, &end, 10)};
    PAWL_ASSERT(*end == ' ');
    ret_edit->text = end + 1;
    *rest = pawl_slice_sub(*rest, strlen(rest->data) + 1, rest->bytes);
    return true;
}

char **pawl_keeper_edit(char *const *argv, struct pawl_slice edits)
{
    struct edit edit;
    size_t count = 0;
    size_t edit_count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    for (struct pawl_slice rest = edits; next_edit(&rest, &edit);) {
        edit_count++;
    }
    char **edited = pawl_alloc_zeroed(count + edit_count + 1, sizeof(*edited));
    if (edited == NULL) {
        return NULL;
    }
    size_t out = 0;
    for (size_t i = 0; i <= count; i++) {
        char *argument = argv[i]; /* NULL behind the last one */
        for (struct pawl_slice rest = edits; next_edit(&rest, &edit);) {
            if (edit.at == i && edit.inserts) {
                edited[out++] = edit.text;
            } else if (edit.at == i && i > 0 && i < count) {
                argument = edit.text;
            }
        }
        edited[out++] = argument;
    }
    return edited;
}
