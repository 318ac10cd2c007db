/* SPDX-License-Identifier: Apache-2.0 */
/* percent.c: see percent.h. */
#include "base/percent.h"

#include <string.h>

void pawl_percent_append(struct pawl_buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            pawl_buf_append_byte(out, *text);
        } else {
            pawl_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

size_t pawl_percent_undo(char *text, size_t bytes)
{
    size_t to = 0;
    for (size_t i = 0; i < bytes; i++) {
        bool room = text[i] == '%' && i + 2 < bytes;
        int high = room ? pawl_hex_digit(text[i + 1]) : -1;
        int low = room ? pawl_hex_digit(text[i + 2]) : -1;
        bool coded = high >= 0 && low >= 0;
        text[to++] = coded ? (char)(high * 16 + low) : text[i];
        i += coded ? 2 : 0;
    }
    return to;
}
