/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_codec.c: every command and result comes back from its bytes as it was, there is one
 * form of each, and no bytes make the decoder fall over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "core/codec.h"
#include "death.h"
#include "seed.h"
#include "tests/lib/generate.h"

enum { ROUNDS = 400, ARENA_BYTES = 1 << 20, BUF_BYTES = 1 << 17 };

struct bench {
    struct pawl_prng prng;
    struct pawl_arena arena;
    struct pawl_buf first;
    struct pawl_buf second;
    struct pawl_codec_scratch scratch;
};

static struct bench *bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    pawl_prng_seed(&bench->prng, seed);
    pawl_arena_init(&bench->arena, ARENA_BYTES);
    pawl_buf_init(&bench->first, BUF_BYTES);
    pawl_buf_init(&bench->second, BUF_BYTES);
    return bench;
}

static void bench_free(struct bench *bench)
{
    pawl_arena_free(&bench->arena);
    pawl_buf_free(&bench->first);
    pawl_buf_free(&bench->second);
    free(bench);
}

static void bench_reset(struct bench *bench)
{
    pawl_arena_reset(&bench->arena);
    pawl_buf_reset(&bench->first);
    pawl_buf_reset(&bench->second);
}

/* Bytes in memory of exactly their length, so that a sanitizer sees a read past the end. */
static char *exact_copy(struct pawl_slice bytes)
{
    char *copy = malloc(bytes.bytes > 0 ? bytes.bytes : 1);
    assert_non_null(copy);
    if (bytes.bytes > 0) {
        memcpy(copy, bytes.data, bytes.bytes);
    }
    return copy;
}

static void assert_same_text(struct pawl_slice a, struct pawl_slice b)
{
    assert_true(pawl_slice_equal(a, b));
}

/* Decodes `first`, encodes what came out into `second`, and wants the same bytes. */
static void roundtrip_command(struct bench *bench, struct pawl_command *ret_command)
{
    struct pawl_slice rest = pawl_buf_slice(&bench->first);
    assert_true(pawl_codec_decode_command(&rest, &bench->scratch, ret_command));
    assert_int_equal(rest.bytes, 0);
    pawl_buf_reset(&bench->second);
    pawl_codec_encode_command(&bench->second, ret_command);
    assert_false(bench->second.overflowed);
    assert_int_equal(bench->first.bytes, bench->second.bytes);
    assert_memory_equal(bench->first.data, bench->second.data, bench->first.bytes);
}

static void commands_of_every_type_come_back_as_the_same_bytes(void **state)
{
    (void)state;
    uint64_t seed = seed_for("test_codec") + 11;
    struct bench *bench = bench_new(seed);
    for (uint16_t type = 1; type < PAWL_COMMAND_TYPE_END; type++) {
        for (int i = 0; i < ROUNDS; i++) {
            bench_reset(bench);
            struct pawl_command command;
            generate_command_of_type(&bench->prng, &bench->arena, type, &command);
            assert_true(pawl_codec_command_fits(&command));
            pawl_codec_encode_command(&bench->first, &command);
            assert_false(bench->first.overflowed);
            struct pawl_command decoded;
            roundtrip_command(bench, &decoded);
            assert_int_equal(decoded.type, type);
            assert_same_text(decoded.idempotency_key, command.idempotency_key);
            assert_same_text(decoded.metadata, command.metadata);
            assert_memory_equal(decoded.payload_hash, command.payload_hash,
                                sizeof(command.payload_hash));
        }
    }
    bench_free(bench);
}

static void a_reserve_keeps_each_of_its_fields(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct pawl_command command = {
        .type = PAWL_COMMAND_RESERVE,
        .idempotency_key = PAWL_SLICE("key"),
        .payload_hash = {1, 2},
        .metadata = PAWL_SLICE("{\"model\":\"x\"}"),
        .u.reserve = {.subject = {.levels = {[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme"),
                                             [PAWL_LEVEL_AGENT] = PAWL_SLICE("bot")},
                                  .dimension_count = 1,
                                  .dimensions = {{PAWL_SLICE("engineer"), PAWL_SLICE("alice")}},
                                  .session = PAWL_SLICE("run_1")},
                      .phase = PAWL_SLICE("verification"),
                      .line_count = 2,
                      .lines = {{PAWL_UNIT_USD_MICROCENTS, 150}, {PAWL_UNIT_TOKENS, 7}},
                      .ttl_ms = 60000,
                      .grace_ms = 5000,
                      .overage = PAWL_OVERAGE_BOOK_FULL,
                      .on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD,
                      .priority = PAWL_PRIORITY_LOW}};
    pawl_codec_encode_command(&bench->first, &command);
    struct pawl_command decoded;
    roundtrip_command(bench, &decoded);
    const struct pawl_command_reserve *a = &command.u.reserve;
    const struct pawl_command_reserve *b = &decoded.u.reserve;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        assert_same_text(a->subject.levels[i], b->subject.levels[i]);
    }
    assert_int_equal(b->subject.dimension_count, 1);
    assert_same_text(a->subject.dimensions[0].name, b->subject.dimensions[0].name);
    assert_same_text(a->subject.dimensions[0].value, b->subject.dimensions[0].value);
    assert_same_text(a->subject.session, b->subject.session);
    assert_same_text(a->phase, b->phase);
    assert_int_equal(b->line_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(a->lines[i].unit, b->lines[i].unit);
        assert_int_equal(a->lines[i].value, b->lines[i].value);
    }
    assert_int_equal(b->ttl_ms, 60000);
    assert_int_equal(b->grace_ms, 5000);
    assert_int_equal(b->overage, PAWL_OVERAGE_BOOK_FULL);
    assert_int_equal(b->on_expiry, PAWL_ON_EXPIRY_SETTLE_AT_HOLD);
    assert_int_equal(b->priority, PAWL_PRIORITY_LOW);
    bench_free(bench);
}

/* The layout is a promise: these bytes are on disks. docs/JOURNAL.md, section 3. */
static void the_bytes_are_those_of_the_documentation(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct pawl_command command = {.type = PAWL_COMMAND_COMMIT,
                                   .idempotency_key = PAWL_SLICE("k"),
                                   .u.settle = {.reservation = 0x1122334455667788,
                                                .line_count = 1,
                                                .lines = {{PAWL_UNIT_TOKENS, -2}}}};
    static const unsigned char expected[] = {
        9,    0,    1,                                   /* type, parts */
        1,    0,    'k',                                 /* key */
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  /* reservation */
        1,    2,    0,                                   /* one line, its unit */
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}; /* its value */
    pawl_codec_encode_command(&bench->first, &command);
    assert_int_equal(bench->first.bytes, sizeof(expected));
    assert_memory_equal(bench->first.data, expected, sizeof(expected));

    struct pawl_result result = {.code = PAWL_RESULT_OK,
                                 .over_limit = true,
                                 .op = 5,
                                 .now_us = 7,
                                 .id = 0x1122334455667788,
                                 .delta_count = 1,
                                 .deltas = {{.budget = 3, .ordinal = 4, .unit = 1, .spent = 6}}};
    static const unsigned char expected_result[] = {
        0,    0,    0x92, 0,                            /* code, parts 2 + 16 + 128 */
        5,    0,    0,    0,    0,    0,    0,    0,    /* op */
        7,    0,    0,    0,    0,    0,    0,    0,    /* now_us */
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* id */
        1,                                              /* one delta */
        3,    0,    0,    0,    0,    0,    0,    0,    /* budget */
        4,    0,    0,    0,    1,    0,    2,          /* ordinal, unit, parts */
        6,    0,    0,    0,    0,    0,    0,    0};   /* spent */
    pawl_codec_encode_result(&bench->second, &result);
    assert_int_equal(bench->second.bytes, sizeof(expected_result));
    assert_memory_equal(bench->second.data, expected_result, sizeof(expected_result));
    bench_free(bench);
}

static void results_come_back_as_they_were(void **state)
{
    (void)state;
    uint64_t seed = seed_for("test_codec") + 12;
    struct bench *bench = bench_new(seed);
    for (int i = 0; i < ROUNDS * 10; i++) {
        bench_reset(bench);
        struct pawl_result result;
        generate_result(&bench->prng, &bench->arena, (uint64_t)i + 1, i, &result);
        pawl_codec_encode_result(&bench->first, &result);
        struct pawl_slice rest = pawl_buf_slice(&bench->first);
        struct pawl_result decoded;
        assert_true(pawl_codec_decode_result(&rest, &bench->scratch, &decoded));
        assert_int_equal(rest.bytes, 0);
        assert_int_equal(decoded.code, result.code);
        assert_int_equal(decoded.replayed, result.replayed);
        assert_int_equal(decoded.original_op, result.original_op);
        assert_int_equal(decoded.expires_us, result.expires_us);
        assert_int_equal(decoded.denial.fits, result.denial.fits);
        assert_int_equal(decoded.line_count, result.line_count);
        assert_int_equal(decoded.delta_count, result.delta_count);
        for (uint32_t d = 0; d < result.delta_count; d++) {
            assert_int_equal(decoded.deltas[d].budget, result.deltas[d].budget);
            assert_int_equal(decoded.deltas[d].reserved, result.deltas[d].reserved);
            assert_int_equal(decoded.deltas[d].spent, result.deltas[d].spent);
            assert_int_equal(decoded.deltas[d].debt, result.deltas[d].debt);
            assert_int_equal(decoded.deltas[d].allocated, result.deltas[d].allocated);
        }
        assert_int_equal(decoded.standing_count, result.standing_count);
        for (uint32_t d = 0; d < result.standing_count; d++) {
            const struct pawl_standing *a = &decoded.standings[d];
            const struct pawl_standing *b = &result.standings[d];
            assert_int_equal(a->allocated, b->allocated);
            assert_int_equal(a->reserved, b->reserved);
            assert_int_equal(a->spent, b->spent);
            assert_int_equal(a->debt, b->debt);
            assert_int_equal(a->overdraft_limit, b->overdraft_limit);
            assert_int_equal(a->over_limit, b->over_limit);
        }
        pawl_codec_encode_result(&bench->second, &decoded);
        assert_int_equal(bench->first.bytes, bench->second.bytes);
        assert_memory_equal(bench->first.data, bench->second.data, bench->first.bytes);
    }
    bench_free(bench);
}

/* Decodes bytes that may be anything. If they are taken, they are the one form (J8). */
static bool decode_anything(struct bench *bench, struct pawl_slice bytes, bool as_result)
{
    char *copy = exact_copy(bytes);
    struct pawl_slice rest = {copy, bytes.bytes};
    pawl_buf_reset(&bench->second);
    bool taken = false;
    if (as_result) {
        struct pawl_result result;
        taken = pawl_codec_decode_result(&rest, &bench->scratch, &result);
        if (taken) {
            pawl_codec_encode_result(&bench->second, &result);
        }
    } else {
        struct pawl_command command;
        taken = pawl_codec_decode_command(&rest, &bench->scratch, &command);
        if (taken) {
            assert_true(pawl_codec_command_fits(&command));
            pawl_codec_encode_command(&bench->second, &command);
        }
    }
    if (taken) {
        assert_int_equal(bench->second.bytes, bytes.bytes - rest.bytes);
        assert_memory_equal(bench->second.data, copy, bench->second.bytes);
    } else {
        assert_int_equal(rest.bytes, bytes.bytes);
    }
    free(copy);
    return taken;
}

static void damaged_bytes_are_refused_or_are_another_encoding(void **state)
{
    (void)state;
    uint64_t seed = seed_for("test_codec") + 13;
    struct bench *bench = bench_new(seed);
    unsigned refused = 0;
    unsigned taken = 0;
    for (int i = 0; i < ROUNDS * 20; i++) {
        bench_reset(bench);
        bool as_result = pawl_prng_one_in(&bench->prng, 2);
        if (as_result) {
            struct pawl_result result;
            generate_result(&bench->prng, &bench->arena, 1, 1, &result);
            pawl_codec_encode_result(&bench->first, &result);
        } else {
            struct pawl_command command;
            generate_command(&bench->prng, &bench->arena, &command);
            pawl_codec_encode_command(&bench->first, &command);
        }
        struct pawl_slice bytes = pawl_buf_slice(&bench->first);
        if (pawl_prng_one_in(&bench->prng, 2)) {
            bytes.bytes = (size_t)pawl_prng_below(&bench->prng, bytes.bytes);
            assert_false(decode_anything(bench, bytes, as_result));
            refused++;
        } else {
            uint64_t bit = pawl_prng_below(&bench->prng, (bytes.bytes < 40 ? bytes.bytes : 40) * 8);
            bench->first.data[bit / 8] ^= (char)(1U << (bit % 8));
            decode_anything(bench, bytes, as_result) ? taken++ : refused++;
        }
    }
    assert_true(refused > 0 && taken > 0);
    bench_free(bench);
}

/* J8: what is not given is not there, and what is there is given. */
static void parts_of_new_fields_have_one_form(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct pawl_result result = {.op = 5,
                                 .delta_count = 1,
                                 .deltas = {{.budget = 3, .allocated = -2}},
                                 .standing_count = 1,
                                 .standings = {{.allocated = 6, .over_limit = true}}};
    pawl_codec_encode_result(&bench->first, &result);
    char *bytes = bench->first.data;
    size_t standing = 2 + 2 + 8 + 8 + 1 + (8 + 4 + 2 + 1 + 8);
    assert_int_equal(bench->first.bytes, standing + 1 + 8);
    assert_int_equal(bytes[2], (char)128);     /* deltas … */
    assert_int_equal(bytes[3], 4);             /* … and standings */
    assert_int_equal(bytes[standing - 9], 8);  /* allocated, of the delta */
    assert_int_equal(bytes[standing], 8 | 32); /* allocated and over its limit */
    struct pawl_slice whole = pawl_buf_slice(&bench->first);
    assert_true(decode_anything(bench, whole, true));
    bytes[standing] = 8 | 32 | 64; /* a bit that means nothing */
    assert_false(decode_anything(bench, whole, true));
    bytes[standing] = 8 | 32;
    bytes[standing + 1] = 0; /* allocated is said to be there and is zero */
    assert_false(decode_anything(bench, whole, true));
    bytes[standing + 1] = 6;
    bytes[2] = 0; /* standings without deltas */
    assert_false(decode_anything(bench, whole, true));

    struct pawl_command reserve = {.type = PAWL_COMMAND_RESERVE,
                                   .u.reserve = {.throttle = 7, .throttle_per_minute = 2}};
    bench_reset(bench);
    pawl_codec_encode_command(&bench->first, &reserve);
    whole = pawl_buf_slice(&bench->first);
    char *throttle = bench->first.data + whole.bytes - 12;
    assert_int_equal(throttle[-1], 1);
    assert_true(decode_anything(bench, whole, false));
    throttle[0] = 0;
    assert_true(decode_anything(bench, whole, false)); /* nonsense, for the ledger to refuse */
    throttle[8] = 0;
    assert_false(decode_anything(bench, whole, false)); /* given, and nothing is */
    throttle[8] = 2;
    throttle[-1] = 2;
    assert_false(decode_anything(bench, whole, false));
    bench_free(bench);
}

static void random_bytes_are_survived(void **state)
{
    (void)state;
    uint64_t seed = seed_for("test_codec") + 14;
    struct bench *bench = bench_new(seed);
    char bytes[200];
    for (int i = 0; i < ROUNDS * 50; i++) {
        for (size_t b = 0; b < sizeof(bytes); b++) {
            /* Mostly small numbers, so that counts and lengths are often plausible. */
            bytes[b] = (char)(pawl_prng_one_in(&bench->prng, 3) ? pawl_prng_next(&bench->prng)
                                                                : pawl_prng_below(&bench->prng, 4));
        }
        struct pawl_slice slice = {bytes, (size_t)pawl_prng_below(&bench->prng, sizeof(bytes) + 1)};
        (void)decode_anything(bench, slice, i % 2 == 0);
    }
    bench_free(bench);
}

static void what_is_too_long_does_not_fit(void **state)
{
    (void)state;
    char text[PAWL_METADATA_BYTES_MAX + 1];
    memset(text, 'x', sizeof(text));
    struct pawl_command note = {.type = PAWL_COMMAND_NOTE};
    assert_true(pawl_codec_command_fits(&note));
    note.u.note.tenant = pawl_slice_of(text, PAWL_NAME_BYTES_MAX);
    assert_true(pawl_codec_command_fits(&note));
    note.u.note.tenant = pawl_slice_of(text, PAWL_NAME_BYTES_MAX + 1);
    assert_false(pawl_codec_command_fits(&note));
    note.u.note.tenant = PAWL_SLICE_NONE;
    note.metadata = pawl_slice_of(text, PAWL_METADATA_BYTES_MAX);
    note.idempotency_key = pawl_slice_of(text, PAWL_KEY_BYTES_MAX);
    assert_true(pawl_codec_command_fits(&note));
    note.metadata.bytes++;
    assert_false(pawl_codec_command_fits(&note));
    note.metadata.bytes--;
    note.idempotency_key.bytes++;
    assert_false(pawl_codec_command_fits(&note));

    struct pawl_command reserve = {.type = PAWL_COMMAND_RESERVE,
                                   .u.reserve.line_count = PAWL_LINES_MAX + 1};
    assert_false(pawl_codec_command_fits(&reserve));
    reserve.u.reserve.line_count = UINT32_MAX;
    assert_false(pawl_codec_command_fits(&reserve));
    reserve.u.reserve.line_count = 1;
    reserve.u.reserve.subject.dimension_count = PAWL_DIMENSIONS_MAX + 1;
    assert_false(pawl_codec_command_fits(&reserve));
    struct pawl_command open = {.type = PAWL_COMMAND_SESSION_OPEN,
                                .u.session_open.cap_count = PAWL_SESSION_CAPS_MAX + 1};
    assert_false(pawl_codec_command_fits(&open));
    struct pawl_command tz = {.type = PAWL_COMMAND_TZ_DEFINE,
                              .u.tz_define.transition_count = PAWL_TZ_TRANSITIONS_MAX + 1};
    assert_false(pawl_codec_command_fits(&tz));
    struct pawl_command put = {.type = PAWL_COMMAND_DOCUMENT_PUT};
    put.u.document_put.body = pawl_slice_of(text, PAWL_DOCUMENT_BYTES_MAX);
    assert_true(pawl_codec_command_fits(&put));
    put.u.document_put.body.bytes++;
    assert_false(pawl_codec_command_fits(&put));
    struct pawl_command unknown = {.type = PAWL_COMMAND_TYPE_END};
    assert_false(pawl_codec_command_fits(&unknown));
    unknown.type = 0;
    assert_false(pawl_codec_command_fits(&unknown));
}

static void a_full_buffer_gets_its_flag_and_nothing_else(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 10);
    pawl_buf_append_str(&buf, "before");
    struct pawl_command release = {.type = PAWL_COMMAND_RELEASE};
    pawl_codec_encode_command(&buf, &release);
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 6);
    pawl_buf_reset(&buf);
    struct pawl_result result = {.code = PAWL_RESULT_OK};
    pawl_codec_encode_result(&buf, &result);
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 0);
    pawl_buf_free(&buf);
}

static void encode_too_many_lines(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1000);
    struct pawl_command grow = {.type = PAWL_COMMAND_GROW, .u.grow.line_count = PAWL_LINES_MAX + 1};
    pawl_codec_encode_command(&buf, &grow);
}

static void encoding_what_does_not_fit_is_a_bug(void **state)
{
    (void)state;
    struct death death = death_of(encode_too_many_lines);
    assert_true(death.aborted);
    assert_non_null(strstr(death.text, "too_long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_of_every_type_come_back_as_the_same_bytes),
        cmocka_unit_test(a_reserve_keeps_each_of_its_fields),
        cmocka_unit_test(the_bytes_are_those_of_the_documentation),
        cmocka_unit_test(results_come_back_as_they_were),
        cmocka_unit_test(damaged_bytes_are_refused_or_are_another_encoding),
        cmocka_unit_test(parts_of_new_fields_have_one_form),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(what_is_too_long_does_not_fit),
        cmocka_unit_test(a_full_buffer_gets_its_flag_and_nothing_else),
        cmocka_unit_test(encoding_what_does_not_fit_is_a_bug),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
