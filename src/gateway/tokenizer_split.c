/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer_split.c: where one piece of a text ends and the next begins. o200k_base gives a regular
 * expression for that; this is the same by hand, so that nothing is ever tried twice. Its
 * alternatives, in order, with U = upper case, modifier, other letters and marks, and L = the same
 * with lower case instead of upper:
 *
 *   1  [^\r\n letter number]? U* L+ ('s|'t|'re|'ve|'m|'ll|'d)?
 *   2  [^\r\n letter number]? U+ L* (the same)?
 *   3  1 to 3 numbers
 *   4  one blank?, what is no space, letter or number, more than once, then any of \r \n /
 *   5  white space that ends in \r or \n
 *   6  white space up to, and without, the last one before something else
 *   7  white space
 *
 * The one place that goes back is U* L+: letters that are in both sets are first taken by U*, and
 * L+ gets the last of them when no lower case follows. That place is remembered on the way, so each
 * character is looked at a few times at most, whatever the text.
 *
 * White space is Unicode's White_Space, as in OpenAI's own implementation; JavaScript's \s has
 * U+FEFF instead of U+0085. The contractions are ASCII.
 */
#include "base/utf8.h"
#include "gateway/tokenizer_priv.h"

struct character {
    enum token_class kind;
    size_t bytes; /* 0: the text is over */
    char ascii;   /* 0: it is none */
};

static struct character character_at(struct pawl_slice text, size_t at)
{
    struct character character = {TOKEN_OTHER, 0, 0};
    if (at >= text.bytes) {
        return character;
    }
    char first = text.data[at];
    uint32_t code_point = (uint8_t)first;
    character.bytes = 1;
    if (code_point < 0x80) {
        character.ascii = first;
    } else {
        code_point =
            pawl_utf8_decode(pawl_slice_sub(text, at, PAWL_UTF8_BYTES_MAX), &character.bytes);
    }
    uint32_t block = pawl_token_class_index[code_point >> TOKEN_BLOCK_BITS];
    uint32_t index = block << TOKEN_BLOCK_BITS | (code_point & (TOKEN_BLOCK_CODE_POINTS - 1u));
    character.kind = (enum token_class)pawl_token_classes[index];
    return character;
}

static bool is_letter(enum token_class kind)
{
    return kind == TOKEN_UPPER || kind == TOKEN_LOWER || kind == TOKEN_LETTER;
}

static bool is_newline(struct character character)
{
    return character.ascii == '\r' || character.ascii == '\n';
}

/* What only U takes, what only L takes, and what both do. */
static bool in_both(enum token_class kind)
{
    return kind == TOKEN_LETTER || kind == TOKEN_MARK;
}

/* --- Words (1, 2) --------------------------------------------------------------------------- */

struct word {
    size_t end;         /* of U* L+, or of U+ where there is no L */
    bool has_lower_set; /* the first alternative matches */
};

/* From `at` on, without the character in front. end == at: neither alternative matches. */
static struct word word_at(struct pawl_slice text, size_t at)
{
    size_t end = at;
    size_t behind_both = 0; /* the end of the last character that is in both sets; 0: none yet */
    struct character character = character_at(text, end);
    while (character.bytes > 0 && (character.kind == TOKEN_UPPER || in_both(character.kind))) {
        end += character.bytes;
        behind_both = in_both(character.kind) ? end : behind_both;
        character = character_at(text, end);
    }
    if (character.bytes == 0 || character.kind != TOKEN_LOWER) {
        return behind_both > 0 ? (struct word){behind_both, true} : (struct word){end, false};
    }
    while (character.bytes > 0 && (character.kind == TOKEN_LOWER || in_both(character.kind))) {
        end += character.bytes;
        character = character_at(text, end);
    }
    return (struct word){end, true};
}

/* Where a contraction that begins at `at` ends; `at` when there is none. */
static size_t contraction_end(struct pawl_slice text, size_t at)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    if (at >= text.bytes || text.data[at] != '\'') {
        return at;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct pawl_slice ending = pawl_slice_str(endings[i]);
        struct pawl_slice there = pawl_slice_sub(text, at, ending.bytes);
        if (pawl_slice_equal_nocase(there, ending)) {
            return at + ending.bytes;
        }
    }
    return at;
}

/* `at` when neither of the first two alternatives matches. */
static size_t word_end(struct pawl_slice text, size_t at, struct character first)
{
    bool may_lead = !is_letter(first.kind) && first.kind != TOKEN_NUMBER && !is_newline(first);
    size_t behind = at + first.bytes;
    struct word led = {behind, false};
    if (may_lead) {
        led = word_at(text, behind);
        if (led.has_lower_set) {
            return contraction_end(text, led.end);
        }
    }
    /* Without a character in front; one that is in front can only be a mark. */
    if (is_letter(first.kind) || first.kind == TOKEN_MARK) {
        struct word bare = word_at(text, at);
        return contraction_end(text, bare.end);
    }
    return may_lead && led.end > behind ? contraction_end(text, led.end) : at;
}

/* --- The rest (3 to 7) ---------------------------------------------------------------------- */

static size_t number_end(struct pawl_slice text, size_t at)
{
    for (int i = 0; i < 3; i++) {
        struct character character = character_at(text, at);
        if (character.bytes == 0 || character.kind != TOKEN_NUMBER) {
            break;
        }
        at += character.bytes;
    }
    return at;
}

static bool is_sign(struct character character)
{
    return character.bytes > 0 && !is_letter(character.kind) && character.kind != TOKEN_NUMBER &&
           character.kind != TOKEN_SPACE;
}

/* `at` when there is no sign there, or behind one blank. */
static size_t signs_end(struct pawl_slice text, size_t at, struct character first)
{
    size_t end = first.ascii == ' ' ? at + 1 : at;
    struct character character = character_at(text, end);
    if (!is_sign(character)) {
        return at;
    }
    while (is_sign(character)) {
        end += character.bytes;
        character = character_at(text, end);
    }
    while (is_newline(character) || character.ascii == '/') {
        end += character.bytes;
        character = character_at(text, end);
    }
    return end;
}

static size_t space_end(struct pawl_slice text, size_t at)
{
    size_t end = at;
    size_t last = at; /* where the last character begins */
    size_t behind_newline = 0;
    struct character character = character_at(text, at);
    while (character.bytes > 0 && character.kind == TOKEN_SPACE) {
        last = end;
        end += character.bytes;
        behind_newline = is_newline(character) ? end : behind_newline;
        character = character_at(text, end);
    }
    if (behind_newline > 0) {
        return behind_newline;
    }
    return character.bytes > 0 && last > at ? last : end;
}

size_t pawl_token_piece_end(struct pawl_slice text, size_t at)
{
    struct character first = character_at(text, at);
    size_t end = word_end(text, at, first);
    if (end == at && first.kind == TOKEN_NUMBER) {
        end = number_end(text, at);
    }
    if (end == at) {
        end = signs_end(text, at, first);
    }
    return end == at ? space_end(text, at) : end;
}
