/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h: which server a command speaks to. What was said nearest counts: the flag, the
 * environment, and without a word the socket in the data directory, whose user is the
 * administrator.
 */
#ifndef PAWL_REMOTE_TARGET_H
#define PAWL_REMOTE_TARGET_H

#include "base/attrs.h"
#include "base/err.h"

enum { PAWL_TARGET_BYTES = 4096 };

enum pawl_door {
    PAWL_DOOR_PUBLIC, /* TCP: who does not show a key is nobody */
    PAWL_DOOR_SOCKET, /* a Unix socket that was named: it may know its user, or want a key */
    PAWL_DOOR_OWN     /* that of a data directory: its user is the administrator */
};

struct pawl_target {
    enum pawl_door door;
    char url[PAWL_TARGET_BYTES];    /* "https://host:7878": no path, no slash at its end */
    char socket[PAWL_TARGET_BYTES]; /* a Unix socket's path; "": there is none, it is TCP */
    char shown[PAWL_TARGET_BYTES];  /* the URL without a user and a password */
    const char *from;               /* "--server", "$PAWL_SERVER"; "": nobody named one. Static */
};

/* `flag` (NULL: not given), else $PAWL_SERVER, else $CYCLES_BASE_URL, else `local_socket`. Empty
 * variables count as unset. INVALID: it is no address, and how one is written. */
PAWL_MUST_CHECK pawl_err pawl_target_choose(const char *flag,
                                            const char *local_socket,
                                            struct pawl_target *ret_target,
                                            struct pawl_errmsg *msg);
/* As a person would say it: "http://127.0.0.1:7878" or the socket's path. Borrows the target. */
const char *pawl_target_name(const struct pawl_target *target);

#endif
