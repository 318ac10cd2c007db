/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visible.c: text is counted for good up to the last blank in it. Before a blank the encoding
 * begins a new piece, so counting by parts gives what counting at once would. Text without one (a
 * base64, some scripts) is cut where it is full, which may count a token or two too many.
 */
#include "gateway/visible.h"

#include "gateway/tokenizer.h"

void pawl_visible_init(struct pawl_visible *visible)
{
    *visible = (struct pawl_visible){.bytes = 0};
    pawl_buf_init(&visible->text, PAWL_VISIBLE_BYTES_MAX);
}

void pawl_visible_free(struct pawl_visible *visible)
{
    pawl_buf_free(&visible->text);
}

/* Where the last word begins, with the blank before it; 0: it is all one word. */
static size_t last_word(struct pawl_slice text)
{
    size_t at = text.bytes;
    while (at > 0 && (text.data[at - 1] != ' ' || (at > 1 && text.data[at - 2] == ' '))) {
        at--;
    }
    return at > 0 ? at - 1 : 0;
}

static void count_for_good(struct pawl_visible *visible, size_t bytes)
{
    struct pawl_slice text = pawl_slice_sub(pawl_buf_slice(&visible->text), 0, bytes);
    visible->tokens += (int64_t)pawl_tokenizer_count(text);
    pawl_buf_consume(&visible->text, bytes);
}

void pawl_visible_add(struct pawl_visible *visible, struct pawl_slice text)
{
    visible->bytes += (int64_t)text.bytes;
    if (visible->text.bytes + text.bytes > PAWL_VISIBLE_BYTES_MAX) {
        count_for_good(visible, visible->text.bytes);
    }
    pawl_buf_append_slice(&visible->text, text);
    if (visible->text.overflowed) {
        /* Larger than all that is kept, or there is no memory. */
        count_for_good(visible, visible->text.bytes);
        visible->tokens += (int64_t)pawl_tokenizer_count(text);
        pawl_buf_reset(&visible->text);
    }
}

int64_t pawl_visible_count(struct pawl_visible *visible)
{
    count_for_good(visible, last_word(pawl_buf_slice(&visible->text)));
    return visible->tokens + (int64_t)pawl_tokenizer_count(pawl_buf_slice(&visible->text));
}
