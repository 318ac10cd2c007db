/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h: the keys that a command has, and which of them it shows. A server knows two kinds: a
 * tenant's, which speaks for one tenant, and the administrator's. Most of what there is to do can
 * be done with one of them only.
 *
 * Secrets come from files and the environment, never from a command line, which any user of the
 * machine can read. They are wiped when the keys are closed.
 */
#ifndef PAWL_REMOTE_KEYS_H
#define PAWL_REMOTE_KEYS_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "remote/target.h"

enum { PAWL_KEY_BYTES = 513, PAWL_KEY_PREFIX_BYTES = 16 };

struct pawl_credential {
    char secret[PAWL_KEY_BYTES]; /* "": there is none */
    bool is_admin;
    const char *from; /* "--key-file", "$CYCLES_API_KEY". Static */
};

struct pawl_keys {
    struct pawl_credential file;   /* stands in for both others */
    struct pawl_credential tenant; /* $PAWL_KEY, else $CYCLES_API_KEY */
    struct pawl_credential admin;  /* $PAWL_ADMIN_KEY */
};

/* Who may do something: a tenant's key, the administrator, or both; of both the one named first is
 * taken if it is there. */
enum pawl_plane {
    PAWL_PLANE_TENANT,
    PAWL_PLANE_ADMIN,
    PAWL_PLANE_TENANT_OR_ADMIN,
    PAWL_PLANE_ADMIN_OR_TENANT
};

/* Reads `key_file` (NULL: none) and the environment. A key that begins with "cyc_" is a tenant's.
 * Failure: the file cannot be read, is empty, or holds what is no key. */
PAWL_MUST_CHECK pawl_err pawl_keys_open(const char *key_file,
                                        struct pawl_keys *ret_keys,
                                        struct pawl_errmsg *msg);
void pawl_keys_close(struct pawl_keys *keys);
/* The key to show, or NULL for none: there is none that fits, or the door knows the administrator
 * without one. *ret_admin: it is done as the administrator. */
const struct pawl_credential *pawl_keys_pick(const struct pawl_keys *keys,
                                             enum pawl_plane plane,
                                             enum pawl_door door,
                                             bool *ret_admin);
/* As much of a key as may be shown: "cyc_live_a1b...", or "..." for what is too short. */
const char *pawl_key_prefix(const struct pawl_credential *key,
                            char out[static PAWL_KEY_PREFIX_BYTES]);

#endif
