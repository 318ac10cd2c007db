/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_file.c: a server's file, in the part of YAML that policies have, and what an address
 * looks like. The first problem is told and ends the reading: a server with half a configuration is
 * none.
 */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "base/nearest.h"
#include "policy/yaml.h"
#include "server/options.h"

enum {
    FILE_BYTES_MAX = 64 * 1024,
    SOCKET_PATH_BYTES_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1
};

struct file_reader {
    struct pawl_serve_options *options;
    const char *path;
    struct pawl_errmsg *msg;
    uint64_t seen; /* a bit for each option */
    bool failed;
    /* The key that was read last. */
    int key; /* PAWL_SERVE_OPTION_COUNT: none */
    uint32_t key_line;
    uint32_t key_values;
};
_Static_assert(PAWL_SERVE_OPTION_COUNT <= 64, "a bit for each option");

static void tell(void *arg, uint32_t line, const char *path, const char *message)
{
    struct file_reader *reader = arg;
    if (reader->failed) {
        return;
    }
    reader->failed = true;
    pawl_errmsg_set(reader->msg, "%.200s:%u: %s%s%s", reader->path, (unsigned)line, path,
                    path[0] != '\0' ? ": " : "", message);
}

/* The option of a key in which '_' stands for '-' as well; PAWL_SERVE_OPTION_COUNT: none. */
static int find_option(const char *key, const char **ret_near)
{
    char flag[PAWL_YAML_PATH_BYTES];
    (void)snprintf(flag, sizeof(flag), "%s", key);
    for (char *c = flag; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    struct pawl_nearest nearest = {.word = flag};
    for (int i = 0; i < PAWL_SERVE_OPTION_COUNT; i++) {
        if (pawl_serve_option_table[i].places != PAWL_SERVE_PLACES_A) {
            continue;
        }
        if (strcmp(pawl_serve_option_table[i].flag, flag) == 0) {
            return i;
        }
        pawl_nearest_offer(&nearest, pawl_serve_option_table[i].flag);
    }
    *ret_near = nearest.found;
    return PAWL_SERVE_OPTION_COUNT;
}

static void end_key(struct file_reader *reader)
{
    if (reader->key != PAWL_SERVE_OPTION_COUNT && reader->key_values == 0) {
        tell(reader, reader->key_line, pawl_serve_option_table[reader->key].flag, "is empty");
    }
    reader->key = PAWL_SERVE_OPTION_COUNT;
}

static void take_key(void *arg, uint32_t line, const char *path)
{
    struct file_reader *reader = arg;
    char message[160];
    const char *near = NULL;
    int id = find_option(path, &near);
    if (strchr(path, '.') != NULL && reader->key != PAWL_SERVE_OPTION_COUNT) {
        tell(reader, reader->key_line, pawl_serve_option_table[reader->key].flag,
             "takes a value, not fields of its own");
    }
    end_key(reader);
    if (id == PAWL_SERVE_OPTION_COUNT) {
        (void)snprintf(message, sizeof(message), "there is no such option%s%s%s",
                       near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                       near != NULL ? "?" : "");
        tell(reader, line, path, message);
    } else if ((reader->seen >> id & 1) != 0) {
        tell(reader, line, path, "is there twice");
    } else {
        reader->seen |= UINT64_C(1) << id;
        reader->key = id;
        reader->key_line = line;
        reader->key_values = 0;
    }
}

static void take_field(void *arg, uint32_t line, const char *path, struct pawl_slice text)
{
    struct file_reader *reader = arg;
    struct pawl_errmsg why;
    const char *near = NULL;
    char value[4096];
    int id = find_option(path, &near);
    if (reader->failed || id == PAWL_SERVE_OPTION_COUNT) {
        return;
    }
    reader->key_values++;
    if (reader->key_values > 1 && pawl_serve_option_table[id].type != PAWL_SERVE_LIST) {
        tell(reader, line, path, "takes one value, not a list");
        return;
    }
    if (memchr(text.data, '\0', text.bytes) != NULL ||
        !pawl_slice_copy_str(text, value, sizeof(value))) {
        tell(reader, line, path, "the text is too long, or holds a NUL");
        return;
    }
    if (pawl_failed(pawl_serve_options_set(reader->options, (enum pawl_serve_option_id)id, value,
                                           PAWL_SERVE_FROM_FILE, &why))) {
        tell(reader, line, path, why.text);
        return;
    }
    if (reader->options->values[id].origin == PAWL_SERVE_FROM_FILE) {
        reader->options->values[id].line = reader->key_line; /* a list is said in several */
    }
}

pawl_err pawl_serve_options_read_file(struct pawl_serve_options *options,
                                      const char *path,
                                      struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    struct file_reader reader = {
        .options = options, .path = path, .msg = msg, .key = PAWL_SERVE_OPTION_COUNT};
    struct pawl_yaml_reader yaml = {.what = "configuration",
                                    .example = "data-dir: /var/lib/pawl",
                                    .lists = true,
                                    .key = take_key,
                                    .field = take_field,
                                    .problem = tell,
                                    .arg = &reader};
    pawl_buf_init(&text, FILE_BYTES_MAX);
    pawl_err err = pawl_file_read(path, &text, msg);
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg, "%.300s", path);
    } else {
        bool read = pawl_yaml_read(&yaml, pawl_buf_slice(&text));
        PAWL_ASSERT(read || reader.failed);
        end_key(&reader);
        err = reader.failed ? PAWL_ERR(INVALID) : PAWL_OK;
    }
    pawl_buf_free(&text);
    return err;
}

/* --- Addresses ------------------------------------------------------------------------------- */

pawl_err pawl_serve_address_parse(const char *text,
                                  struct pawl_serve_address *ret_address,
                                  struct pawl_errmsg *msg)
{
    struct pawl_slice host = pawl_slice_str(text);
    uint64_t port = 0;
    *ret_address = (struct pawl_serve_address){.port = 0};
    bool named = pawl_slice_starts_with(host, PAWL_SLICE("unix:"));
    if (named || pawl_slice_starts_with(host, PAWL_SLICE("/"))) {
        host = named ? pawl_slice_sub(host, 5, host.bytes) : host;
        ret_address->is_unix = true;
        if (host.bytes > 0 && host.bytes <= SOCKET_PATH_BYTES_MAX &&
            pawl_slice_copy_str(host, ret_address->host, sizeof(ret_address->host))) {
            return PAWL_OK;
        }
        pawl_errmsg_set(msg,
                        "'%.200s' has no path, or one that is too long for a socket (%d bytes)",
                        text, SOCKET_PATH_BYTES_MAX);
        return PAWL_ERR(INVALID);
    }
    bool has_port = pawl_slice_find_byte(host, ':') != SIZE_MAX;
    struct pawl_slice number = pawl_slice_cut_last(&host, ':');
    if (host.bytes > 1 && host.data[0] == '[' && host.data[host.bytes - 1] == ']') {
        host = pawl_slice_sub(host, 1, host.bytes - 2);
    } else if (pawl_slice_find_byte(host, ':') != SIZE_MAX) {
        has_port = false; /* an IPv6 address without its brackets */
    }
    if (host.bytes == 0) {
        host = PAWL_SLICE("*");
    }
    if (!has_port || !pawl_slice_to_u64(number, &port) || port > UINT16_MAX ||
        !pawl_slice_copy_str(host, ret_address->host, sizeof(ret_address->host))) {
        pawl_errmsg_set(msg,
                        "'%.200s' is no address; it looks like 127.0.0.1:7878, [::1]:7878, "
                        ":7878 or unix:/run/pawl.sock",
                        text);
        return PAWL_ERR(INVALID);
    }
    ret_address->port = (uint16_t)port;
    return PAWL_OK;
}
