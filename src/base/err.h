/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h: operating errors, returned by value and never ignored.
 *
 * A struct with one field, because a compiler lets any int pass for an enum
 * without a word. Codes of other worlds (errno, SQLite, libcurl, OpenSSL) are
 * turned into these at the file that calls them and nowhere else.
 */
#ifndef PAWL_BASE_ERR_H
#define PAWL_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

enum pawl_err_code {
    PAWL_ERR_NONE = 0,
    PAWL_ERR_IO,          /* a read, write or sync failed */
    PAWL_ERR_FULL,        /* no space left on the device */
    PAWL_ERR_CORRUPT,     /* bytes that cannot be what we wrote */
    PAWL_ERR_VERSION,     /* written by a newer pawl, or by none */
    PAWL_ERR_LOCKED,      /* another process holds it */
    PAWL_ERR_NOT_FOUND,   /* no such file, run or row */
    PAWL_ERR_EXISTS,      /* already there */
    PAWL_ERR_PERMISSION,  /* the system says no */
    PAWL_ERR_INVALID,     /* the caller's or the user's input is wrong */
    PAWL_ERR_LIMIT,       /* a named limit is reached */
    PAWL_ERR_MEMORY,      /* an allocation failed */
    PAWL_ERR_UNREACHABLE, /* nobody answers there */
    PAWL_ERR_TIMEOUT,     /* no answer in time */
    PAWL_ERR_PROTOCOL,    /* the peer does not speak as agreed */
    PAWL_ERR_CLOCK,       /* the clock and the journal disagree too much */
    PAWL_ERR_UNSUPPORTED, /* not on this file system or system */
    PAWL_ERR_POISONED,    /* an earlier failure stopped this object for good */
    PAWL_ERR_COUNT
};

typedef struct {
    uint16_t code; /* enum pawl_err_code */
} pawl_err;

#define PAWL_OK        ((pawl_err){PAWL_ERR_NONE})
#define PAWL_ERR(name) ((pawl_err){PAWL_ERR_##name})

static inline bool pawl_ok(pawl_err err)
{
    return err.code == PAWL_ERR_NONE;
}

static inline bool pawl_failed(pawl_err err)
{
    return err.code != PAWL_ERR_NONE;
}

/* The code's name in lower case, as messages and JSON show it: "corrupt". */
const char *pawl_err_name(pawl_err err);

/* Text for people. Fixed size, so that an error can be told when memory is gone. */
struct pawl_errmsg {
    char text[512];
};

/* Writes the text, cutting what does not fit. A NULL message is allowed everywhere. */
void pawl_errmsg_set(struct pawl_errmsg *msg, const char *format, ...) PAWL_PRINTF(2, 3);
/* Puts "outer: " in front of what is there, on the way up. */
void pawl_errmsg_wrap(struct pawl_errmsg *msg, const char *format, ...) PAWL_PRINTF(2, 3);

/* From errno. 0 is no error; what has no code of its own is IO. */
pawl_err pawl_err_from_errno(int error_number);

#endif
