/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c: see target.h. Clients of the protocol put their paths behind a base URL, so people have
 * such URLs in their environment with a slash or with "/v1" at the end: both are taken off.
 */
#include "remote/target.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/slice.h"

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

enum { TEXT_SHOWN_BYTES = 200 };

/* A text that is no address may have a user and a password all the same, and a key in its query.
 * They end at the last '@', wherever that is: what is in front of it is not to be told apart. */
static void conceal(struct pawl_slice text, char out[static TEXT_SHOWN_BYTES])
{
    size_t scheme = pawl_slice_find(text, PAWL_SLICE("://"));
    scheme = scheme == SIZE_MAX ? 0 : scheme + sizeof("://") - 1;
    struct pawl_slice before = pawl_slice_sub(text, scheme, text.bytes);
    struct pawl_slice rest = pawl_slice_cut_last(&before, '@');
    bool has_user = rest.bytes < text.bytes - scheme;
    size_t end = 0;
    while (end < rest.bytes && rest.data[end] != '?' && rest.data[end] != '#') {
        end++;
    }
    (void)snprintf(out, TEXT_SHOWN_BYTES, "%.*s%s%.*s%s", (int)scheme, text.data,
                   has_user ? "***@" : "", (int)end, rest.data, end < rest.bytes ? "?***" : "");
}

static pawl_err no_address(const char *from, const char *text, struct pawl_errmsg *msg)
{
    struct pawl_slice slice = pawl_slice_str(text);
    bool path = text[0] == '/' || text[0] == '.' || text[0] == '~';
    /* A host and a port, or a path, without the word in front. */
    bool bare = pawl_slice_find(slice, PAWL_SLICE("://")) == SIZE_MAX && text[0] != '\0';
    char shown[TEXT_SHOWN_BYTES];
    if (path) {
        (void)snprintf(shown, sizeof(shown), "%s", text);
    } else {
        conceal(slice, shown);
    }
    if (bare) {
        pawl_errmsg_set(msg,
                        "%s takes http://, https:// or unix:PATH, not '%s'; did you mean %s%s?",
                        from, shown, path ? "unix:" : "http://", shown);
    } else {
        pawl_errmsg_set(msg, "%s takes http://HOST:PORT, https://HOST or unix:PATH, not '%s'", from,
                        shown);
    }
    return PAWL_ERR(INVALID);
}

static pawl_err
set_socket(struct pawl_slice path, struct pawl_target *target, struct pawl_errmsg *msg)
{
    if (path.bytes == 0 || !pawl_slice_copy_str(path, target->socket, sizeof(target->socket))) {
        pawl_errmsg_set(msg, "the path of a server's socket is %s",
                        path.bytes == 0 ? "empty" : "too long");
        return PAWL_ERR(INVALID);
    }
    (void)pawl_slice_copy_str(PAWL_SLICE("http://localhost"), target->url, sizeof(target->url));
    return PAWL_OK;
}

/* A proxy in front of a server may want a user and a password, which are nobody else's business. */
static void set_shown(struct pawl_slice url, size_t scheme, struct pawl_target *target)
{
    struct pawl_slice path = pawl_slice_sub(url, scheme, url.bytes);
    struct pawl_slice host = pawl_slice_cut(&path, '/');
    host = pawl_slice_cut_last(&host, '@');
    (void)snprintf(target->shown, sizeof(target->shown), "%.*s%.*s%s%.*s", (int)scheme, url.data,
                   (int)host.bytes, host.data, path.bytes > 0 ? "/" : "", (int)path.bytes,
                   path.data);
}

static pawl_err
parse(const char *from, const char *text, struct pawl_target *target, struct pawl_errmsg *msg)
{
    struct pawl_slice url = pawl_slice_str(text);
    if (pawl_slice_starts_with(url, PAWL_SLICE("unix:"))) {
        struct pawl_slice path = pawl_slice_sub(url, sizeof("unix:") - 1, url.bytes);
        if (pawl_slice_starts_with(path, PAWL_SLICE("///"))) {
            path = pawl_slice_sub(path, 2, path.bytes); /* unix:///run/pawl.sock */
        }
        return set_socket(path, target, msg);
    }
    bool plain = pawl_slice_starts_with(url, PAWL_SLICE("http://"));
    bool secure = pawl_slice_starts_with(url, PAWL_SLICE("https://"));
    size_t scheme = plain ? sizeof("http://") - 1 : sizeof("https://") - 1;
    if ((!plain && !secure) || url.bytes <= scheme) {
        return no_address(from, text, msg);
    }
    for (size_t i = 0; i < url.bytes; i++) {
        if ((unsigned char)url.data[i] <= 0x20 || url.data[i] == '?' || url.data[i] == '#') {
            return no_address(from, text, msg);
        }
    }
    while (url.bytes > scheme && url.data[url.bytes - 1] == '/') {
        url.bytes--;
    }
    if (pawl_slice_ends_with(url, PAWL_SLICE("/v1"))) {
        url.bytes -= sizeof("/v1") - 1;
    }
    if (url.bytes <= scheme || !pawl_slice_copy_str(url, target->url, sizeof(target->url))) {
        return no_address(from, text, msg);
    }
    set_shown(url, scheme, target);
    return PAWL_OK;
}

pawl_err pawl_target_choose(const char *flag,
                            const char *local_socket,
                            struct pawl_target *ret_target,
                            struct pawl_errmsg *msg)
{
    PAWL_ASSERT(local_socket != NULL);
    static const char *const variables[] = {"PAWL_SERVER", "CYCLES_BASE_URL"};
    static const char *const names[] = {"$PAWL_SERVER", "$CYCLES_BASE_URL"};
    struct pawl_target target = {.from = ""};
    pawl_err err;
    const char *said = flag;
    target.from = flag != NULL ? "--server" : "";
    for (size_t i = 0; i < PAWL_ARRAY_LEN(variables) && said == NULL; i++) {
        const char *value = getenv(variables[i]);
        if (is_set(value)) {
            said = value;
            target.from = names[i];
        }
    }
    if (said != NULL) {
        err = parse(target.from, said, &target, msg);
    } else {
        err = set_socket(pawl_slice_str(local_socket), &target, msg);
    }
    target.door = said == NULL               ? PAWL_DOOR_OWN
                  : target.socket[0] != '\0' ? PAWL_DOOR_SOCKET
                                             : PAWL_DOOR_PUBLIC;
    if (pawl_ok(err)) {
        *ret_target = target;
    }
    return err;
}

const char *pawl_target_name(const struct pawl_target *target)
{
    return target->socket[0] != '\0' ? target->socket : target->shown;
}
