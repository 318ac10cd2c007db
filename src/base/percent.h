/* SPDX-License-Identifier: Apache-2.0 */
/*
 * percent.h: texts with percent signs, as in URLs and in the ledger's scope paths: what is no
 * letter, digit or one of "_.-" becomes %XX. And hexadecimal digits, read one at a time.
 */
#ifndef PAWL_BASE_PERCENT_H
#define PAWL_BASE_PERCENT_H

#include "base/buf.h"

/* 0 … 15, in either case; -1: it is no digit. */
static inline int pawl_hex_digit(char byte)
{
    char lower = (char)(byte | 0x20);
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Appends the text with percent signs. */
void pawl_percent_append(struct pawl_buf *out, const char *text);
/* Undoes them in place, and returns how many bytes are left. A sign without two digits behind it
 * stays; a byte may come out as NUL. */
size_t pawl_percent_undo(char *text, size_t bytes);

#endif
