/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_options.c: from a call's options to libcurl's.
 *
 * What libcurl would add by itself is switched off (Accept, Content-Type, Expect), since the
 * caller's headers are to arrive exactly as given: names in their case, empty values as
 * well. Host and Content-Length are libcurl's to set. Header lines are put into the call's
 * arena in the shape of libcurl's own list, so that a header costs no allocation.
 *
 * Failure: INVALID for what cannot be a request, MEMORY else; the call is then as it was.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/client_priv.h"

void pawl_curl_set_long(struct pawl_curl_settings *set, CURLoption option, long value)
{
    CURLcode code = curl_easy_setopt(set->easy, option, value);
    set->first_error = set->first_error == CURLE_OK ? code : set->first_error;
}

void pawl_curl_set_pointer(struct pawl_curl_settings *set, CURLoption option, const void *value)
{
    CURLcode code = curl_easy_setopt(set->easy, option, value);
    set->first_error = set->first_error == CURLE_OK ? code : set->first_error;
}

static bool is_token(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char byte = text.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool digit = byte >= '0' && byte <= '9';
        if (!letter && !digit && (byte == '\0' || strchr("!#$%&'*+-.^_`|~", byte) == NULL)) {
            return false;
        }
    }
    return text.bytes > 0;
}

/* Fit to stand in a header's line. */
static bool is_value(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Set by libcurl, or about one connection only. */
static bool is_ours(struct pawl_slice name)
{
    return pawl_slice_equal_nocase(name, PAWL_SLICE("Host")) ||
           pawl_slice_equal_nocase(name, PAWL_SLICE("Content-Length")) ||
           pawl_slice_equal_nocase(name, PAWL_SLICE("Expect")) || pawl_http_is_hop_by_hop(name);
}

/* false without memory. */
static bool add_line(struct pawl_http_call *call, char *line)
{
    struct curl_slist *node = pawl_arena_alloc(&call->arena, sizeof(*node));
    if (node == NULL) {
        return false;
    }
    node->data = line;
    node->next = NULL;
    if (call->lines_last != NULL) {
        call->lines_last->next = node;
    } else {
        call->lines_first = node;
    }
    call->lines_last = node;
    return true;
}

/* "Name: value", or "Name;", which is how libcurl is told of an empty value. */
static bool add_header(struct pawl_http_call *call, const struct pawl_http_header *header)
{
    struct pawl_slice value = pawl_slice_trim(header->value);
    size_t bytes = header->name.bytes + 2 + value.bytes;
    char *line = pawl_arena_alloc(&call->arena, bytes + 1);
    if (line == NULL) {
        return false;
    }
    memcpy(line, header->name.data, header->name.bytes);
    if (value.bytes == 0) {
        memcpy(line + header->name.bytes, ";", 2);
    } else {
        memcpy(line + header->name.bytes, ": ", 2);
        memcpy(line + header->name.bytes + 2, value.data, value.bytes);
        line[bytes] = '\0';
    }
    return add_line(call, line);
}

/* A header without anything behind the colon takes away what libcurl would send. */
static bool add_absent(struct pawl_http_call *call, const char *name)
{
    size_t bytes = strlen(name);
    char *line = pawl_arena_alloc(&call->arena, bytes + 2);
    if (line == NULL) {
        return false;
    }
    memcpy(line, name, bytes);
    memcpy(line + bytes, ":", 2);
    return add_line(call, line);
}

static bool is_given(const struct pawl_http_call_options *options, const char *name)
{
    return pawl_http_find_header(options->headers, options->header_count, name) != NULL;
}

static pawl_err set_headers(struct pawl_http_call *call,
                            const struct pawl_http_call_options *options,
                            struct pawl_errmsg *msg)
{
    for (size_t i = 0; i < options->header_count; i++) {
        const struct pawl_http_header *header = &options->headers[i];
        if (!is_token(header->name) || !is_value(header->value)) {
            pawl_errmsg_set(msg, "header %zu is not fit to be sent", i + 1);
            return PAWL_ERR(INVALID);
        }
        if (!is_ours(header->name) && !add_header(call, header)) {
            return PAWL_ERR(MEMORY);
        }
    }
    bool fine = (is_given(options, "Accept") || add_absent(call, "Accept")) &&
                (is_given(options, "Content-Type") || add_absent(call, "Content-Type")) &&
                add_absent(call, "Expect");
    if (!fine) {
        return PAWL_ERR(MEMORY);
    }
    CURLcode code = curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->lines_first);
    return code == CURLE_OK ? PAWL_OK : PAWL_ERR(MEMORY);
}

static bool names_loopback(struct pawl_slice host)
{
    static const char *const names[] = {"localhost", "::1", "ip6-localhost"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        if (pawl_slice_equal_nocase(host, pawl_slice_str(names[i]))) {
            return true;
        }
    }
    bool numeric = true;
    for (size_t i = 0; i < host.bytes; i++) {
        numeric = numeric && (host.data[i] == '.' || (host.data[i] >= '0' && host.data[i] <= '9'));
    }
    return (numeric && pawl_slice_starts_with(host, PAWL_SLICE("127."))) ||
           pawl_slice_ends_with(host, PAWL_SLICE(".localhost"));
}

/* The host of "http://user@host:port/path". Empty for what is no such URL; the rest of the
 * grammar is libcurl's to judge. */
struct pawl_slice pawl_call_host_of(struct pawl_slice url)
{
    size_t scheme_bytes = 0;
    if (pawl_slice_starts_with(url, PAWL_SLICE("http://"))) {
        scheme_bytes = sizeof("http://") - 1;
    } else if (pawl_slice_starts_with(url, PAWL_SLICE("https://"))) {
        scheme_bytes = sizeof("https://") - 1;
    } else {
        return PAWL_SLICE_NONE;
    }
    for (size_t i = 0; i < url.bytes; i++) {
        unsigned char byte = (unsigned char)url.data[i];
        if (byte <= 0x20 || byte >= 0x7f) {
            return PAWL_SLICE_NONE;
        }
    }
    struct pawl_slice rest = pawl_slice_sub(url, scheme_bytes, url.bytes);
    struct pawl_slice authority = pawl_slice_cut(&rest, '/');
    struct pawl_slice host = pawl_slice_cut(&authority, '?');
    size_t at = pawl_slice_find_byte(host, '@');
    if (at != SIZE_MAX) {
        host = pawl_slice_sub(host, at + 1, host.bytes);
    }
    if (host.bytes > 0 && host.data[0] == '[') {
        host = pawl_slice_sub(host, 1, host.bytes);
        rest = host;
        return pawl_slice_cut(&rest, ']');
    }
    rest = host;
    return pawl_slice_cut(&rest, ':');
}

/* A loopback host is never reached through a proxy. libcurl reads the environment itself, all but
 * HTTP_PROXY in capitals, which it leaves to web servers that put a request's header there. NULL:
 * what libcurl finds; exceptions (no_proxy) it applies in any case. */
static const char *proxy_of(struct pawl_slice url, struct pawl_slice host)
{
    if (names_loopback(host)) {
        return "";
    }
    bool plain = pawl_slice_starts_with(url, PAWL_SLICE("http://"));
    return plain && getenv("http_proxy") == NULL ? getenv("HTTP_PROXY") : NULL;
}

static pawl_err set_url(struct pawl_http_call *call, struct pawl_slice url, struct pawl_errmsg *msg)
{
    struct pawl_slice host = pawl_call_host_of(url);
    if (host.bytes == 0) {
        pawl_errmsg_set(msg, "not an http or https URL");
        return PAWL_ERR(INVALID);
    }
    struct pawl_slice copy = pawl_arena_copy(&call->arena, url);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (copy.bytes == url.bytes) {
        code = curl_easy_setopt(call->easy, CURLOPT_URL, copy.data);
    }
    if (code == CURLE_OK && call->client->use_proxy_environment) {
        code = curl_easy_setopt(call->easy, CURLOPT_PROXY, proxy_of(copy, host));
    }
    return code == CURLE_OK ? PAWL_OK : PAWL_ERR(MEMORY);
}

static pawl_err set_method(struct pawl_http_call *call,
                           const struct pawl_http_call_options *options,
                           struct pawl_errmsg *msg)
{
    if (!is_token(options->method)) {
        pawl_errmsg_set(msg, "the method is not a token");
        return PAWL_ERR(INVALID);
    }
    struct pawl_slice method = pawl_arena_copy(&call->arena, options->method);
    if (method.bytes == 0) {
        return PAWL_ERR(MEMORY);
    }
    bool is_get = pawl_slice_equal_str(method, "GET");
    bool is_head = pawl_slice_equal_str(method, "HEAD");
    call->repeatable = is_get || is_head || pawl_slice_equal_str(method, "OPTIONS");
    struct pawl_curl_settings set = {.easy = call->easy, .first_error = CURLE_OK};
    /* Each of these three undoes the others; the method's name is then set by itself. */
    if (is_head) {
        pawl_curl_set_long(&set, CURLOPT_NOBODY, 1);
    } else if (options->has_body) {
        pawl_curl_set_long(&set, CURLOPT_NOBODY, 0);
        pawl_curl_set_long(&set, CURLOPT_POST, 1);
        const char *data = options->body.bytes > 0 ? options->body.data : "";
        CURLcode code = curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                         (curl_off_t)options->body.bytes);
        set.first_error = set.first_error == CURLE_OK ? code : set.first_error;
        pawl_curl_set_pointer(&set, CURLOPT_POSTFIELDS, data);
    } else {
        pawl_curl_set_long(&set, CURLOPT_HTTPGET, 1);
    }
    bool implied = is_head || (is_get && !options->has_body) ||
                   (options->has_body && pawl_slice_equal_str(method, "POST"));
    pawl_curl_set_pointer(&set, CURLOPT_CUSTOMREQUEST, implied ? NULL : method.data);
    uint32_t connect_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms
                                                          : PAWL_CLIENT_CONNECT_TIMEOUT_MS;
    pawl_curl_set_long(&set, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    return set.first_error == CURLE_OK ? PAWL_OK : PAWL_ERR(MEMORY);
}

pawl_err pawl_call_prepare(struct pawl_http_call *call,
                           const struct pawl_http_call_options *options,
                           struct pawl_errmsg *msg)
{
    PAWL_ASSERT(call->state == PAWL_CALL_FREE && options->events.on_done != NULL);
    PAWL_ASSERT(options->has_body || options->body.bytes == 0);
    pawl_err err = set_url(call, options->url, msg);
    if (pawl_ok(err)) {
        err = set_method(call, options, msg);
    }
    if (pawl_ok(err)) {
        err = set_headers(call, options, msg);
    }
    if (pawl_failed(err)) {
        if (err.code == PAWL_ERR_MEMORY) {
            pawl_errmsg_set(msg, "no memory for a call");
        }
        pawl_call_reset(call);
        return err;
    }
    call->events = options->events;
    call->idle_timeout_ms = options->idle_timeout_ms;
    return PAWL_OK;
}
