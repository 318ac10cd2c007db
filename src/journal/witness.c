/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.c: see witness.h. One line of text, so that a person can read it and hand it to
 * `pawl verify --expect`: "pawl-witness-1 OP HASH CRC".
 *
 * Failure: a file that is there and is not exactly such a line is damage. It is never taken
 * for "no witness", since then damaging it would be the way around it.
 */
#include "journal/witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"

enum { LINE_BYTES_MAX = 160 };

static const char prefix[] = "pawl-witness-1 ";

const char *pawl_journal_hash_format(const struct pawl_journal_hash *hash,
                                     char out[static PAWL_JOURNAL_HASH_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(hash->bytes); i++) {
        out[2 * i] = digits[hash->bytes[i] >> 4];
        out[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    out[2 * sizeof(hash->bytes)] = '\0';
    return out;
}

/* -1: not a digit. Lower case only: there is one form. */
static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool pawl_journal_hash_parse(struct pawl_slice text, struct pawl_journal_hash *ret_hash)
{
    struct pawl_journal_hash hash;
    if (text.bytes != 2 * sizeof(hash.bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(hash.bytes); i++) {
        int high = digit_value(text.data[2 * i]);
        int low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        hash.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *ret_hash = hash;
    return true;
}

/* Returns the bytes of the line, its newline included. */
static int format_line(const struct pawl_witness *witness, char out[static LINE_BYTES_MAX])
{
    PAWL_ASSERT(witness->op > 0);
    char hash[PAWL_JOURNAL_HASH_TEXT_BYTES];
    int bytes = snprintf(out, LINE_BYTES_MAX, "%s%" PRIu64 " %s", prefix, witness->op,
                         pawl_journal_hash_format(&witness->hash, hash));
    PAWL_ASSERT(bytes > 0 && bytes < LINE_BYTES_MAX);
    uint32_t crc = pawl_crc32c(0, out, (size_t)bytes);
    bytes += snprintf(out + bytes, (size_t)(LINE_BYTES_MAX - bytes), " %08" PRIx32 "\n", crc);
    PAWL_ASSERT(bytes < LINE_BYTES_MAX);
    return bytes;
}

pawl_err pawl_witness_write(const struct pawl_files *files,
                            const char *dir,
                            const struct pawl_witness *witness,
                            struct pawl_errmsg *msg)
{
    char line[LINE_BYTES_MAX];
    char temporary[PAWL_PATH_BYTES_MAX];
    char path[PAWL_PATH_BYTES_MAX];
    int bytes = format_line(witness, line);
    pawl_err err = pawl_files_path(dir, "witness.tmp", temporary, msg);
    if (pawl_ok(err)) {
        err = pawl_files_path(dir, "witness", path, msg);
    }
    struct pawl_slice content = pawl_slice_of(line, (size_t)bytes);
    return pawl_ok(err) ? pawl_files_write(files, temporary, path, content, msg) : err;
}

/* The line parsed and written again must be the same: nothing but our own form is taken. */
static bool parse_line(struct pawl_slice line, struct pawl_witness *ret_witness)
{
    struct pawl_witness witness = {.op = 0};
    struct pawl_slice rest = line;
    if (!pawl_slice_starts_with(rest, pawl_slice_str(prefix))) {
        return false;
    }
    rest = pawl_slice_sub(rest, sizeof(prefix) - 1, rest.bytes);
    struct pawl_slice op = pawl_slice_cut(&rest, ' ');
    struct pawl_slice hash = pawl_slice_cut(&rest, ' ');
    if (!pawl_slice_to_u64(op, &witness.op) || witness.op == 0 ||
        !pawl_journal_hash_parse(hash, &witness.hash)) {
        return false;
    }
    char again[LINE_BYTES_MAX];
    int bytes = format_line(&witness, again);
    if (!pawl_slice_equal(line, pawl_slice_of(again, (size_t)bytes))) {
        return false;
    }
    *ret_witness = witness;
    return true;
}

pawl_err pawl_witness_read(const struct pawl_files *files,
                           const char *dir,
                           struct pawl_witness *ret_witness,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES_MAX];
    char line[LINE_BYTES_MAX];
    struct pawl_file *file = NULL;
    uint64_t bytes = 0;
    pawl_err err = pawl_files_path(dir, "witness", path, msg);
    if (pawl_ok(err)) {
        err = files->ops->open(files->arg, path, &file, &bytes, msg);
    }
    if (err.code == PAWL_ERR_NOT_FOUND) {
        *ret_witness = (struct pawl_witness){.op = 0};
        return PAWL_OK;
    }
    if (pawl_failed(err)) {
        return err;
    }
    bool fits = bytes <= sizeof(line);
    err = fits ? files->ops->read(file, 0, line, (size_t)bytes, msg) : PAWL_OK;
    files->ops->close(file);
    if (pawl_ok(err) && !(fits && parse_line(pawl_slice_of(line, (size_t)bytes), ret_witness))) {
        pawl_errmsg_set(msg,
                        "%s is damaged; compare the journal with a head noted elsewhere (pawl "
                        "verify), then delete it",
                        path);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

struct comparison {
    const struct pawl_witness *witness;
    bool same;
};

static bool compare_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct comparison *comparison = arg;
    const struct pawl_witness *witness = comparison->witness;
    comparison->same = batch->last_op == witness->op &&
                       memcmp(&batch->hash, &witness->hash, sizeof(batch->hash)) == 0;
    return false;
}

pawl_err pawl_witness_compare(struct pawl_journal *journal,
                              const struct pawl_witness *witness,
                              bool *ret_same,
                              struct pawl_errmsg *msg)
{
    PAWL_ASSERT(witness->op > 0);
    struct comparison comparison = {.witness = witness};
    pawl_err err = journal->ops->read(journal, witness->op, compare_batch, &comparison, msg);
    if (pawl_ok(err)) {
        *ret_same = comparison.same;
    }
    return err;
}

pawl_err pawl_witness_check(const struct pawl_files *files,
                            const char *dir,
                            struct pawl_journal *journal,
                            struct pawl_witness *ret_witness,
                            struct pawl_errmsg *msg)
{
    struct pawl_witness witness = {.op = 0};
    pawl_err err = pawl_witness_read(files, dir, &witness, msg);
    *ret_witness = witness;
    if (pawl_failed(err) || witness.op == 0) {
        return err;
    }
    struct pawl_journal_head head = journal->ops->head(journal);
    if (head.last_op < witness.op) {
        pawl_errmsg_set(msg,
                        "the journal in %s ends at operation %" PRIu64 ", but it had %" PRIu64
                        ": an older copy was put back, or its end is lost. Put the right files "
                        "back; if the loss is accepted, delete %s/witness",
                        dir, head.last_op, witness.op, dir);
        return PAWL_ERR(CORRUPT);
    }
    bool same = false;
    err = pawl_witness_compare(journal, &witness, &same, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        return PAWL_OK;
    }
    if (pawl_ok(err) && !same) {
        pawl_errmsg_set(msg,
                        "the journal in %s is not the one that its witness saw at operation "
                        "%" PRIu64 ". Put the right files back",
                        dir, witness.op);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}
