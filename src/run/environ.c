/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environ.c: three tables. Addresses: which variable names the base URL of which upstream, and what
 * of the path an SDK expects to find in it already. Switches: settings of single agents that keep
 * them from spending twice or from outliving a TERM; a value of the user's stands. Proxies: where
 * one is set, loopback is taken out, or the agent would send the gateway's address to the proxy.
 *
 * A `pawl run` inside another needs nothing of its own: the outer gateway's address is the
 * value that the inner one finds, so it becomes its upstream, and both count.
 */
#define _GNU_SOURCE
#include "run/environ.h"

#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "gateway/vendor.h"

struct address {
    const char *name;
    enum pawl_upstream upstream;
    const char *path; /* behind the secret */
};

/* Of two for one upstream, the user's value of the first is the one that counts. */
static const struct address addresses[] = {
    {"ANTHROPIC_BASE_URL", PAWL_UPSTREAM_ANTHROPIC, "anthropic"},
    {"OPENAI_BASE_URL", PAWL_UPSTREAM_OPENAI, "openai/v1"},
    {"OPENAI_API_BASE", PAWL_UPSTREAM_OPENAI, "openai/v1"},
    {"GOOGLE_GEMINI_BASE_URL", PAWL_UPSTREAM_GEMINI, "gemini"},
};

struct agent_switch {
    const char *name;
    const char *value;
};

static const struct agent_switch switches[] = {
    /* Without it a stream that was cut is asked for again in one piece: a second billed call. */
    {"CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "1"},
    /* Headers that say which of its agents calls. */
    {"CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1"},
    /* Its launcher ignores TERM and leaves the real agent running. */
    {"GEMINI_CLI_NO_RELAUNCH", "true"},
};

static const char *const proxies[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                      "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
static const char *const exceptions[] = {"no_proxy", "NO_PROXY"};
static const char loopback[] = "127.0.0.1,localhost";

const char *pawl_environ_get(const char *name)
{
    return getenv(name);
}

static const char *get_set(pawl_environ_get_fn *get, const char *name)
{
    const char *value = get(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_url(struct pawl_slice text)
{
    struct pawl_slice host = PAWL_SLICE_NONE;
    if (pawl_slice_starts_with(text, PAWL_SLICE("http://"))) {
        host = pawl_slice_sub(text, strlen("http://"), text.bytes);
    } else if (pawl_slice_starts_with(text, PAWL_SLICE("https://"))) {
        host = pawl_slice_sub(text, strlen("https://"), text.bytes);
    }
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= ' ' || byte == 0x7f || byte == '?' || byte == '#') {
            return false;
        }
    }
    return host.bytes > 0 && host.data[0] != '/';
}

bool pawl_environ_set_upstream(struct pawl_environ_upstreams *upstreams,
                               enum pawl_upstream which,
                               struct pawl_slice url)
{
    while (url.bytes > 0 && url.data[url.bytes - 1] == '/') {
        url.bytes--;
    }
    if (!is_url(url) ||
        !pawl_slice_copy_str(url, upstreams->urls[which], PAWL_UPSTREAM_URL_BYTES)) {
        return false;
    }
    upstreams->from_user[which] = true;
    return true;
}

pawl_err pawl_environ_upstreams(pawl_environ_get_fn *get,
                                struct pawl_environ_upstreams *ret_upstreams,
                                struct pawl_errmsg *msg)
{
    struct pawl_environ_upstreams upstreams = {0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(addresses); i++) {
        const struct address *address = &addresses[i];
        const char *value = get_set(get, address->name);
        if (value == NULL || upstreams.from_user[address->upstream]) {
            continue;
        }
        if (!pawl_environ_set_upstream(&upstreams, address->upstream, pawl_slice_str(value))) {
            /* The value is not shown: it may hold a credential. */
            pawl_errmsg_set(msg, "%s must be an address such as http://host or https://host/path",
                            address->name);
            return PAWL_ERR(INVALID);
        }
    }
    for (size_t i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        if (!upstreams.from_user[i]) {
            const char *base = pawl_vendor_base((enum pawl_upstream)i);
            (void)pawl_slice_copy_str(pawl_slice_str(base), upstreams.urls[i],
                                      PAWL_UPSTREAM_URL_BYTES);
        }
    }
    *ret_upstreams = upstreams;
    return PAWL_OK;
}

static void put(struct pawl_buf *out, const char *name, const char *value)
{
    pawl_buf_printf(out, "%s=%s", name, value);
    pawl_buf_append_byte(out, '\0');
}

static bool any_proxy(pawl_environ_get_fn *get)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(proxies); i++) {
        if (get_set(get, proxies[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* What an outer run, or a wrapper's own run, has put there already. */
static bool ends_with_loopback(const char *value)
{
    size_t bytes = strlen(value);
    return bytes >= strlen(loopback) && strcmp(value + bytes - strlen(loopback), loopback) == 0;
}

/* Programs read one spelling or the other, so both are set. */
static void put_proxy_exceptions(pawl_environ_get_fn *get, struct pawl_buf *out)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(exceptions); i++) {
        const char *own = get_set(get, exceptions[i]);
        const char *other = get_set(get, exceptions[PAWL_ARRAY_LEN(exceptions) - 1 - i]);
        const char *value = own != NULL ? own : other;
        if (value == NULL) {
            put(out, exceptions[i], loopback);
        } else if (strcmp(value, "*") == 0 || ends_with_loopback(value)) {
            put(out, exceptions[i], value);
        } else {
            pawl_buf_printf(out, "%s=%s,%s", exceptions[i], value, loopback);
            pawl_buf_append_byte(out, '\0');
        }
    }
}

void pawl_environ_settings(pawl_environ_get_fn *get,
                           const struct pawl_environ_gateway *gateway,
                           struct pawl_buf *out)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(addresses); i++) {
        pawl_buf_printf(out, "%s=%s/%s", addresses[i].name, gateway->address, addresses[i].path);
        pawl_buf_append_byte(out, '\0');
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(switches); i++) {
        if (get_set(get, switches[i].name) == NULL) {
            put(out, switches[i].name, switches[i].value);
        }
    }
    put(out, "PAWL_RUN_ID", gateway->run_id);
    if (any_proxy(get)) {
        put_proxy_exceptions(get, out);
    }
}
