/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.c: names of errors, their texts, and the way from errno. This file is the boundary
 * for errno; nobody else switches over E constants. Nothing here allocates, since an error
 * must still be told when memory is what failed.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [PAWL_ERR_NONE] = "none",
    [PAWL_ERR_IO] = "io",
    [PAWL_ERR_FULL] = "full",
    [PAWL_ERR_CORRUPT] = "corrupt",
    [PAWL_ERR_VERSION] = "version",
    [PAWL_ERR_LOCKED] = "locked",
    [PAWL_ERR_NOT_FOUND] = "not_found",
    [PAWL_ERR_EXISTS] = "exists",
    [PAWL_ERR_PERMISSION] = "permission",
    [PAWL_ERR_INVALID] = "invalid",
    [PAWL_ERR_LIMIT] = "limit",
    [PAWL_ERR_MEMORY] = "memory",
    [PAWL_ERR_UNREACHABLE] = "unreachable",
    [PAWL_ERR_TIMEOUT] = "timeout",
    [PAWL_ERR_PROTOCOL] = "protocol",
    [PAWL_ERR_CLOCK] = "clock",
    [PAWL_ERR_UNSUPPORTED] = "unsupported",
    [PAWL_ERR_POISONED] = "poisoned",
};
_Static_assert(PAWL_ARRAY_LEN(names) == PAWL_ERR_COUNT, "every error has a name");

const char *pawl_err_name(pawl_err err)
{
    return err.code < PAWL_ERR_COUNT ? names[err.code] : "unknown";
}

void pawl_errmsg_set(struct pawl_errmsg *msg, const char *format, ...)
{
    if (msg == NULL) {
        return;
    }
    /* Through a second text, because an argument may well be the old one. */
    char text[sizeof(msg->text)];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0) {
        text[0] = '\0';
    }
    memcpy(msg->text, text, strlen(text) + 1);
}

void pawl_errmsg_wrap(struct pawl_errmsg *msg, const char *format, ...)
{
    if (msg == NULL) {
        return;
    }
    char outer[sizeof(msg->text)];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(outer, sizeof(outer), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    size_t used = strlen(outer);
    const char *parts[] = {msg->text[0] != '\0' ? ": " : "", msg->text};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(parts); i++) {
        size_t bytes = strlen(parts[i]);
        size_t room = sizeof(outer) - 1 - used;
        bytes = bytes < room ? bytes : room;
        memcpy(outer + used, parts[i], bytes);
        used += bytes;
    }
    outer[used] = '\0';
    memcpy(msg->text, outer, used + 1);
}

pawl_err pawl_err_from_errno(int error_number)
{
    switch (error_number) {
    case 0:
        return PAWL_OK;
    case ENOSPC:
    case EDQUOT:
        return PAWL_ERR(FULL);
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
        return PAWL_ERR(NOT_FOUND);
    case EEXIST:
    case ENOTEMPTY:
        return PAWL_ERR(EXISTS);
    case EACCES:
    case EPERM:
    case EROFS:
        return PAWL_ERR(PERMISSION);
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case EDOM:
        return PAWL_ERR(INVALID);
    case EMFILE:
    case ENFILE:
    case E2BIG:
    case EFBIG:
    case EMLINK:
    case ELOOP:
    case EAGAIN: /* also EWOULDBLOCK: fork(2) and mlock(2) say so at their limits */
        return PAWL_ERR(LIMIT);
    case ENOMEM:
    case ENOBUFS:
        return PAWL_ERR(MEMORY);
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EPIPE:
    case ENOTCONN:
        return PAWL_ERR(UNREACHABLE);
    case ETIMEDOUT:
        return PAWL_ERR(TIMEOUT);
    case EBUSY:
    case ETXTBSY:
        return PAWL_ERR(LOCKED);
    case EPROTO:
    case EPROTOTYPE:
    case EMSGSIZE:
        return PAWL_ERR(PROTOCOL);
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
        return PAWL_ERR(UNSUPPORTED);
    default:
        return PAWL_ERR(IO);
    }
}
