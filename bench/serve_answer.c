/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_answer.c: as much of an HTTP answer as a load generator must know: its status, how long
 * it is, whether the connection ends with it, and one field of its body. An answer without
 * Content-Length, of another version or of no known status ends the program: it would be a
 * server that is measured wrongly.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "serve_load.h"

enum { STATUS_AT = 9, HEAD_BYTES_MIN = 15 };

static _Noreturn void not_http(const char *text, size_t bytes)
{
    (void)fprintf(stderr, "serve_load: no answer:\n%.*s\n", (int)(bytes > 400 ? 400 : bytes), text);
    errno = EPROTO;
    load_die("an answer");
}

static bool is_name(const char *line, size_t bytes, const char *name, size_t name_bytes)
{
    return bytes > name_bytes && line[name_bytes] == ':' &&
           strncasecmp(line, name, name_bytes) == 0;
}

/* The number behind the colon. */
static bool number_in(const char *line, size_t bytes, size_t *ret_number)
{
    const char *at = memchr(line, ':', bytes);
    const char *end = line + bytes;
    size_t number = 0;
    bool any = false;
    for (at++; at < end && *at == ' '; at++) {
    }
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (size_t)(*at - '0');
        any = true;
    }
    *ret_number = number;
    return any && number <= LOAD_ANSWER_BYTES_MAX;
}

static uint32_t status_of(const char *text, size_t bytes)
{
    if (bytes < HEAD_BYTES_MIN || memcmp(text, "HTTP/1.1 ", STATUS_AT) != 0) {
        not_http(text, bytes);
    }
    uint32_t status = 0;
    for (size_t i = STATUS_AT; i < STATUS_AT + 3; i++) {
        if (text[i] < '0' || text[i] > '9') {
            not_http(text, bytes);
        }
        status = status * 10 + (uint32_t)(text[i] - '0');
    }
    if (status < 200 || status >= LOAD_STATUS_MAX) {
        not_http(text, bytes);
    }
    return status;
}

bool load_answer_read(const char *text, size_t bytes, struct answer *ret_answer)
{
    struct answer answer = {0};
    size_t length = 0;
    bool has_length = false;
    size_t at = 0;
    for (;;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', bytes - at);
        if (end == NULL) {
            return false;
        }
        size_t line_bytes = (size_t)(end - line);
        at += line_bytes + 1;
        if (line_bytes <= 1) {
            break; /* the empty line */
        }
        if (is_name(line, line_bytes, "content-length", 14)) {
            has_length = number_in(line, line_bytes, &length);
        } else if (is_name(line, line_bytes, "connection", 10)) {
            answer.closes = memmem(line, line_bytes, "close", 5) != NULL;
        }
    }
    answer.status = status_of(text, at);
    if (!has_length) {
        not_http(text, at);
    }
    answer.head_bytes = at;
    answer.bytes = at + length;
    *ret_answer = answer;
    return true;
}

bool load_answer_field(
    const char *body, size_t bytes, const char *name, const char **ret_text, size_t *ret_bytes)
{
    char wanted[64];
    int wanted_bytes = snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
    const char *found = memmem(body, bytes, wanted, (size_t)wanted_bytes);
    if (found == NULL) {
        return false;
    }
    const char *text = found + wanted_bytes;
    const char *end = memchr(text, '"', bytes - (size_t)(text - body));
    if (end == NULL) {
        return false;
    }
    *ret_text = text;
    *ret_bytes = (size_t)(end - text);
    return true;
}
