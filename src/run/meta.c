/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.c: see meta.h. The text is written with generous limits first and again with narrower
 * ones until it fits; the narrowest always does, since file names and ids are bounded too.
 */
#include "run/meta.h"

#include <ctype.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "core/command.h"
#include "run/caps.h"

struct limits {
    size_t word_bytes; /* of one argument, and of the working directory */
    size_t word_count;
    size_t line_bytes; /* of the command line */
};

static const struct limits limits[] = {{1024, 64, 1024}, {256, 24, 512}, {64, 8, 128}, {8, 2, 16}};

static const char hidden[] = "(hidden)";

/* --- Credentials --------------------------------------------------------------------------- */

static bool contains(struct pawl_slice text, const char *word)
{
    size_t bytes = strlen(word);
    for (size_t i = 0; i + bytes <= text.bytes; i++) {
        if (pawl_slice_equal_nocase(pawl_slice_sub(text, i, bytes), pawl_slice_str(word))) {
            return true;
        }
    }
    return false;
}

/* An option (or VARIABLE=…) whose value is a secret by its name. */
static bool names_secret(struct pawl_slice name)
{
    static const char *const words[] = {"key",    "token",      "secret",
                                        "passwd", "credential", "password"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(words); i++) {
        if (contains(name, words[i])) {
            return true;
        }
    }
    return false;
}

/* Counts and the like ("--max-tokens 500") are none. */
static bool could_be_secret(struct pawl_slice value)
{
    return value.bytes >= 8 && value.data[0] != '-';
}

static bool begins_as_key(struct pawl_slice word)
{
    static const char *const beginnings[] = {"sk-", "sk_", "AIza", "ghp_", "xoxb-", "Bearer "};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(beginnings); i++) {
        if (pawl_slice_starts_with(word, pawl_slice_str(beginnings[i])) && word.bytes >= 16) {
            return true;
        }
    }
    return false;
}

/* The part of argv[index] that may be shown; the rest is hidden. */
static struct pawl_slice visible_part(char *const *argv, size_t index, bool *ret_hides)
{
    struct pawl_slice word = pawl_slice_str(argv[index]);
    struct pawl_slice value = word;
    struct pawl_slice name = pawl_slice_cut(&value, '=');
    *ret_hides = true;
    if (begins_as_key(word)) {
        return PAWL_SLICE_NONE;
    }
    if (name.bytes < word.bytes && (names_secret(name) || begins_as_key(value)) &&
        could_be_secret(value)) {
        return pawl_slice_sub(word, 0, name.bytes + 1);
    }
    bool after_option = index > 0 && argv[index - 1][0] == '-' &&
                        strchr(argv[index - 1], '=') == NULL &&
                        names_secret(pawl_slice_str(argv[index - 1]));
    if (after_option && could_be_secret(word)) {
        return PAWL_SLICE_NONE;
    }
    *ret_hides = false;
    return word;
}

/* --- The command line ---------------------------------------------------------------------- */

static bool plain(char byte)
{
    return isalnum((unsigned char)byte) != 0 ||
           (byte != '\0' && strchr("_@%+=:,./-", byte) != NULL);
}

static void append_quoted(struct pawl_buf *out, struct pawl_slice word)
{
    bool quotes = word.bytes == 0;
    for (size_t i = 0; i < word.bytes; i++) {
        quotes = quotes || !plain(word.data[i]);
    }
    if (!quotes) {
        pawl_buf_append_slice(out, word);
        return;
    }
    pawl_buf_append_byte(out, '\'');
    for (size_t i = 0; i < word.bytes; i++) {
        if (word.data[i] == '\'') {
            pawl_buf_append_str(out, "'\\''");
        } else {
            pawl_buf_append_byte(out, word.data[i]);
        }
    }
    pawl_buf_append_byte(out, '\'');
}

void pawl_meta_command_line(char *const *argv, size_t bytes_max, struct pawl_buf *out)
{
    size_t start = out->bytes;
    for (size_t i = 0; argv[i] != NULL && out->bytes - start < bytes_max; i++) {
        bool hides = false;
        struct pawl_slice word = visible_part(argv, i, &hides);
        if (i > 0) {
            pawl_buf_append_byte(out, ' ');
        }
        if (hides) {
            pawl_buf_append_slice(out, word);
            pawl_buf_append_str(out, hidden);
        } else {
            append_quoted(out, pawl_slice_sub(word, 0, bytes_max));
        }
    }
    if (out->bytes - start > bytes_max) {
        out->bytes = start + bytes_max;
        pawl_buf_append_str(out, "...");
    }
}

void pawl_meta_data_dir(const char *data_dir, struct pawl_buf *out)
{
    if (data_dir != NULL) {
        pawl_buf_append_str(out, " --data-dir ");
        append_quoted(out, pawl_slice_str(data_dir));
    }
}

/* --- The object ---------------------------------------------------------------------------- */

static void put_argv(struct pawl_json_writer *writer, char *const *argv, const struct limits *limit)
{
    struct pawl_buf word;
    pawl_buf_init(&word, limit->word_bytes + sizeof(hidden));
    pawl_json_key(writer, "argv");
    pawl_json_array_begin(writer);
    for (size_t i = 0; argv[i] != NULL && i < limit->word_count; i++) {
        bool hides = false;
        struct pawl_slice part = visible_part(argv, i, &hides);
        pawl_buf_reset(&word);
        pawl_buf_append_slice(&word, pawl_slice_sub(part, 0, limit->word_bytes));
        if (hides) {
            pawl_buf_append_str(&word, hidden);
        }
        pawl_json_put_string(writer, pawl_buf_slice(&word));
    }
    pawl_json_array_end(writer);
    pawl_buf_free(&word);
}

/* Whether put_argv leaves nothing out. */
static bool argv_is_whole(char *const *argv, const struct limits *limit)
{
    size_t count = 0;
    for (; argv[count] != NULL; count++) {
        bool hides = false;
        struct pawl_slice part = visible_part(argv, count, &hides);
        if (hides || part.bytes > limit->word_bytes) {
            return false;
        }
    }
    return count <= limit->word_count;
}

static void put_link(struct pawl_json_writer *writer, const struct pawl_meta *meta)
{
    if (meta->resumed_from == NULL) {
        return;
    }
    pawl_json_member_str(writer, "resumed_from", meta->resumed_from);
    pawl_json_key(writer, "before");
    pawl_json_object_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_member_i64(writer, pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)),
                             meta->spent_before[i]);
    }
    pawl_json_object_end(writer);
}

static void put_caps(struct pawl_json_writer *writer, const struct pawl_run_cap *caps)
{
    pawl_json_key(writer, "caps");
    pawl_json_object_begin(writer);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        pawl_json_key(writer, pawl_unit_name(pawl_cap_unit((enum pawl_run_cap_index)i)));
        pawl_json_object_begin(writer);
        pawl_json_member_i64(writer, "amount", caps[i].amount);
        pawl_json_member_str(writer, "origin", pawl_origin_name(caps[i].origin));
        pawl_json_object_end(writer);
    }
    pawl_json_object_end(writer);
}

/* What flags said that no policy has, for whoever goes on with it. A path that is cut is none. */
static void
put_told(struct pawl_json_writer *writer, const struct pawl_meta *meta, const struct limits *limit)
{
    if (meta->agent != NULL) {
        pawl_json_member_str(writer, "agent", meta->agent);
    }
    if (meta->billing != NULL) {
        pawl_json_member_str(writer, "billing", meta->billing);
    }
    if (meta->prices != NULL && strlen(meta->prices) <= limit->word_bytes) {
        pawl_json_member_str(writer, "prices", meta->prices);
    }
    if (meta->allow_batches) {
        pawl_json_member_bool(writer, "allow_batches", true);
    }
    pawl_json_member_bool(writer, "policy_chosen", meta->policy_chosen);
}

static void put_meta(const struct pawl_meta *meta, const struct limits *limit, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    struct pawl_buf line;
    pawl_buf_init(&line, PAWL_METADATA_BYTES_MAX);
    pawl_meta_command_line(meta->argv, limit->line_bytes, &line);
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", meta->run_id);
    if (meta->name != NULL) {
        pawl_json_member_string(&writer, "name",
                                pawl_slice_sub(pawl_slice_str(meta->name), 0, limit->word_bytes));
    }
    pawl_json_member_string(&writer, "command", pawl_buf_slice(&line));
    put_argv(&writer, meta->argv, limit);
    pawl_json_member_bool(&writer, "argv_whole", argv_is_whole(meta->argv, limit));
    pawl_json_member_string(&writer, "cwd",
                            pawl_slice_sub(pawl_slice_str(meta->cwd), 0, limit->word_bytes));
    pawl_json_member_i64(&writer, "pid", meta->pid);
    pawl_json_member_i64(&writer, "started_ms", meta->started_us / PAWL_US_PER_MS);
    pawl_json_member_str(&writer, "policy", meta->policy);
    pawl_json_member_bool(&writer, "attended", meta->attended);
    if (meta->repo[0] != '\0') {
        pawl_json_member_string(&writer, "repo",
                                pawl_slice_sub(pawl_slice_str(meta->repo), 0, limit->word_bytes));
    }
    if (meta->keep_ms > 0) {
        pawl_json_member_i64(&writer, "keep_ms", meta->keep_ms);
    }
    if (meta->model != NULL) {
        pawl_json_member_string(&writer, "model",
                                pawl_slice_sub(pawl_slice_str(meta->model), 0, limit->word_bytes));
    }
    pawl_json_member_str(&writer, "primary", pawl_unit_name(pawl_cap_unit(meta->primary)));
    put_caps(&writer, meta->caps);
    put_told(&writer, meta, limit);
    put_link(&writer, meta);
    pawl_json_object_end(&writer);
    pawl_buf_free(&line);
}

void pawl_meta_write(const struct pawl_meta *meta, struct pawl_buf *out)
{
    PAWL_ASSERT(out->max_bytes >= PAWL_METADATA_BYTES_MAX);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(limits); i++) {
        pawl_buf_reset(out);
        put_meta(meta, &limits[i], out);
        if (!out->overflowed && out->bytes <= PAWL_METADATA_BYTES_MAX) {
            return;
        }
    }
}
