/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h: a strict JSON reader that keeps raw spans, and a writer.
 *
 * The reader checks a whole text (RFC 8259, UTF-8, no byte order mark, one value, nothing but
 * white space after it) and leaves a flat array of nodes in document order. Each node knows
 * the bytes it came from, so a caller can splice one field of a body and leave every other
 * byte as it was. It never recurses: depth is a limit, not a stack.
 *
 * Three profiles, because three kinds of text come in:
 *   LEDGER   our own API and files. Also refused: duplicate keys in one object, numbers that
 *            are not integers in -(2^53-1) .. 2^53-1 written plainly (no fraction, exponent or
 *            "-0"), lone surrogates, \u0000.
 *   BODY     bodies of requests to a server, with parts that are the client's own business. As
 *            LEDGER, but any number and any escape is let in and stays text: whoever reads a field
 *            asks for an integer, or whether a string is a text.
 *   FORWARD  bodies on their way between an agent and a provider. Structure, depth and UTF-8
 *            are checked, and that escapes are well formed; strings are not decoded and numbers
 *            stay text, since healthy agents send lone surrogates and NUL escapes. Duplicate
 *            keys are refused only when looked up.
 *
 * Work is linear in the text, but for the keys of large objects outside FORWARD, which are sorted
 * (n log n, for any keys). Memory follows the number of nodes, not the length of the text.
 */
#ifndef PAWL_BASE_JSON_H
#define PAWL_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/slice.h"

enum pawl_json_profile { PAWL_JSON_LEDGER, PAWL_JSON_FORWARD, PAWL_JSON_BODY };

enum pawl_json_type {
    PAWL_JSON_NULL,
    PAWL_JSON_FALSE,
    PAWL_JSON_TRUE,
    PAWL_JSON_NUMBER,
    PAWL_JSON_STRING,
    PAWL_JSON_ARRAY,
    PAWL_JSON_OBJECT
};

/* What was wrong, for messages and tests. Names come from pawl_json_error_name. */
enum pawl_json_error {
    PAWL_JSON_FINE,
    PAWL_JSON_SYNTAX,         /* a byte that cannot stand there */
    PAWL_JSON_TRUNCATED,      /* the text ends too early; also when it is empty */
    PAWL_JSON_TRAILING,       /* something behind the value */
    PAWL_JSON_DEPTH,          /* more containers in each other than depth_max */
    PAWL_JSON_UTF8,           /* in a string: overlong, a surrogate, past U+10FFFF, cut */
    PAWL_JSON_CONTROL,        /* a raw byte below 0x20 in a string */
    PAWL_JSON_ESCAPE,         /* a backslash with something unknown behind it */
    PAWL_JSON_SURROGATE,      /* LEDGER: half of a pair */
    PAWL_JSON_NUL,            /* LEDGER: an escaped NUL */
    PAWL_JSON_DUPLICATE,      /* LEDGER, BODY: the offset is that of the second key */
    PAWL_JSON_NOT_INTEGER,    /* LEDGER */
    PAWL_JSON_RANGE,          /* LEDGER: an integer beyond 2^53-1 either way */
    PAWL_JSON_TOO_MANY_NODES, /* more than nodes_max */
    PAWL_JSON_NO_MEMORY,      /* the arena is full, its flag is up */
    PAWL_JSON_ERROR_COUNT
};

enum { PAWL_JSON_DEPTH_MAX = 128 };
/* "No such node." */
#define PAWL_JSON_NONE UINT32_MAX

struct pawl_json_node {
    uint8_t type;   /* enum pawl_json_type */
    bool escaped;   /* a string with at least one backslash */
    uint16_t depth; /* containers around it; 0 for the root */
    uint32_t next;  /* index of the next sibling, or PAWL_JSON_NONE; a key has none */
    uint32_t count; /* members or elements; 0 for anything but a container */
    uint32_t key;   /* in an object: index of this member's key node (a STRING); else NONE */
    uint64_t start; /* offset of the first byte (a string's quote included) */
    uint64_t end;   /* offset past the last byte */
};

struct pawl_json {
    struct pawl_slice text;             /* borrowed: must outlive the document */
    const struct pawl_json_node *nodes; /* in the arena; node 0 is the root */
    uint32_t count;
    enum pawl_json_profile profile;
    enum pawl_json_error error;
    uint64_t error_offset; /* of the byte at fault; the text's length where it is truncated */
};

struct pawl_json_limits {
    uint32_t depth_max; /* containers in each other, 1 .. PAWL_JSON_DEPTH_MAX */
    uint32_t nodes_max; /* values and keys together, 1 .. PAWL_JSON_NONE - 1 */
};

#define PAWL_JSON_LIMITS_DEFAULT ((struct pawl_json_limits){64, 4000000})

/* Reads a text, which *json goes on borrowing; the nodes live in the arena. false with
 * json->error and error_offset set; then nothing else of *json may be used. */
PAWL_MUST_CHECK bool pawl_json_parse(struct pawl_arena *arena,
                                     struct pawl_slice text,
                                     enum pawl_json_profile profile,
                                     struct pawl_json_limits limits,
                                     struct pawl_json *json);
/* "duplicate_key"; static text. */
const char *pawl_json_error_name(enum pawl_json_error error);

/* --- A text that is too deep to be read, or has too many values, as far as it can be known in the
 * memory of a bit for each level: whether it is one, and where its parts are. ---------------- */

enum { PAWL_JSON_PARTS_MAX = 32 };

struct pawl_json_part {      /* a member of the object that the text is */
    struct pawl_slice key;   /* as it stands there, with its quotes */
    struct pawl_slice value; /* likewise */
    size_t depth;            /* containers in each other in the value; 0: it is none */
};

struct pawl_json_outline {
    struct pawl_json_part parts[PAWL_JSON_PARTS_MAX]; /* of the text, in order */
    uint32_t count;
    enum pawl_json_error error;
    uint64_t error_offset;
};

/* Checks a whole text, which has to be an object, by the same rules as pawl_json_parse, whatever
 * its depth and its number of values; but not that keys differ. More members than there are parts
 * for are TOO_MANY_NODES. false with error and error_offset set. */
PAWL_MUST_CHECK bool pawl_json_outline(struct pawl_arena *arena,
                                       struct pawl_slice text,
                                       enum pawl_json_profile profile,
                                       struct pawl_json_outline *outline);

/* --- Looking things up. Every function takes PAWL_JSON_NONE for a node and answers as for
 * something absent, so that look-ups chain and one test at the end is enough. An index that is
 * not of this document is a bug and asserts. ------------------------------------------------ */

/* Children of an array or object, in order: first, then ->next. For an object these are the
 * values; nodes[value].key is the key. */
uint32_t pawl_json_first(const struct pawl_json *json, uint32_t node);
uint32_t pawl_json_next(const struct pawl_json *json, uint32_t node);
/* The first element of an array; NONE for an object too. */
uint32_t pawl_json_first_element(const struct pawl_json *json, uint32_t list);
/* The member's value, or NONE (also when `node` is no object). Under FORWARD, a key present
 * twice gives NONE and sets *ret_duplicate when that is not NULL; it is left alone otherwise, so
 * several look-ups can share one flag. Keys compare after decoding. */
uint32_t pawl_json_get(const struct pawl_json *json, uint32_t node, const char *key);
uint32_t pawl_json_get_checked(const struct pawl_json *json,
                               uint32_t node,
                               const char *key,
                               bool *ret_duplicate);
/* The same over several steps: pawl_json_path(json, 0, "usage.input_tokens_details.cached"). An
 * empty path is `node` itself; keys that hold a dot cannot be named. */
uint32_t pawl_json_path(const struct pawl_json *json, uint32_t node, const char *dotted);

/* NULL for NONE; pawl_json_is tells the two apart, it is false for NONE whatever the type. */
enum pawl_json_type pawl_json_type(const struct pawl_json *json, uint32_t node);
bool pawl_json_is(const struct pawl_json *json, uint32_t node, enum pawl_json_type type);
/* How many bytes at the front stand for themselves in a string: ASCII without quotes, backslashes
 * and control characters. */
size_t pawl_json_plain_bytes(struct pawl_slice text);
/* The value's bytes as they stand in the text; empty for NONE. */
struct pawl_slice pawl_json_raw(const struct pawl_json *json, uint32_t node);
/* A string between its quotes, undecoded. Empty for anything else. */
struct pawl_slice pawl_json_string_raw(const struct pawl_json *json, uint32_t node);
/* A string decoded into the arena (or the raw bytes themselves where nothing is escaped). Lone
 * surrogates become U+FFFD; \u0000 becomes a NUL byte, which LEDGER keeps out. Empty for anything
 * else, and when the arena is full (see its flag). */
static inline struct pawl_slice
pawl_json_string(const struct pawl_json *json, uint32_t node, struct pawl_arena *arena);
/* The same, for what has escapes or is no string. */
struct pawl_slice
pawl_json_string_decoded(const struct pawl_json *json, uint32_t node, struct pawl_arena *arena);
/* The key of a member, which has to be one, decoded likewise. */
static inline struct pawl_slice
pawl_json_key_of(const struct pawl_json *json, uint32_t member, struct pawl_arena *arena);
/* Whether each escape of a string is a character, as under LEDGER it always is: none is NUL, or
 * half of a surrogate pair. */
bool pawl_json_string_is_text(const struct pawl_json *json, uint32_t node);
/* Whether it is a string that says this, after decoding. */
bool pawl_json_string_is(const struct pawl_json *json, uint32_t node, const char *text);
/* A plain integer within int64 (no fraction, no exponent, not "-0"); false, with *ret_value left
 * alone, for anything else. */
PAWL_MUST_CHECK bool pawl_json_i64(const struct pawl_json *json, uint32_t node, int64_t *ret_value);
/* The integer if there is one, at least 0 and at most PAWL_AMOUNT_MAX; else `fallback`. A
 * number with a zero fraction ("12.0") counts, since some providers write so; one with an
 * exponent does not. */
int64_t pawl_json_count_or(const struct pawl_json *json, uint32_t node, int64_t fallback);
bool pawl_json_bool_or(const struct pawl_json *json, uint32_t node, bool fallback);

static inline struct pawl_slice
pawl_json_string(const struct pawl_json *json, uint32_t node, struct pawl_arena *arena)
{
    if (node < json->count) {
        const struct pawl_json_node *found = &json->nodes[node];
        if (found->type == PAWL_JSON_STRING && !found->escaped) { /* as nearly all are */
            return pawl_slice_of(json->text.data + found->start + 1,
                                 (size_t)(found->end - found->start - 2));
        }
    }
    return pawl_json_string_decoded(json, node, arena);
}

static inline struct pawl_slice
pawl_json_key_of(const struct pawl_json *json, uint32_t member, struct pawl_arena *arena)
{
    const struct pawl_json_node *key = &json->nodes[json->nodes[member].key];
    if (!key->escaped) {
        return pawl_slice_of(json->text.data + key->start + 1, (size_t)(key->end - key->start - 2));
    }
    return pawl_json_string_decoded(json, json->nodes[member].key, arena);
}

/* --- Writing. Commas and nesting are kept by the writer; a wrong call order asserts (a value
 * without its key, a second document, an end that fits no begin, more than 127 levels). One
 * writer writes one value; init it again for the next. No white space is written. Running out
 * of room is the buffer's sticky flag. ------------------------------------------------------- */

enum pawl_json_next { PAWL_JSON_NEXT_ELEMENT, PAWL_JSON_NEXT_KEY, PAWL_JSON_NEXT_VALUE };

struct pawl_json_writer {
    struct pawl_buf *out; /* borrowed */
    uint32_t depth;
    uint8_t next; /* enum pawl_json_next: an element or the document, a key, its value */
    bool comma;   /* stands in front of what comes next */
    uint8_t behind[PAWL_JSON_DEPTH_MAX]; /* of each level: what comes next when it has ended */
};

void pawl_json_writer_init(struct pawl_json_writer *writer, struct pawl_buf *out);
void pawl_json_object_begin(struct pawl_json_writer *writer);
void pawl_json_object_end(struct pawl_json_writer *writer);
void pawl_json_array_begin(struct pawl_json_writer *writer);
void pawl_json_array_end(struct pawl_json_writer *writer);
void pawl_json_key(struct pawl_json_writer *writer, const char *key);
/* Keys and strings: any bytes; what is not UTF-8 becomes U+FFFD byte by byte, control characters
 * are escaped. A NULL text is the empty string. */
void pawl_json_key_slice(struct pawl_json_writer *writer, struct pawl_slice key);
void pawl_json_put_string(struct pawl_json_writer *writer, struct pawl_slice text);
void pawl_json_put_str(struct pawl_json_writer *writer, const char *text);
void pawl_json_put_i64(struct pawl_json_writer *writer, int64_t value);
void pawl_json_put_bool(struct pawl_json_writer *writer, bool value);
void pawl_json_put_null(struct pawl_json_writer *writer);
/* Bytes that are JSON already: one value, not empty. They are copied unseen. */
void pawl_json_put_raw(struct pawl_json_writer *writer, struct pawl_slice json);
/* Room for such a value, which the caller fills at once. NULL: none, and the flag is set. */
char *pawl_json_put_room(struct pawl_json_writer *writer, size_t bytes);

/* key + value in one call. */
void pawl_json_member_str(struct pawl_json_writer *writer, const char *key, const char *text);
void pawl_json_member_string(struct pawl_json_writer *writer,
                             const char *key,
                             struct pawl_slice text);
void pawl_json_member_i64(struct pawl_json_writer *writer, const char *key, int64_t value);
void pawl_json_member_bool(struct pawl_json_writer *writer, const char *key, bool value);

/* The same where key, or key and text, are literals that need no escape: they are copied as one
 * piece with their quotes. For what every answer has. */
#define PAWL_JSON_KEY(writer, key)                                                                 \
    pawl_json_put_piece((writer), PAWL_JSON_NEXT_VALUE, PAWL_SLICE("\"" key "\":"))
#define PAWL_JSON_MEMBER(writer, key, text)                                                        \
    pawl_json_put_piece((writer), PAWL_JSON_NEXT_KEY, PAWL_SLICE("\"" key "\":\"" text "\""))

/* A piece of an object that begins with a key, and what comes behind it. */
static inline void pawl_json_put_piece(struct pawl_json_writer *writer,
                                       enum pawl_json_next next,
                                       struct pawl_slice piece)
{
    PAWL_ASSERT(writer->next == PAWL_JSON_NEXT_KEY);
    bool comma = writer->comma;
    writer->next = (uint8_t)next;
    writer->comma = next == PAWL_JSON_NEXT_KEY;
    char *room = pawl_buf_extend(writer->out, comma + piece.bytes);
    if (room != NULL) {
        *room = ',';
        memcpy(room + comma, piece.data, piece.bytes);
    }
}

#endif
