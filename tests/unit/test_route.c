/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_route.c: which paths are model calls, which are free, which are refused, and where they
 * go upstream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/route.h"

#define SECRET "s3cr3t-s3cr3t-s3cr3t-22"

static struct pawl_route route(const char *method, const char *path)
{
    struct pawl_route_request request = {.method = pawl_slice_str(method),
                                         .path = pawl_slice_str(path)};
    return pawl_route_of(&request, SECRET);
}

struct row {
    const char *method;
    const char *path; /* behind "/<secret>" */
    enum pawl_route_kind kind;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pawl_buf path;
        pawl_buf_init(&path, 4096);
        pawl_buf_append_str(&path, "/" SECRET);
        pawl_buf_append_str(&path, rows[i].path);
        struct pawl_route got = route(rows[i].method, pawl_buf_cstr(&path));
        if (got.kind != rows[i].kind) {
            fail_msg("%s %s: kind %d, expected %d", rows[i].method, rows[i].path, (int)got.kind,
                     (int)rows[i].kind);
        }
        pawl_buf_free(&path);
    }
}

static void model_calls_are_found_with_and_without_the_version(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"POST", "/anthropic/v1/messages", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/anthropic/messages", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/anthropic//v1/messages", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/v1/chat/completions", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/chat/completions", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/v1/responses", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/responses", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/v1/responses/compact", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/v1/completions", PAWL_ROUTE_MODEL_CALL},
        {"POST", "/openai/v1/embeddings", PAWL_ROUTE_MODEL_CALL},
    };
    check_rows(rows, PAWL_ARRAY_LEN(rows));
    assert_int_equal(route("POST", "/" SECRET "/openai/v1/chat/completions").dialect,
                     PAWL_DIALECT_OPENAI_CHAT);
}

static void what_costs_nothing_passes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"GET", "/anthropic/v1/models", PAWL_ROUTE_FREE},
        {"HEAD", "/anthropic/api/hello", PAWL_ROUTE_FREE},
        {"DELETE", "/openai/v1/files/file-1", PAWL_ROUTE_FREE},
        {"OPTIONS", "/openai/v1/chat/completions", PAWL_ROUTE_FREE},
        {"POST", "/anthropic/v1/messages/count_tokens", PAWL_ROUTE_FREE},
        {"POST", "/anthropic/v1/messages/batches/msgbatch_1/cancel", PAWL_ROUTE_FREE},
        {"POST", "/openai/v1/files", PAWL_ROUTE_FREE},
        {"POST", "/openai/v1/responses/resp_1/cancel", PAWL_ROUTE_FREE},
        {"POST", "/openai/v1/responses/input_tokens", PAWL_ROUTE_FREE},
        {"POST", "/openai/v1/conversations", PAWL_ROUTE_FREE},
        {"POST", "/openai/v1/conversations/conv_1/items", PAWL_ROUTE_FREE},
        {"POST", "/gemini/v1beta/models/gemini-2.5-pro:countTokens", PAWL_ROUTE_FREE},
    };
    check_rows(rows, PAWL_ARRAY_LEN(rows));
}

static void what_may_spend_is_not_let_through(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"POST", "/anthropic/v1/messages/batches", PAWL_ROUTE_BATCH},
        {"POST", "/anthropic/v1/complete", PAWL_ROUTE_UNMETERED},
        {"POST", "/anthropic/v1/messages/", PAWL_ROUTE_UNMETERED},
        {"POST", "/anthropic/v1/%6dessages", PAWL_ROUTE_UNMETERED},
        {"POST", "/anthropic/v1/messages/count_tokens/../../messages", PAWL_ROUTE_UNMETERED},
        {"POST", "/anthropic/v1/messages/batches/../cancel", PAWL_ROUTE_UNMETERED},
        {"POST", "/anthropic/v1/messages/batches/a%2fb/cancel", PAWL_ROUTE_UNMETERED},
        {"PUT", "/anthropic/v1/messages", PAWL_ROUTE_UNMETERED},
        {"PATCH", "/openai/v1/x", PAWL_ROUTE_UNMETERED},
        {"post", "/anthropic/v1/messages", PAWL_ROUTE_UNMETERED},
        {"POST", "/openai/v1/responses/resp_1/fork", PAWL_ROUTE_UNMETERED},
        {"POST", "/openai/v1/images/generations", PAWL_ROUTE_UNMETERED},
        {"POST", "/openai/v1/audio/speech", PAWL_ROUTE_UNMETERED},
        {"POST", "/openai/v1/batches", PAWL_ROUTE_BATCH},
        {"POST", "/gemini/v1/models/x/y:countTokens", PAWL_ROUTE_UNMETERED},
        {"POST", "/openai", PAWL_ROUTE_UNMETERED},
    };
    check_rows(rows, PAWL_ARRAY_LEN(rows));
    assert_int_equal(route("POST", "/" SECRET "/openai/v1/responses").dialect,
                     PAWL_DIALECT_OPENAI_RESPONSES);
}

/* --- Google's ------------------------------------------------------------------------------- */

static void googles_free_paths_pass(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"GET", "/gemini/v1beta/models", PAWL_ROUTE_FREE},
        {"POST", "/gemini/models/gemini-2.5-pro:countTokens", PAWL_ROUTE_FREE},
        {"POST", "/gemini/v1alpha/tunedModels/mine:countTokens", PAWL_ROUTE_FREE},
        {"POST", "/gemini/v1beta/files", PAWL_ROUTE_FREE},
        {"POST", "/gemini/upload/v1beta/files", PAWL_ROUTE_FREE},
        {"DELETE", "/gemini/v1beta/cachedContents/c-1", PAWL_ROUTE_FREE},
        {"POST", "/gemini/v1beta/batches/b-1:cancel", PAWL_ROUTE_FREE},
    };
    check_rows(rows, PAWL_ARRAY_LEN(rows));
}

static void what_googles_paths_may_spend_is_not_let_through(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"POST", "/gemini/v1beta/models/m:batchGenerateContent", PAWL_ROUTE_BATCH},
        {"POST", "/gemini/v1beta/models/m:asyncBatchEmbedContent", PAWL_ROUTE_BATCH},
        {"POST", "/gemini/v1beta/models/imagen-4:predict", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/veo-3:predictLongRunning", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/:generateContent", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/m", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/a%2Fb:generateContent", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/m%3AcountTokens", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/x/../m:countTokens", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/upload/v1beta/models/m:countTokens", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1/publishers/anthropic/models/claude-x:rawPredict",
         PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1/publishers/anthropic/models/m:generateContent", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/cachedContents", PAWL_ROUTE_UNMETERED},
        {"PATCH", "/gemini/v1beta/cachedContents/c-1", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/interactions", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/batches/b-1:resume", PAWL_ROUTE_UNMETERED},
        {"POST", "/gemini/v1beta/models/m:generateContent:countTokens/x", PAWL_ROUTE_UNMETERED},
    };
    check_rows(rows, PAWL_ARRAY_LEN(rows));
}

/* --- The table ------------------------------------------------------------------------------ */

struct table_row {
    const char *upstream;
    enum pawl_route_kind kind;
    enum pawl_dialect dialect;
    const char *pattern;
    const char *words;
};

/* "x" for "*", and more of them for what may follow. */
static void append_example(struct pawl_buf *path, const char *pattern)
{
    for (const char *at = pattern; *at != '\0'; at++) {
        bool rest = at[0] == '*' && at[1] == '*';
        pawl_buf_append_str(path, rest ? "x/y%2F.." : "");
        at += rest ? 1 : 0;
        if (!rest) {
            pawl_buf_append_byte(path, *at == '*' ? 'x' : *at);
        }
    }
}

static void check_table_row(const struct table_row *row, const char *version)
{
    struct pawl_buf path;
    pawl_buf_init(&path, 4096);
    pawl_buf_printf(&path, "/" SECRET "/%s%s", row->upstream, version);
    append_example(&path, row->pattern);
    struct pawl_route got = route("POST", pawl_buf_cstr(&path));
    if (got.kind != row->kind || got.dialect != row->dialect || got.words == NULL ||
        strcmp(got.words, row->words) != 0) {
        fail_msg("%s: kind %d, %s", pawl_buf_cstr(&path), (int)got.kind,
                 got.words != NULL ? got.words : "no words");
    }
    assert_int_equal(route("PATCH", pawl_buf_cstr(&path)).kind, PAWL_ROUTE_UNMETERED);
    assert_int_equal(route("GET", pawl_buf_cstr(&path)).kind, PAWL_ROUTE_FREE);
    pawl_buf_free(&path);
}

static void every_row_of_the_table_is_reached(void **state)
{
    (void)state;
#define UPSTREAM_ANTHROPIC "anthropic"
#define UPSTREAM_OPENAI    "openai"
#define UPSTREAM_GEMINI    "gemini"
#define PAWL_ROUTE(upstream, kind, dialect, pattern, words)                                        \
    {UPSTREAM_##upstream, PAWL_ROUTE_##kind, PAWL_DIALECT_##dialect, pattern, words},
#define PAWL_ROUTE_VERB(kind, dialect, answer, verb, words)                                        \
    {"gemini", PAWL_ROUTE_##kind, PAWL_DIALECT_##dialect, "/models/*:" verb, words},
    static const struct table_row rows[] = {
#include "gateway/routes.def"
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        check_table_row(&rows[i], strcmp(rows[i].upstream, "gemini") == 0 ? "/v1beta" : "/v1");
        check_table_row(&rows[i], "");
    }
    assert_null(route("POST", "/" SECRET "/openai/v1/of_next_year").words);
}

static void googles_paths_name_model_and_verb(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *model;
        enum pawl_dialect dialect;
        bool stream;
    } rows[] = {
        {"v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", PAWL_DIALECT_GEMINI,
         false},
        {"v1/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", PAWL_DIALECT_GEMINI,
         true},
        {"v1alpha//tunedModels/mine-1:generateContent", "mine-1", PAWL_DIALECT_GEMINI, false},
        {"models/m:streamGenerateContent", "m", PAWL_DIALECT_GEMINI, true},
        {"v1beta/models/e-1:embedContent", "e-1", PAWL_DIALECT_GEMINI_EMBED, false},
        {"v1beta/models/e-1:batchEmbedContents", "e-1", PAWL_DIALECT_GEMINI_EMBED, false},
        {"v1/publishers/google/models/m:generateContent", "m", PAWL_DIALECT_GEMINI, false},
        {"v1/projects/p/locations/eu/publishers/google/models/m:streamGenerateContent", "m",
         PAWL_DIALECT_GEMINI, true},
        {"v1beta/openai/chat/completions", "", PAWL_DIALECT_OPENAI_CHAT, false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "/" SECRET "/gemini/%s", rows[i].path);
        struct pawl_route got = route("POST", path);
        assert_int_equal(got.kind, PAWL_ROUTE_MODEL_CALL);
        assert_int_equal(got.dialect, rows[i].dialect);
        assert_true(pawl_slice_equal_str(got.model, rows[i].model));
        assert_int_equal(got.stream, rows[i].stream);
    }
}

static void a_method_that_a_header_replaces_is_not_believed(void **state)
{
    (void)state;
    struct pawl_route_request request = {
        .method = PAWL_SLICE("GET"),
        .path = PAWL_SLICE("/" SECRET "/gemini/v1beta/models/m:generateContent"),
        .overridden = true};
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_UNMETERED);
}

static void without_the_secret_there_is_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",
        "",
        "/anthropic/v1/messages",
        "/" SECRET,
        "/" SECRET "/mistral/v1/chat/completions",
        "/" SECRET "x/anthropic/v1/messages",
        "/s3cr3t-s3cr3t-s3cr3t-2/anthropic/v1/messages",
        "/S3cr3t-s3cr3t-s3cr3t-22/anthropic/v1/messages",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(paths); i++) {
        assert_int_equal(route("POST", paths[i]).kind, PAWL_ROUTE_NOT_FOUND);
    }
}

static void the_secret_may_come_by_a_header(void **state)
{
    (void)state;
    struct pawl_route_request request = {.method = PAWL_SLICE("POST"),
                                         .path = PAWL_SLICE("/-/anthropic/v1/messages")};
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_NOT_FOUND);
    request.key = PAWL_SLICE("-");
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_NOT_FOUND);
    request.key = PAWL_SLICE(SECRET);
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_MODEL_CALL);
    /* Where the path has one, only that counts. */
    request.path = PAWL_SLICE("/other/anthropic/v1/messages");
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_NOT_FOUND);
}

static void another_protocol_is_told_apart(void **state)
{
    (void)state;
    struct pawl_route_request request = {.method = PAWL_SLICE("GET"),
                                         .path = PAWL_SLICE("/" SECRET "/openai/v1/responses"),
                                         .upgrade = true};
    assert_int_equal(pawl_route_of(&request, SECRET).kind, PAWL_ROUTE_UPGRADE);
}

static void check_url(const char *path, const char *base, const char *query, const char *expected)
{
    struct pawl_route got = route("POST", path);
    struct pawl_buf url;
    pawl_buf_init(&url, 4096);
    struct pawl_slice trimmed = pawl_route_trim_base(got.upstream, pawl_slice_str(base));
    pawl_route_append_url(&got, trimmed, pawl_slice_str(query), &url);
    assert_string_equal(pawl_buf_cstr(&url), expected);
    pawl_buf_free(&url);
}

static void addresses_upstream_follow_each_vendors_habit(void **state)
{
    (void)state;
    check_url("/" SECRET "/anthropic/v1/messages", "https://api.anthropic.com", "beta=true",
              "https://api.anthropic.com/v1/messages?beta=true");
    check_url("/" SECRET "/anthropic/messages", "https://api.anthropic.com/v1/", "",
              "https://api.anthropic.com/v1/messages");
    check_url("/" SECRET "/anthropic/api/hello", "http://localhost:1/base/v1", "",
              "http://localhost:1/base/api/hello");
    check_url("/" SECRET "/openai/v1/chat/completions", "https://api.openai.com/v1", "",
              "https://api.openai.com/v1/chat/completions");
    check_url("/" SECRET "/openai/chat/completions", "http://localhost:1/api/v9/", "a=b",
              "http://localhost:1/api/v9/chat/completions?a=b");
    check_url("/" SECRET "/gemini/v1beta/models/m:countTokens", "https://example.com", "",
              "https://example.com/v1beta/models/m:countTokens");
    check_url("/" SECRET "/gemini/models/m:streamGenerateContent", "https://example.com/",
              "alt=sse", "https://example.com/v1beta/models/m:streamGenerateContent?alt=sse");
}

static void the_host_is_cut_from_an_address(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://api.openai.com/v1", "api.openai.com"},
        {"http://127.0.0.1:8080", "127.0.0.1"},
        {"https://user:pw@example.com:1/x", "example.com"},
        {"http://[::1]:8080/v1", "[::1]"},
        {"no address", ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_slice host = pawl_route_host_of(pawl_slice_str(rows[i][0]));
        assert_true(pawl_slice_equal_str(host, rows[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_calls_are_found_with_and_without_the_version),
        cmocka_unit_test(what_costs_nothing_passes),
        cmocka_unit_test(what_may_spend_is_not_let_through),
        cmocka_unit_test(googles_free_paths_pass),
        cmocka_unit_test(what_googles_paths_may_spend_is_not_let_through),
        cmocka_unit_test(every_row_of_the_table_is_reached),
        cmocka_unit_test(googles_paths_name_model_and_verb),
        cmocka_unit_test(a_method_that_a_header_replaces_is_not_believed),
        cmocka_unit_test(without_the_secret_there_is_nothing),
        cmocka_unit_test(the_secret_may_come_by_a_header),
        cmocka_unit_test(another_protocol_is_told_apart),
        cmocka_unit_test(addresses_upstream_follow_each_vendors_habit),
        cmocka_unit_test(the_host_is_cut_from_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
