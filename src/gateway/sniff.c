/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff.c: JSON begins with a bracket, an event stream with a comment or one of four field names.
 * Blanks and a byte order mark may stand in front of either. Never more than six bytes behind
 * them are needed.
 */
#include "gateway/sniff.h"

#include "base/attrs.h"

static struct pawl_slice without_blanks(struct pawl_slice bytes)
{
    size_t at = 0;
    while (at < bytes.bytes && (bytes.data[at] == ' ' || bytes.data[at] == '\t' ||
                                bytes.data[at] == '\n' || bytes.data[at] == '\r')) {
        at++;
    }
    return pawl_slice_sub(bytes, at, bytes.bytes);
}

/* A line of the field `name`, or the beginning of one. */
static enum pawl_sniffed sniff_field(struct pawl_slice rest, struct pawl_slice name)
{
    if (rest.bytes <= name.bytes) {
        return pawl_slice_starts_with(name, rest) ? PAWL_SNIFFED_NOTHING : PAWL_SNIFFED_OTHER;
    }
    char behind = rest.data[name.bytes];
    bool ends = behind == ':' || behind == '\n' || behind == '\r';
    return ends && pawl_slice_starts_with(rest, name) ? PAWL_SNIFFED_EVENTS : PAWL_SNIFFED_OTHER;
}

enum pawl_sniffed pawl_sniff(struct pawl_slice bytes)
{
    static const char *const fields[] = {"data", "event", "id", "retry"};
    static const char mark[] = "\xEF\xBB\xBF";
    struct pawl_slice rest = bytes;
    if (pawl_slice_starts_with(rest, pawl_slice_str(mark))) {
        rest = pawl_slice_sub(rest, sizeof(mark) - 1, rest.bytes);
    } else if (pawl_slice_starts_with(pawl_slice_str(mark), rest)) {
        return PAWL_SNIFFED_NOTHING;
    }
    rest = without_blanks(rest);
    if (rest.bytes == 0) {
        return PAWL_SNIFFED_NOTHING;
    }
    if (rest.data[0] == '{' || rest.data[0] == '[') {
        return PAWL_SNIFFED_JSON;
    }
    if (rest.data[0] == ':') {
        return PAWL_SNIFFED_EVENTS;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        enum pawl_sniffed sniffed = sniff_field(rest, pawl_slice_str(fields[i]));
        if (sniffed != PAWL_SNIFFED_OTHER) {
            return sniffed;
        }
    }
    return PAWL_SNIFFED_OTHER;
}
