/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_priv.h: what the files of the JSON module share. Nobody else includes it.
 *
 *   json_plain.h   the stretches of a string that stand for themselves
 *   json_token.c   one string, number or word at a position
 *   json_read.c    structure: the loop over values, the node array, the limits
 *   json_outline.c the parts of a text that is not kept
 *   json_unique.c  duplicate keys of a whole document
 *   json_text.c    a string's content: decoded, compared, hashed
 *   json_get.c     look-ups
 *   json_write.c   the writer
 */
#ifndef PAWL_BASE_JSON_PRIV_H
#define PAWL_BASE_JSON_PRIV_H

#include "base/json.h"

/* --- json_token.c. Each scan begins at `at` and gives the byte behind the token; or NULL, and
 * `error` says why and `error_at` where. ---------------------------------------------------- */

struct pawl_json_scan {
    const unsigned char *end; /* of the text */
    enum pawl_json_profile profile;
    enum pawl_json_error error;
    const unsigned char *error_at;
};

/* Sets the error at a position; always NULL, to be returned. */
const unsigned char *pawl_json_scan_fail(struct pawl_json_scan *scan,
                                         enum pawl_json_error error,
                                         const unsigned char *at);
/* At a byte that does not belong there: SYNTAX, or TRUNCATED at the end of the text. */
const unsigned char *pawl_json_scan_fail_at(struct pawl_json_scan *scan, const unsigned char *at);
/* `at` is in a string, not within an escape; what is before it has none. */
const unsigned char *
pawl_json_scan_string(struct pawl_json_scan *scan, const unsigned char *at, bool *ret_escaped);
/* `start` is on a minus or a digit. */
const unsigned char *pawl_json_scan_number(struct pawl_json_scan *scan, const unsigned char *start);
/* "true", "false" or "null". */
const unsigned char *
pawl_json_scan_word(struct pawl_json_scan *scan, const unsigned char *at, struct pawl_slice word);

/* --- json_text.c. A text is what stands between the quotes of a string that was checked. ----- */

struct pawl_json_text {
    struct pawl_slice raw;
    bool escaped; /* raw holds at least one backslash */
};

/* Takes the next piece off *rest and gives its decoded bytes: an escape (a surrogate pair
 * counts as one) or one plain byte. Returns how many bytes, 1 .. 4. *rest is not empty. A lone
 * surrogate gives U+FFFD. */
size_t pawl_json_text_next(struct pawl_slice *rest, char out[static 4]);
bool pawl_json_text_equal(struct pawl_json_text text, struct pawl_slice plain);
/* By decoded bytes, as pawl_slice_compare does. */
int pawl_json_text_compare(struct pawl_json_text a, struct pawl_json_text b);
/* Of the decoded bytes, under a key of zeros: the same in every process. */
uint64_t pawl_json_text_hash(struct pawl_json_text text);

/* --- json_get.c. ---------------------------------------------------------------------------- */

/* What stands between the quotes of a string node. */
struct pawl_json_text pawl_json_text_of(const struct pawl_json *json, uint32_t node);

/* --- json_unique.c. ------------------------------------------------------------------------- */

/* Whether every object's keys differ. Otherwise PAWL_JSON_DUPLICATE (or NO_MEMORY) is in
 * json->error, and the offset of the first key that repeats an earlier one of its object. */
bool pawl_json_check_unique(struct pawl_json *json, struct pawl_arena *arena);

#endif
