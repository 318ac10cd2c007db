/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coding.c: zlib, zstd and Brotli behind one small interface. Output goes straight into a buffer
 * that has a maximum, so a body that explodes is refused at that size and never held larger.
 *
 * "deflate" on the wire is zlib's format by the standard and a bare deflate stream by old habit;
 * the first byte tells which. Members of a gzip body may follow each other (RFC 1952, 2.2); a
 * Brotli stream says itself where it ends, and what stands behind that is not Brotli.
 */
#include "gateway/coding.h"

/* Makes zlib's input pointer const. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/alloc.h"
#include "base/assert.h"

#ifdef PAWL_HAVE_BROTLI
#include <brotli/decode.h>
#endif
#ifdef PAWL_HAVE_ZSTD
#include <zstd.h>
#endif

enum {
    OUT_STEP_BYTES = 16384,
    WINDOW_GZIP = 15 + 16, /* zlib's way to say "gzip, window of 32 KiB" */
    WINDOW_ZLIB = 15,
    WINDOW_RAW = -15
};

struct pawl_decoder {
    enum pawl_coding coding;
    bool started;  /* zlib: inflateInit was called */
    bool complete; /* between members or frames */
    z_stream zlib;
#ifdef PAWL_HAVE_ZSTD
    ZSTD_DStream *zstd;
#endif
#ifdef PAWL_HAVE_BROTLI
    BrotliDecoderState *brotli;
#endif
};

enum pawl_coding pawl_coding_of(struct pawl_slice value)
{
    static const struct {
        const char *name;
        enum pawl_coding coding;
    } names[] = {
        {"", PAWL_CODING_IDENTITY}, {"identity", PAWL_CODING_IDENTITY},
        {"gzip", PAWL_CODING_GZIP}, {"x-gzip", PAWL_CODING_GZIP},
        {"zstd", PAWL_CODING_ZSTD}, {"deflate", PAWL_CODING_DEFLATE},
        {"br", PAWL_CODING_BROTLI},
    };
    struct pawl_slice name = pawl_slice_trim(value);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        if (pawl_slice_equal_nocase(name, pawl_slice_str(names[i].name))) {
            return names[i].coding;
        }
    }
    return PAWL_CODING_UNKNOWN;
}

const char *pawl_codings_served(void)
{
#if defined(PAWL_HAVE_ZSTD) && defined(PAWL_HAVE_BROTLI)
    return "gzip, deflate, zstd and br";
#elif defined(PAWL_HAVE_ZSTD)
    return "gzip, deflate and zstd";
#elif defined(PAWL_HAVE_BROTLI)
    return "gzip, deflate and br";
#else
    return "gzip and deflate";
#endif
}

/* The library's own state. false: no memory, or nothing in this build undoes the coding. */
static bool make_state(struct pawl_decoder *decoder)
{
    switch (decoder->coding) {
    case PAWL_CODING_GZIP:
    case PAWL_CODING_DEFLATE:
        return true; /* made once its first byte has come */
    case PAWL_CODING_ZSTD:
#ifdef PAWL_HAVE_ZSTD
        decoder->zstd = ZSTD_createDStream();
        return decoder->zstd != NULL;
#else
        return false;
#endif
    case PAWL_CODING_BROTLI:
#ifdef PAWL_HAVE_BROTLI
        decoder->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        return decoder->brotli != NULL;
#else
        return false;
#endif
    case PAWL_CODING_IDENTITY:
    case PAWL_CODING_UNKNOWN:
        break;
    }
    return false;
}

struct pawl_decoder *pawl_decoder_new(enum pawl_coding coding)
{
    struct pawl_decoder *decoder = pawl_alloc_zeroed(1, sizeof(*decoder));
    if (decoder == NULL) {
        return NULL;
    }
    decoder->coding = coding;
    if (!make_state(decoder)) {
        pawl_free(decoder);
        return NULL;
    }
    return decoder;
}

void pawl_decoder_free(struct pawl_decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    if (decoder->started) {
        (void)inflateEnd(&decoder->zlib);
    }
#ifdef PAWL_HAVE_ZSTD
    ZSTD_freeDStream(decoder->zstd);
#endif
#ifdef PAWL_HAVE_BROTLI
    if (decoder->brotli != NULL) {
        BrotliDecoderDestroyInstance(decoder->brotli);
    }
#endif
    pawl_free(decoder);
}

bool pawl_decoder_complete(const struct pawl_decoder *decoder)
{
    return decoder->complete;
}

/* The next piece of room, or NULL at the maximum. */
static char *room(struct pawl_buf *out, size_t *ret_bytes)
{
    size_t left = out->max_bytes - out->bytes;
    *ret_bytes = left < OUT_STEP_BYTES ? left : OUT_STEP_BYTES;
    return *ret_bytes > 0 ? pawl_buf_reserve(out, *ret_bytes) : NULL;
}

/* --- zlib ----------------------------------------------------------------------------------- */

static int window_of(enum pawl_coding coding, unsigned char first)
{
    if (coding == PAWL_CODING_GZIP) {
        return WINDOW_GZIP;
    }
    /* zlib's header: method 8, window at most 32 KiB. */
    bool zlib_header = (first & 0x0f) == 8 && (first >> 4) <= 7;
    return zlib_header ? WINDOW_ZLIB : WINDOW_RAW;
}

/* One call of inflate; sets `complete` at the end of a member. */
static enum pawl_decode_status inflate_step(struct pawl_decoder *decoder, struct pawl_buf *out)
{
    size_t bytes = 0;
    char *to = room(out, &bytes);
    if (to == NULL) {
        return PAWL_DECODE_TOO_BIG;
    }
    decoder->zlib.next_out = (unsigned char *)to;
    decoder->zlib.avail_out = (unsigned)bytes;
    int status = inflate(&decoder->zlib, Z_NO_FLUSH);
    pawl_buf_advance(out, bytes - decoder->zlib.avail_out);
    switch (status) {
    case Z_OK:
    case Z_BUF_ERROR: /* no progress was possible: all input is taken */
        decoder->complete = false;
        return PAWL_DECODE_OK;
    case Z_STREAM_END:
        decoder->complete = true;
        return inflateReset(&decoder->zlib) == Z_OK ? PAWL_DECODE_OK : PAWL_DECODE_BROKEN;
    case Z_MEM_ERROR:
        return PAWL_DECODE_TOO_BIG;
    default:
        return PAWL_DECODE_BROKEN;
    }
}

static enum pawl_decode_status
feed_zlib(struct pawl_decoder *decoder, struct pawl_slice in, struct pawl_buf *out)
{
    if (!decoder->started) {
        int window = window_of(decoder->coding, (unsigned char)in.data[0]);
        if (inflateInit2(&decoder->zlib, window) != Z_OK) {
            return PAWL_DECODE_TOO_BIG;
        }
        decoder->started = true;
    }
    decoder->zlib.next_in = (const unsigned char *)in.data;
    decoder->zlib.avail_in = (unsigned)in.bytes;
    bool full = true;
    while (decoder->zlib.avail_in > 0 || full) {
        if (decoder->complete && decoder->zlib.avail_in == 0) {
            break;
        }
        enum pawl_decode_status status = inflate_step(decoder, out);
        if (status != PAWL_DECODE_OK) {
            return status;
        }
        full = decoder->zlib.avail_out == 0;
    }
    return PAWL_DECODE_OK;
}

/* --- zstd ----------------------------------------------------------------------------------- */

#ifdef PAWL_HAVE_ZSTD
static enum pawl_decode_status
feed_zstd(struct pawl_decoder *decoder, struct pawl_slice in, struct pawl_buf *out)
{
    ZSTD_inBuffer input = {.src = in.data, .size = in.bytes};
    bool full = true;
    while (input.pos < input.size || full) {
        size_t bytes = 0;
        char *to = room(out, &bytes);
        if (to == NULL) {
            return PAWL_DECODE_TOO_BIG;
        }
        ZSTD_outBuffer output = {.dst = to, .size = bytes};
        size_t status = ZSTD_decompressStream(decoder->zstd, &output, &input);
        if (ZSTD_isError(status)) {
            return PAWL_DECODE_BROKEN;
        }
        pawl_buf_advance(out, output.pos);
        decoder->complete = status == 0;
        full = output.pos == output.size && status != 0;
    }
    return PAWL_DECODE_OK;
}
#endif

/* --- Brotli --------------------------------------------------------------------------------- */

#ifdef PAWL_HAVE_BROTLI
static enum pawl_decode_status
feed_brotli(struct pawl_decoder *decoder, struct pawl_slice in, struct pawl_buf *out)
{
    const unsigned char *from = (const unsigned char *)in.data;
    size_t left = in.bytes;
    BrotliDecoderResult status = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    while (status == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
        size_t bytes = 0;
        unsigned char *to = (unsigned char *)room(out, &bytes);
        if (to == NULL) {
            return PAWL_DECODE_TOO_BIG;
        }
        size_t unused = bytes;
        status = BrotliDecoderDecompressStream(decoder->brotli, &left, &from, &unused, &to, NULL);
        pawl_buf_advance(out, bytes - unused);
    }
    decoder->complete = status == BROTLI_DECODER_RESULT_SUCCESS;
    bool broken = status == BROTLI_DECODER_RESULT_ERROR || (decoder->complete && left > 0);
    return broken ? PAWL_DECODE_BROKEN : PAWL_DECODE_OK;
}
#endif

enum pawl_decode_status
pawl_decoder_feed(struct pawl_decoder *decoder, struct pawl_slice in, struct pawl_buf *out)
{
    PAWL_ASSERT(decoder != NULL && in.bytes <= UINT32_MAX);
    if (in.bytes == 0) {
        return PAWL_DECODE_OK;
    }
#ifdef PAWL_HAVE_ZSTD
    if (decoder->coding == PAWL_CODING_ZSTD) {
        return feed_zstd(decoder, in, out);
    }
#endif
#ifdef PAWL_HAVE_BROTLI
    if (decoder->coding == PAWL_CODING_BROTLI) {
        return feed_brotli(decoder, in, out);
    }
#endif
    return feed_zlib(decoder, in, out);
}
