/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c: see keys.h. A key of the wrong kind is shown all the same where there is no other: the
 * server's own words about it are better than a guess made here.
 */
#define _GNU_SOURCE
#include "remote/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/file_os.h"

enum {
    KEY_FILE_BYTES_MAX = 4096,
    TENANT_SHOWN = 12, /* "cyc_live_" and three letters, fewer than lists of keys show */
    ADMIN_SHOWN = 3,
    HIDDEN_MIN = 16
};

/* A header's value, without blanks around it. */
static bool take(struct pawl_slice text, struct pawl_credential *key)
{
    while (text.bytes > 0 && strchr(" \t\r\n", text.data[text.bytes - 1]) != NULL) {
        text.bytes--;
    }
    while (text.bytes > 0 && strchr(" \t\r\n", text.data[0]) != NULL) {
        text = pawl_slice_sub(text, 1, text.bytes);
    }
    for (size_t i = 0; i < text.bytes; i++) {
        if ((unsigned char)text.data[i] <= 0x20 || (unsigned char)text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.bytes > 0 && pawl_slice_copy_str(text, key->secret, sizeof(key->secret));
}

static bool is_tenants(const char *secret)
{
    return strncmp(secret, "cyc_", 4) == 0;
}

static pawl_err read_file(const char *path, struct pawl_credential *key, struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    pawl_buf_init(&text, KEY_FILE_BYTES_MAX);
    pawl_err err = pawl_file_read(path, &text, msg);
    if (pawl_failed(err)) {
        pawl_errmsg_wrap(msg, "--key-file %.200s", path);
    } else if (!take(pawl_buf_slice(&text), key)) {
        pawl_errmsg_set(msg, "--key-file %.200s: that is no key: one line without blanks is", path);
        err = PAWL_ERR(INVALID);
    }
    if (text.data != NULL) {
        explicit_bzero(text.data, text.capacity);
    }
    pawl_buf_free(&text);
    key->from = "--key-file";
    key->is_admin = !is_tenants(key->secret);
    return err;
}

static pawl_err read_variable(const char *name,
                              const char *shown,
                              struct pawl_credential *key,
                              struct pawl_errmsg *msg)
{
    const char *value = getenv(name);
    if (key->secret[0] != '\0' || value == NULL || value[0] == '\0') {
        return PAWL_OK;
    }
    if (!take(pawl_slice_str(value), key)) {
        pawl_errmsg_set(msg, "%s holds no key: a key is one word of at most %d letters", shown,
                        PAWL_KEY_BYTES - 1);
        return PAWL_ERR(INVALID);
    }
    key->from = shown;
    return PAWL_OK;
}

pawl_err pawl_keys_open(const char *key_file, struct pawl_keys *ret_keys, struct pawl_errmsg *msg)
{
    *ret_keys = (struct pawl_keys){.admin = {.is_admin = true}};
    if (key_file != NULL) {
        return read_file(key_file, &ret_keys->file, msg);
    }
    pawl_err err = read_variable("PAWL_KEY", "$PAWL_KEY", &ret_keys->tenant, msg);
    if (pawl_ok(err)) {
        err = read_variable("CYCLES_API_KEY", "$CYCLES_API_KEY", &ret_keys->tenant, msg);
    }
    if (pawl_ok(err)) {
        err = read_variable("PAWL_ADMIN_KEY", "$PAWL_ADMIN_KEY", &ret_keys->admin, msg);
    }
    return err;
}

void pawl_keys_close(struct pawl_keys *keys)
{
    explicit_bzero(keys, sizeof(*keys));
}

const struct pawl_credential *pawl_keys_pick(const struct pawl_keys *keys,
                                             enum pawl_plane plane,
                                             enum pawl_door door,
                                             bool *ret_admin)
{
    const struct pawl_credential *tenant = keys->tenant.secret[0] != '\0' ? &keys->tenant : NULL;
    const struct pawl_credential *admin = keys->admin.secret[0] != '\0' ? &keys->admin : NULL;
    if (keys->file.secret[0] != '\0') {
        *ret_admin = keys->file.is_admin;
        return &keys->file;
    }
    bool may_admin = admin != NULL || door != PAWL_DOOR_PUBLIC;
    bool admin_first = plane == PAWL_PLANE_ADMIN || plane == PAWL_PLANE_ADMIN_OR_TENANT;
    if (plane == PAWL_PLANE_TENANT) {
        may_admin = may_admin && tenant == NULL;
    } else if (plane == PAWL_PLANE_ADMIN) {
        tenant = may_admin ? NULL : tenant;
    }
    *ret_admin = may_admin && (admin_first || tenant == NULL);
    if (*ret_admin) {
        return door == PAWL_DOOR_OWN ? NULL : admin;
    }
    return tenant;
}

const char *pawl_key_prefix(const struct pawl_credential *key,
                            char out[static PAWL_KEY_PREFIX_BYTES])
{
    PAWL_ASSERT(key != NULL);
    int shown = key->is_admin ? ADMIN_SHOWN : TENANT_SHOWN;
    if (strlen(key->secret) < (size_t)shown + HIDDEN_MIN) {
        shown = 0;
    }
    (void)snprintf(out, PAWL_KEY_PREFIX_BYTES, "%.*s...", shown, key->secret);
    return out;
}
