/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c: see guard.h for why there is one.
 *
 * A line is judged when it is complete, by one pass over its bytes for what no line may hold and
 * then by its form, with a table of character classes. The order of the checks decides which name a
 * refusal gets, never whether there is one.
 *
 * Invariants:
 *   G1  a line that passes ends in CR LF, and holds no other CR, LF or control character but
 *       the tab.
 *   G2  when `ended` is set, there was one request line and one Host, and at most one header
 *       that gives the body's length.
 *   G3  a chunked body's end is found without looking at its data.
 * Nothing here allocates or can fail for another reason than the bytes.
 */
#include "net/guard.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "base/percent.h"

enum {
    CLASS_TOKEN = 1,  /* RFC 9110 token: methods and header names */
    CLASS_TARGET = 2, /* visible ASCII but '#', which no client sends */
    CLASS_VALUE = 4,  /* tab, space, visible ASCII, and bytes from 0x80 */
    CLASS_HOST = 8    /* what a host and port are written with; no comma, so it is one host */
};

enum {
    BLANK_LINES_MAX = 4,        /* in front of the request line; old clients end a body with one */
    CHUNK_LINE_BYTES_MAX = 256, /* size and extensions */
    CHUNK_DIGITS_MAX = 16,
    CHUNK_OVERHEAD_FREE_BYTES = 64 * 1024,
    CHUNK_OVERHEAD_FACTOR = 8 /* one-byte chunks cost five bytes each */
};

static const uint8_t classes[256] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,  /* NUL .. SI */
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  /* DLE .. US */
    4,  15, 6,  5,  15, 15, 15, 15, 14, 14, 15, 15, 6,  15, 15, 6,  /* space .. / */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14, 6,  14, 6,  6,  /* 0 .. ? */
    6,  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* @ .. O */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 6,  14, 7,  15, /* P .. _ */
    7,  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* ` .. o */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  7,  6,  15, 0,  /* p .. DEL */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0x80 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0x90 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xa0 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xb0 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xc0 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xd0 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xe0 .. */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4   /* 0xf0 .. */
};

static bool is_class(char byte, unsigned class)
{
    return (classes[(unsigned char)byte] & class) != 0;
}

static bool all_class(struct pawl_slice slice, unsigned class)
{
    for (size_t i = 0; i < slice.bytes; i++) {
        if (!is_class(slice.data[i], class)) {
            return false;
        }
    }
    return true;
}

/* So many bytes in front, and perhaps more, are letters, digits or '-': what nearly every name is
 * made of, and tokens all. */
static size_t plain_name_bytes(struct pawl_slice line)
{
#if defined(__SSE2__)
    if (line.bytes >= 16) {
        __m128i block = _mm_loadu_si128((const void *)line.data);
        __m128i letter = _mm_sub_epi8(_mm_or_si128(block, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(block, _mm_set1_epi8('0'));
        __m128i plain = _mm_cmpeq_epi8(block, _mm_set1_epi8('-'));
        plain =
            _mm_or_si128(plain, _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter));
        plain = _mm_or_si128(plain, _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
        return (size_t)__builtin_ctz(~(unsigned)_mm_movemask_epi8(plain));
    }
#endif
    (void)line;
    return 0;
}

/* The first byte that no line may hold, or SIZE_MAX. */
static size_t find_control(struct pawl_slice text)
{
    size_t at = pawl_slice_find_control(text);
    while (at != SIZE_MAX && text.data[at] == '\t') {
        size_t next = pawl_slice_find_control(pawl_slice_sub(text, at + 1, text.bytes));
        at = next == SIZE_MAX ? SIZE_MAX : at + 1 + next;
    }
    return at;
}

void pawl_guard_init(struct pawl_guard *guard, uint32_t header_count_max)
{
    *guard = (struct pawl_guard){.header_count_max = header_count_max};
}

static enum pawl_http_refusal check_version(struct pawl_guard *guard, struct pawl_slice version)
{
    if (pawl_slice_equal_str(version, "HTTP/1.1")) {
        return PAWL_HTTP_REFUSAL_NONE;
    }
    if (pawl_slice_equal_str(version, "HTTP/1.0")) {
        guard->version_1_0 = true;
        return PAWL_HTTP_REFUSAL_NONE;
    }
    bool other = version.bytes == 8 && pawl_slice_starts_with(version, PAWL_SLICE("HTTP/"));
    return other ? PAWL_HTTP_REFUSAL_VERSION : PAWL_HTTP_REFUSAL_REQUEST_LINE;
}

static enum pawl_http_refusal check_target(struct pawl_slice method, struct pawl_slice target)
{
    if (target.bytes == 0 || !all_class(target, CLASS_TARGET)) {
        return PAWL_HTTP_REFUSAL_TARGET;
    }
    bool served = target.data[0] == '/' || pawl_slice_starts_with(target, PAWL_SLICE("http://")) ||
                  pawl_slice_starts_with(target, PAWL_SLICE("https://")) ||
                  (pawl_slice_equal_str(target, "*") && pawl_slice_equal_str(method, "OPTIONS"));
    return served ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_TARGET;
}

static enum pawl_http_refusal check_request_line(struct pawl_guard *guard, struct pawl_slice line)
{
    struct pawl_slice rest = line;
    struct pawl_slice method = pawl_slice_cut(&rest, ' ');
    struct pawl_slice target = pawl_slice_cut(&rest, ' ');
    if (method.bytes == 0 || !all_class(method, CLASS_TOKEN)) {
        return PAWL_HTTP_REFUSAL_REQUEST_LINE;
    }
    guard->first = method;
    guard->second = target;
    enum pawl_http_refusal refusal = check_version(guard, rest);
    if (refusal == PAWL_HTTP_REFUSAL_NONE && pawl_slice_equal_str(method, "CONNECT")) {
        refusal = PAWL_HTTP_REFUSAL_METHOD;
    }
    return refusal == PAWL_HTTP_REFUSAL_NONE ? check_target(method, target) : refusal;
}

static enum pawl_http_refusal check_host(struct pawl_guard *guard, struct pawl_slice value)
{
    if (guard->host_seen) {
        return PAWL_HTTP_REFUSAL_HOST_REPEATED;
    }
    guard->host_seen = true;
    return all_class(value, CLASS_HOST) ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_HOST_INVALID;
}

static enum pawl_http_refusal check_length(struct pawl_guard *guard, struct pawl_slice value)
{
    if (guard->length_seen || guard->chunked) {
        return PAWL_HTTP_REFUSAL_FRAMING;
    }
    guard->length_seen = true;
    return pawl_slice_to_u64(value, &guard->content_length) ? PAWL_HTTP_REFUSAL_NONE
                                                            : PAWL_HTTP_REFUSAL_CONTENT_LENGTH;
}

static enum pawl_http_refusal check_coding(struct pawl_guard *guard, struct pawl_slice value)
{
    if (guard->length_seen || guard->chunked) {
        return PAWL_HTTP_REFUSAL_FRAMING;
    }
    if (guard->version_1_0) {
        return PAWL_HTTP_REFUSAL_TRANSFER_VERSION;
    }
    guard->chunked = pawl_slice_equal_nocase(value, PAWL_SLICE("chunked"));
    return guard->chunked ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_TRANSFER_CODING;
}

static enum pawl_http_refusal check_expect(struct pawl_guard *guard, struct pawl_slice value)
{
    if (!pawl_slice_equal_nocase(value, PAWL_SLICE("100-continue"))) {
        return PAWL_HTTP_REFUSAL_EXPECTATION;
    }
    guard->expects_continue = !guard->version_1_0;
    return PAWL_HTTP_REFUSAL_NONE;
}

/* Whether a name is one that is given in lower case. */
static bool is_named(struct pawl_slice name, struct pawl_slice wanted)
{
    return name.bytes == wanted.bytes && pawl_slice_equal_nocase(name, wanted);
}

/* The headers of which the guard must know what they say. */
static enum pawl_http_refusal
check_named(struct pawl_guard *guard, struct pawl_slice name, struct pawl_slice value)
{
    if (is_named(name, PAWL_SLICE("host"))) {
        return check_host(guard, value);
    }
    if (is_named(name, PAWL_SLICE("content-length"))) {
        return check_length(guard, value);
    }
    if (is_named(name, PAWL_SLICE("transfer-encoding"))) {
        return check_coding(guard, value);
    }
    if (is_named(name, PAWL_SLICE("expect"))) {
        return check_expect(guard, value);
    }
    return PAWL_HTTP_REFUSAL_NONE;
}

static enum pawl_http_refusal check_header_line(struct pawl_guard *guard, struct pawl_slice line)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return PAWL_HTTP_REFUSAL_FOLDED;
    }
    if (guard->header_count >= guard->header_count_max) {
        return PAWL_HTTP_REFUSAL_HEADER_COUNT;
    }
    guard->header_count += 1;
    size_t colon = plain_name_bytes(line);
    while (colon < line.bytes && is_class(line.data[colon], CLASS_TOKEN)) {
        colon++;
    }
    if (colon == 0 || colon == line.bytes || line.data[colon] != ':') {
        return PAWL_HTTP_REFUSAL_HEADER_NAME;
    }
    guard->first = pawl_slice_of(line.data, colon);
    guard->second = pawl_slice_trim(pawl_slice_sub(line, colon + 1, line.bytes));
    return check_named(guard, guard->first, guard->second);
}

static enum pawl_http_refusal check_empty_line(struct pawl_guard *guard)
{
    if (!guard->request_line_seen) {
        guard->blank_count += 1;
        return guard->blank_count <= BLANK_LINES_MAX ? PAWL_HTTP_REFUSAL_NONE
                                                     : PAWL_HTTP_REFUSAL_REQUEST_LINE;
    }
    /* HTTP/1.0 has no such header, and some balancers' checks send none. */
    if (!guard->host_seen && !guard->version_1_0) {
        return PAWL_HTTP_REFUSAL_HOST_MISSING;
    }
    guard->ended = true;
    return PAWL_HTTP_REFUSAL_NONE;
}

enum pawl_http_refusal pawl_guard_line(struct pawl_guard *guard, struct pawl_slice line)
{
    PAWL_ASSERT(!guard->ended);
    PAWL_ASSERT(line.bytes > 0 && line.data[line.bytes - 1] == '\n');
    if (line.bytes < 2 || line.data[line.bytes - 2] != '\r') {
        return PAWL_HTTP_REFUSAL_BARE_LF;
    }
    struct pawl_slice text = {line.data, line.bytes - 2};
    size_t bad = find_control(text);
    if (bad != SIZE_MAX) {
        return text.data[bad] == '\r' ? PAWL_HTTP_REFUSAL_BARE_CR : PAWL_HTTP_REFUSAL_CONTROL;
    }
    if (text.bytes == 0) {
        return check_empty_line(guard);
    }
    if (!guard->request_line_seen) {
        guard->request_line_seen = true;
        return check_request_line(guard, text);
    }
    return check_header_line(guard, text);
}

void pawl_guard_chunks_init(struct pawl_guard_chunks *chunks, uint64_t body_bytes_max)
{
    *chunks = (struct pawl_guard_chunks){.body_bytes_max = body_bytes_max};
}

static enum pawl_http_refusal chunk_digit(struct pawl_guard_chunks *chunks, int digit)
{
    if (chunks->line_bytes > CHUNK_DIGITS_MAX) {
        return PAWL_HTTP_REFUSAL_CHUNK;
    }
    chunks->chunk_left_bytes = chunks->chunk_left_bytes * 16 + (uint64_t)digit;
    chunks->state = PAWL_GUARD_CHUNK_SIZE;
    return PAWL_HTTP_REFUSAL_NONE;
}

/* The size line is complete. */
static enum pawl_http_refusal chunk_begin(struct pawl_guard_chunks *chunks)
{
    chunks->line_bytes = 0;
    if (chunks->chunk_left_bytes == 0) {
        chunks->state = PAWL_GUARD_CHUNK_END_CR;
        return PAWL_HTTP_REFUSAL_NONE;
    }
    if (chunks->chunk_left_bytes > chunks->body_bytes_max - chunks->data_bytes) {
        return PAWL_HTTP_REFUSAL_BODY_BYTES;
    }
    chunks->data_bytes += chunks->chunk_left_bytes;
    chunks->state = PAWL_GUARD_CHUNK_DATA;
    return PAWL_HTTP_REFUSAL_NONE;
}

static enum pawl_http_refusal
chunk_want(struct pawl_guard_chunks *chunks, char byte, char want, enum pawl_guard_chunk_state next)
{
    chunks->state = next;
    return byte == want ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_CHUNK;
}

/* One byte of framing: everything but a chunk's data. */
static enum pawl_http_refusal chunk_framing(struct pawl_guard_chunks *chunks, char byte)
{
    int digit = pawl_hex_digit(byte);
    switch (chunks->state) {
    case PAWL_GUARD_CHUNK_SIZE_FIRST:
        return digit >= 0 ? chunk_digit(chunks, digit) : PAWL_HTTP_REFUSAL_CHUNK;
    case PAWL_GUARD_CHUNK_SIZE:
        if (digit >= 0) {
            return chunk_digit(chunks, digit);
        }
        if (byte == ';') {
            chunks->state = PAWL_GUARD_CHUNK_EXTENSION;
            return PAWL_HTTP_REFUSAL_NONE;
        }
        return chunk_want(chunks, byte, '\r', PAWL_GUARD_CHUNK_SIZE_LF);
    case PAWL_GUARD_CHUNK_EXTENSION:
        if (byte == '\r') {
            chunks->state = PAWL_GUARD_CHUNK_SIZE_LF;
            return PAWL_HTTP_REFUSAL_NONE;
        }
        return is_class(byte, CLASS_VALUE) ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_CHUNK;
    case PAWL_GUARD_CHUNK_SIZE_LF:
        return byte == '\n' ? chunk_begin(chunks) : PAWL_HTTP_REFUSAL_CHUNK;
    case PAWL_GUARD_CHUNK_DATA_CR:
        return chunk_want(chunks, byte, '\r', PAWL_GUARD_CHUNK_DATA_LF);
    case PAWL_GUARD_CHUNK_DATA_LF:
        chunks->line_bytes = 0;
        return chunk_want(chunks, byte, '\n', PAWL_GUARD_CHUNK_SIZE_FIRST);
    case PAWL_GUARD_CHUNK_END_CR:
        chunks->state = PAWL_GUARD_CHUNK_END_LF;
        return byte == '\r' ? PAWL_HTTP_REFUSAL_NONE : PAWL_HTTP_REFUSAL_TRAILER;
    case PAWL_GUARD_CHUNK_END_LF:
        return chunk_want(chunks, byte, '\n', PAWL_GUARD_CHUNK_DONE);
    case PAWL_GUARD_CHUNK_DATA:
    case PAWL_GUARD_CHUNK_DONE:
        break;
    }
    PAWL_UNREACHABLE();
}

static enum pawl_http_refusal chunk_costs(struct pawl_guard_chunks *chunks)
{
    chunks->line_bytes += 1;
    chunks->overhead_bytes += 1;
    if (chunks->line_bytes > CHUNK_LINE_BYTES_MAX) {
        return PAWL_HTTP_REFUSAL_CHUNK;
    }
    uint64_t paid = chunks->overhead_bytes / CHUNK_OVERHEAD_FACTOR;
    bool dear = chunks->overhead_bytes > CHUNK_OVERHEAD_FREE_BYTES && paid > chunks->data_bytes;
    return dear ? PAWL_HTTP_REFUSAL_CHUNK_OVERHEAD : PAWL_HTTP_REFUSAL_NONE;
}

enum pawl_http_refusal
pawl_guard_chunks_feed(struct pawl_guard_chunks *chunks, struct pawl_slice bytes, size_t *ret_used)
{
    size_t used = 0;
    while (used < bytes.bytes && chunks->state != PAWL_GUARD_CHUNK_DONE) {
        if (chunks->state == PAWL_GUARD_CHUNK_DATA) {
            size_t here = bytes.bytes - used;
            here = here < chunks->chunk_left_bytes ? here : (size_t)chunks->chunk_left_bytes;
            used += here;
            chunks->chunk_left_bytes -= here;
            if (chunks->chunk_left_bytes == 0) {
                chunks->state = PAWL_GUARD_CHUNK_DATA_CR;
            }
            continue;
        }
        enum pawl_http_refusal refusal = chunk_costs(chunks);
        if (refusal == PAWL_HTTP_REFUSAL_NONE) {
            refusal = chunk_framing(chunks, bytes.data[used]);
        }
        if (refusal != PAWL_HTTP_REFUSAL_NONE) {
            return refusal;
        }
        used += 1;
    }
    *ret_used = used;
    return PAWL_HTTP_REFUSAL_NONE;
}
