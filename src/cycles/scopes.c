/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scopes.c: paths of scopes. Values of levels hold nothing that a path would have to encode, which
 * is checked where they come in, so a path is its parts put together.
 */
#include "cycles/scopes.h"

#include <stdio.h>

#include "base/assert.h"

bool pawl_unit_is_protocol(uint16_t unit)
{
    return unit >= PAWL_UNIT_USD_MICROCENTS && unit <= PAWL_UNIT_RISK_POINTS;
}

const char *pawl_unit_text(uint16_t unit, char out[static PAWL_UNIT_TEXT_BYTES])
{
    const char *name = pawl_unit_name(unit);
    if (name != NULL) {
        return name;
    }
    (void)snprintf(out, PAWL_UNIT_TEXT_BYTES, "unit-%u", unit);
    return out;
}

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

bool pawl_level_value_valid(struct pawl_slice value)
{
    for (size_t i = 0; i < value.bytes; i++) {
        if (!is_plain(value.data[i])) {
            return false;
        }
    }
    return value.bytes > 0 && value.bytes <= PAWL_NAME_BYTES_MAX;
}

struct pawl_slice pawl_level_value_lower(struct pawl_slice value, struct pawl_arena *arena)
{
    size_t at = 0;
    while (at < value.bytes && !(value.data[at] >= 'A' && value.data[at] <= 'Z')) {
        at++;
    }
    if (at == value.bytes) {
        return value;
    }
    char *lower = pawl_arena_alloc(arena, value.bytes);
    if (lower == NULL) {
        return PAWL_SLICE_NONE;
    }
    for (size_t i = 0; i < value.bytes; i++) {
        char byte = value.data[i];
        lower[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return pawl_slice_of(lower, value.bytes);
}

size_t pawl_levels_path(const struct pawl_slice levels[static PAWL_LEVEL_COUNT],
                        char out[static PAWL_SCOPE_PATH_BYTES])
{
    size_t bytes = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        struct pawl_slice value = levels[level];
        if (value.bytes == 0) {
            continue;
        }
        PAWL_ASSERT(value.bytes <= PAWL_NAME_BYTES_MAX);
        if (bytes > 0) {
            out[bytes++] = '/';
        }
        struct pawl_slice name = pawl_slice_str(pawl_level_name((enum pawl_level)level));
        memcpy(out + bytes, name.data, name.bytes);
        bytes += name.bytes;
        out[bytes++] = ':';
        memcpy(out + bytes, value.data, value.bytes);
        bytes += value.bytes;
    }
    PAWL_ASSERT(bytes < PAWL_SCOPE_PATH_BYTES);
    return bytes;
}
