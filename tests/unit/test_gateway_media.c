/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_media.c: bounds for pictures, documents and sound; content codings undone; what an
 * answer is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/attrs.h"
#include "gateway/coding.h"
#include "gateway/media.h"
#include "gateway/sniff.h"

enum { TEXT_BYTES_MAX = 8192 };

static size_t encode(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t i = 0; i < count; i += 3) {
        unsigned word = (unsigned)bytes[i] << 16;
        word |= i + 1 < count ? (unsigned)bytes[i + 1] << 8 : 0;
        word |= i + 2 < count ? bytes[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++) {
            bool padding = i + k > count;
            out[at++] = padding ? '=' : digits[word >> (18 - 6 * k) & 63];
        }
    }
    return at;
}

static struct pawl_slice encoded(const void *bytes, size_t count, char out[static TEXT_BYTES_MAX])
{
    return pawl_slice_of(out, encode(bytes, count, out));
}

static void check_size(const void *bytes, size_t count, uint32_t width, uint32_t height)
{
    char text[TEXT_BYTES_MAX];
    uint32_t got_width = 0;
    uint32_t got_height = 0;
    assert_true(pawl_media_image_size(encoded(bytes, count, text), &got_width, &got_height));
    assert_int_equal(got_width, width);
    assert_int_equal(got_height, height);
}

static void sizes_of_pictures_are_read_from_their_headers(void **state)
{
    (void)state;
    static const unsigned char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\0\0\0\x02\xd0";
    check_size(png, 24, 1280, 720);
    static const unsigned char gif[] = "GIF89a\x40\x01\xf0\0";
    check_size(gif, 10, 320, 240);
    /* A segment of EXIF before the frame. */
    static const unsigned char jpeg[] = "\xff\xd8\xff\xe1\0\x08"
                                        "Exif\0\0"
                                        "\xff\xc2\0\x11\x08\x04\x38\x07\x80\x03";
    check_size(jpeg, 22, 1920, 1080);
    static const unsigned char vp8x[] =
        "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
    check_size(vp8x, 30, 640, 480);
    static const unsigned char vp8l[] = "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0\0";
    check_size(vp8l, 25, 640, 480);
    static const unsigned char vp8[] =
        "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01";
    check_size(vp8, 30, 640, 480);
}

static void broken_headers_give_no_size(void **state)
{
    (void)state;
    static const char *const texts[] = {"",         "A",    "iVBORw0KGgo=", "/9j/",
                                        "R0lGODlh", "!!!!", "UklGRg=="};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        uint32_t width = 0;
        uint32_t height = 0;
        assert_false(pawl_media_image_size(pawl_slice_str(texts[i]), &width, &height));
    }
}

static uint32_t
tokens(enum pawl_dialect dialect, const char *model, const char *detail, const char *png)
{
    struct pawl_media media = {.kind = PAWL_MEDIA_IMAGE,
                               .dialect = dialect,
                               .model = pawl_slice_str(model),
                               .base64 = pawl_slice_str(png),
                               .detail = pawl_slice_str(detail)};
    return pawl_media_tokens_max(&media);
}

static void pictures_cost_what_the_formulas_say(void **state)
{
    (void)state;
    /* Headers of 1280 x 720 and of 100 x 100. */
    static const char large[] = "iVBORw0KGgoAAAANSUhEUgAABQAAAALQ";
    static const char small[] = "iVBORw0KGgoAAAANSUhEUgAAAGQAAABk";
    assert_int_equal(tokens(PAWL_DIALECT_ANTHROPIC, "m", "", large), 1280 * 720 / 750 + 1);
    assert_int_equal(tokens(PAWL_DIALECT_ANTHROPIC, "m", "", small), 14);
    assert_int_equal(tokens(PAWL_DIALECT_ANTHROPIC, "m", "", ""), 4784);
    assert_int_equal(tokens(PAWL_DIALECT_OPENAI_CHAT, "gpt-4o", "low", large), 630);
    assert_int_equal(tokens(PAWL_DIALECT_OPENAI_CHAT, "gpt-4o", "", small), 85 + 170);
    assert_int_equal(tokens(PAWL_DIALECT_OPENAI_CHAT, "gpt-4o", "high", ""), 1536 * 246 / 100 + 1);
    assert_int_equal(tokens(PAWL_DIALECT_OPENAI_CHAT, "gpt-4o-mini", "", ""), 2833 + 8 * 5667);
    assert_int_equal(tokens(PAWL_DIALECT_OPENAI_CHAT, "gpt-5", "original", ""), 24601);
}

static void pages_of_documents_are_counted_or_bounded(void **state)
{
    (void)state;
    char text[TEXT_BYTES_MAX];
    static const char two[] = "%PDF-1.4 /Type /Pages /Count 2 /Type /Page x /Type/Page y";
    assert_int_equal(pawl_media_pdf_pages(encoded(two, sizeof(two), text)), 2);
    static const char packed[4500] = "%PDF-1.5 /Type /ObjStm";
    assert_int_equal(pawl_media_pdf_pages(encoded(packed, sizeof(packed), text)), 3);
    struct pawl_media by_name = {.kind = PAWL_MEDIA_DOCUMENT};
    assert_int_equal(pawl_media_tokens_max(&by_name), 460000);
    struct pawl_media sound = {.kind = PAWL_MEDIA_AUDIO, .base64 = pawl_slice_of(text, 5000)};
    assert_int_equal(pawl_media_tokens_max(&sound), 51);
}

/* What decides is both the name and the content; where they differ, both ways are counted. */
static void documents_are_pages_or_text(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *content;
        uint32_t pages;
        bool text;
    } rows[] = {
        {"application/pdf", "%PDF-1.4 /Type /Page x", 1, false},
        {"Application/PDF; x=y", "\n%PDF-1.4 /Type /Page x", 1, false},
        {"", "%PDF-1.4 /Type /Page x", 1, false},
        {"text/plain", "%PDF-1.4 /Type /Page x", 1, true},
        {"application/pdf", "lorem ipsum /Type /Page x", 1, true},
        {"text/plain", "lorem ipsum /Type /Page x", 0, true},
        {"", "lorem ipsum /Type /Page x", 0, true},
        {"application/zip", "PK\x03\x04 lorem ipsum", 100, true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char text[TEXT_BYTES_MAX];
        size_t count = strlen(rows[i].content);
        struct pawl_media media = {.kind = PAWL_MEDIA_DOCUMENT,
                                   .type = pawl_slice_str(rows[i].type),
                                   .base64 = encoded(rows[i].content, count, text)};
        assert_int_equal(pawl_media_tokens_max(&media), rows[i].pages * 4600);
        struct pawl_media_text got = pawl_media_text(&media);
        if (rows[i].text) {
            assert_in_range(got.plain_bytes, count, count + 2);
        } else {
            assert_int_equal(got.plain_bytes, 0);
        }
        assert_int_equal(got.dense_bytes, 0);
    }
    /* "a", a euro sign, "b"; then the same in a base64 that is out of order. */
    struct pawl_media euro = {.kind = PAWL_MEDIA_DOCUMENT, .base64 = PAWL_SLICE("YeKCrGI=")};
    struct pawl_media_text text = pawl_media_text(&euro);
    assert_int_equal(text.dense_bytes, 3);
    assert_in_range(text.plain_bytes, 2, 3);
    euro.base64 = PAWL_SLICE("YeKC\nrGI=");
    text = pawl_media_text(&euro);
    assert_int_equal(text.plain_bytes, 0);
    assert_in_range(text.dense_bytes, 5, 7);
}

/* Base64 in lines, as mail has it, hides the marks; then the length has the word. */
static void line_breaks_in_base64_hide_no_pages(void **state)
{
    (void)state;
    char text[TEXT_BYTES_MAX];
    static char content[4500];
    memset(content, 'x', sizeof(content));
    memcpy(content, "%PDF-1.4 /Type /Page ", 21);
    size_t bytes = encode((const unsigned char *)content, sizeof(content), text);
    text[80] = '\n';
    assert_int_equal(pawl_media_pdf_pages(pawl_slice_of(text, bytes)), 3);
}

/* --- Codings -------------------------------------------------------------------------------- */

static void names_of_codings_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum pawl_coding coding;
    } rows[] = {
        {"", PAWL_CODING_IDENTITY},        {" Identity ", PAWL_CODING_IDENTITY},
        {"GZIP", PAWL_CODING_GZIP},        {"x-gzip", PAWL_CODING_GZIP},
        {"deflate", PAWL_CODING_DEFLATE},  {"zstd", PAWL_CODING_ZSTD},
        {"br", PAWL_CODING_BROTLI},        {"gzip, gzip", PAWL_CODING_UNKNOWN},
        {"compress", PAWL_CODING_UNKNOWN},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        assert_int_equal(pawl_coding_of(pawl_slice_str(rows[i].value)), rows[i].coding);
    }
}

static size_t compress_text(const char *text, int window, unsigned char *out, size_t room)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (unsigned)strlen(text);
    stream.next_out = out;
    stream.avail_out = (unsigned)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return room - stream.avail_out;
}

/* In pieces of `step` bytes. */
static enum pawl_decode_status decode(enum pawl_coding coding,
                                      const unsigned char *bytes,
                                      size_t count,
                                      size_t step,
                                      struct pawl_buf *out,
                                      bool *ret_complete)
{
    struct pawl_decoder *decoder = pawl_decoder_new(coding);
    assert_non_null(decoder);
    enum pawl_decode_status status = PAWL_DECODE_OK;
    for (size_t at = 0; at < count && status == PAWL_DECODE_OK; at += step) {
        size_t piece = count - at < step ? count - at : step;
        status = pawl_decoder_feed(decoder, pawl_slice_of((const char *)bytes + at, piece), out);
    }
    *ret_complete = pawl_decoder_complete(decoder);
    pawl_decoder_free(decoder);
    return status;
}

static void every_coding_is_undone_in_any_pieces(void **state)
{
    (void)state;
    static const struct {
        enum pawl_coding coding;
        int window;
    } rows[] = {{PAWL_CODING_GZIP, 31}, {PAWL_CODING_DEFLATE, 15}, {PAWL_CODING_DEFLATE, -15}};
    static const char text[] = "to be or not to be, that is the question, to be or not to be";
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        unsigned char packed[512];
        size_t count = compress_text(text, rows[i].window, packed, sizeof(packed));
        for (size_t step = 1; step <= count; step += count / 2) {
            struct pawl_buf out;
            bool complete = false;
            pawl_buf_init(&out, 1 << 16);
            assert_int_equal(decode(rows[i].coding, packed, count, step, &out, &complete),
                             PAWL_DECODE_OK);
            assert_true(complete);
            assert_string_equal(pawl_buf_cstr(&out), text);
            pawl_buf_reset(&out);
            assert_int_equal(decode(rows[i].coding, packed, count - 1, step, &out, &complete),
                             PAWL_DECODE_OK);
            assert_false(complete);
            pawl_buf_free(&out);
        }
    }
}

static void members_of_a_gzip_body_follow_each_other(void **state)
{
    (void)state;
    unsigned char packed[512];
    size_t count = compress_text("one ", 31, packed, sizeof(packed));
    count += compress_text("two", 31, packed + count, sizeof(packed) - count);
    struct pawl_buf out;
    bool complete = false;
    pawl_buf_init(&out, 1 << 16);
    assert_int_equal(decode(PAWL_CODING_GZIP, packed, count, count, &out, &complete),
                     PAWL_DECODE_OK);
    assert_true(complete);
    assert_string_equal(pawl_buf_cstr(&out), "one two");
    pawl_buf_free(&out);
}

static void what_explodes_is_stopped_at_the_maximum(void **state)
{
    (void)state;
    static char zeroes[200001];
    static unsigned char packed[2000];
    memset(zeroes, '0', sizeof(zeroes) - 1);
    size_t count = compress_text(zeroes, 31, packed, sizeof(packed));
    struct pawl_buf out;
    bool complete = false;
    pawl_buf_init(&out, 100000);
    assert_int_equal(decode(PAWL_CODING_GZIP, packed, count, count, &out, &complete),
                     PAWL_DECODE_TOO_BIG);
    assert_true(out.bytes <= 100000);
    pawl_buf_reset(&out);
    assert_int_equal(
        decode(PAWL_CODING_GZIP, (const unsigned char *)"no gzip", 7, 7, &out, &complete),
        PAWL_DECODE_BROKEN);
    pawl_buf_free(&out);
}

static void zstd_is_undone_where_the_build_has_it(void **state)
{
    (void)state;
    /* "hello, hello, hello" as one frame. */
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x6d, 0x00,
                                          0x00, 0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x2c,
                                          0x20, 0x01, 0x00, 0xe2, 0x8a, 0x11};
    struct pawl_decoder *decoder = pawl_decoder_new(PAWL_CODING_ZSTD);
    if (decoder == NULL) {
        skip();
    }
    struct pawl_buf out;
    pawl_buf_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof(frame); i++) {
        assert_int_equal(
            pawl_decoder_feed(decoder, pawl_slice_of((const char *)frame + i, 1), &out),
            PAWL_DECODE_OK);
    }
    assert_true(pawl_decoder_complete(decoder));
    assert_string_equal(pawl_buf_cstr(&out), "hello, hello, hello");
    pawl_buf_free(&out);
    pawl_decoder_free(decoder);
}

static void brotli_is_undone_where_the_build_has_it(void **state)
{
    (void)state;
    /* "hello, hello, hello", compressed. */
    static const unsigned char stream[] = {0x1b, 0x12, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde,
                                           0x44, 0x09, 0x52, 0x86, 0x96, 0x6c, 0x2c, 0x6f,
                                           0x11, 0x4f, 0x24, 0xd0, 0x71, 0x00};
    struct pawl_decoder *probe = pawl_decoder_new(PAWL_CODING_BROTLI);
    if (probe == NULL) {
        assert_null(strstr(pawl_codings_served(), "br"));
        skip();
    }
    pawl_decoder_free(probe);
    assert_non_null(strstr(pawl_codings_served(), "br"));
    static const struct {
        size_t count;
        bool complete;
    } rows[] = {{sizeof(stream), true}, {sizeof(stream) - 1, false}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step <= sizeof(stream); step++) {
            struct pawl_buf out;
            bool complete = false;
            pawl_buf_init(&out, 1 << 16);
            assert_int_equal(
                decode(PAWL_CODING_BROTLI, stream, rows[i].count, step, &out, &complete),
                PAWL_DECODE_OK);
            assert_int_equal(complete, rows[i].complete);
            assert_true(!complete || strcmp(pawl_buf_cstr(&out), "hello, hello, hello") == 0);
            pawl_buf_free(&out);
        }
    }
}

static void what_is_no_brotli_or_too_much_of_it_is_told(void **state)
{
    (void)state;
    struct pawl_decoder *probe = pawl_decoder_new(PAWL_CODING_BROTLI);
    if (probe == NULL) {
        skip();
    }
    pawl_decoder_free(probe);
    /* 150,000 times '0'; the same with a byte behind its end; and a window that there is not. */
    static const unsigned char zeroes[] = {0x5b, 0xef, 0x49, 0x82, 0x5f, 0x02, 0x26,
                                           0x1e, 0x0b, 0x04, 0x52, 0x83, 0x04, 0x00};
    unsigned char more[sizeof(zeroes) + 1] = {0};
    memcpy(more, zeroes, sizeof(zeroes));
    struct pawl_buf out;
    bool complete = false;
    pawl_buf_init(&out, 100000);
    assert_int_equal(
        decode(PAWL_CODING_BROTLI, zeroes, sizeof(zeroes), sizeof(zeroes), &out, &complete),
        PAWL_DECODE_TOO_BIG);
    assert_true(out.bytes <= 100000);
    pawl_buf_free(&out);
    pawl_buf_init(&out, 1 << 20);
    assert_int_equal(decode(PAWL_CODING_BROTLI, more, sizeof(more), sizeof(more), &out, &complete),
                     PAWL_DECODE_BROKEN);
    assert_int_equal(
        decode(PAWL_CODING_BROTLI, (const unsigned char *)"\x11", 1, 1, &out, &complete),
        PAWL_DECODE_BROKEN);
    pawl_buf_free(&out);
}

/* --- First bytes ---------------------------------------------------------------------------- */

static void first_bytes_say_json_or_events(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum pawl_sniffed expected;
    } rows[] = {
        {"", PAWL_SNIFFED_NOTHING},
        {" \r\n\t", PAWL_SNIFFED_NOTHING},
        {"\xEF\xBB", PAWL_SNIFFED_NOTHING},
        {"\xEF\xBB\xBF", PAWL_SNIFFED_NOTHING},
        {"\n\n{", PAWL_SNIFFED_JSON},
        {"\xEF\xBB\xBF[", PAWL_SNIFFED_JSON},
        {":", PAWL_SNIFFED_EVENTS},
        {"\r\n: ping", PAWL_SNIFFED_EVENTS},
        {"\xEF\xBB\xBF"
         "data:",
         PAWL_SNIFFED_EVENTS},
        {"d", PAWL_SNIFFED_NOTHING},
        {"data", PAWL_SNIFFED_NOTHING},
        {"data:x", PAWL_SNIFFED_EVENTS},
        {"data\n", PAWL_SNIFFED_EVENTS},
        {"data x", PAWL_SNIFFED_OTHER},
        {"database", PAWL_SNIFFED_OTHER},
        {"event: message_start", PAWL_SNIFFED_EVENTS},
        {"id:1", PAWL_SNIFFED_EVENTS},
        {"retry: 1", PAWL_SNIFFED_EVENTS},
        {"<html>", PAWL_SNIFFED_OTHER},
        {"\"text\"", PAWL_SNIFFED_OTHER},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        enum pawl_sniffed got = pawl_sniff(pawl_slice_str(rows[i].bytes));
        if (got != rows[i].expected) {
            fail_msg("\"%s\" is %d", rows[i].bytes, (int)got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_pictures_are_read_from_their_headers),
        cmocka_unit_test(broken_headers_give_no_size),
        cmocka_unit_test(pictures_cost_what_the_formulas_say),
        cmocka_unit_test(pages_of_documents_are_counted_or_bounded),
        cmocka_unit_test(documents_are_pages_or_text),
        cmocka_unit_test(line_breaks_in_base64_hide_no_pages),
        cmocka_unit_test(names_of_codings_are_known),
        cmocka_unit_test(every_coding_is_undone_in_any_pieces),
        cmocka_unit_test(members_of_a_gzip_body_follow_each_other),
        cmocka_unit_test(what_explodes_is_stopped_at_the_maximum),
        cmocka_unit_test(first_bytes_say_json_or_events),
        cmocka_unit_test(zstd_is_undone_where_the_build_has_it),
        cmocka_unit_test(brotli_is_undone_where_the_build_has_it),
        cmocka_unit_test(what_is_no_brotli_or_too_much_of_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
