/* SPDX-License-Identifier: Apache-2.0 */
/* width.c: see width.h. A byte that is no UTF-8 is shown as one character. */
#include "cli/width.h"

#include "base/assert.h"
#include "base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
    uint32_t columns;
};

#define PAWL_WIDTH(first, last, columns) {(first), (last), (columns)},
static const struct range ranges[] = {
#include "cli/width.def"
};
#undef PAWL_WIDTH

size_t pawl_width_of(uint32_t code)
{
    size_t low = 0;
    size_t high = PAWL_ARRAY_LEN(ranges);
    if (code < ranges[0].first) { /* as nearly always */
        return 1;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_in = low < PAWL_ARRAY_LEN(ranges) && code >= ranges[low].first;
    return is_in ? ranges[low].columns : 1;
}

size_t pawl_width_cut(const char *text, size_t columns, size_t *ret_columns)
{
    struct pawl_slice rest = pawl_slice_str(text);
    size_t used = 0;
    size_t bytes = 0;
    while (rest.bytes > 0) {
        uint32_t code = pawl_utf8_decode(rest, &bytes);
        size_t width = pawl_width_of(code);
        if (used + width > columns) {
            break;
        }
        used += width;
        rest = pawl_slice_sub(rest, bytes, rest.bytes);
    }
    *ret_columns = used;
    return (size_t)(rest.data - text);
}

size_t pawl_width_text(const char *text)
{
    size_t columns = 0;
    (void)pawl_width_cut(text, SIZE_MAX, &columns);
    return columns;
}
