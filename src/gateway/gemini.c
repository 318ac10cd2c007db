/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini.c: see gemini.h.
 */
#include "gateway/gemini.h"

#include <stddef.h>

#include "base/attrs.h"

static bool starts_with_one_of(struct pawl_slice model, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_starts_with(model, pawl_slice_str(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

/* "gemini-pro-latest" and the like are the newest, whatever that is. */
static bool is_first_generation(struct pawl_slice model)
{
    static const char *const prefixes[] = {"gemini-1", "gemini-pro-1", "gemini-pro-vision",
                                           "gemini-flash-1"};
    return pawl_slice_equal_str(model, "gemini-pro") ||
           starts_with_one_of(model, prefixes, PAWL_ARRAY_LEN(prefixes));
}

bool pawl_gemini_bills_searches_by_prompt(struct pawl_slice model)
{
    return is_first_generation(model) || pawl_slice_starts_with(model, PAWL_SLICE("gemini-2"));
}

bool pawl_gemini_may_think(struct pawl_slice model)
{
    static const char *const prefixes[] = {"gemini-2.0", "gemma-1", "gemma-2", "gemma-3"};
    return !is_first_generation(model) &&
           !starts_with_one_of(model, prefixes, PAWL_ARRAY_LEN(prefixes));
}
