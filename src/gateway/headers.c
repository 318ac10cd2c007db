/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.c: everything passes but what would be a lie on another connection. Names and values
 * keep their bytes and their order.
 */
#include "gateway/headers.h"

#include "base/attrs.h"

/* Made anew by whoever sends the message. */
static const char *const own_names[] = {"host", "content-length", "expect"};

/* What a client tells pawl (attribution.h) is nothing for the provider. */
static const char pawl_names[] = "x-pawl-";

/* Clients follow these without asking. */
static const char *const address_names[] = {"location", "refresh"};

static bool is_named(struct pawl_slice name, const char *text)
{
    return pawl_slice_equal_nocase(name, pawl_slice_str(text));
}

static bool goes_along(const struct pawl_http_header *headers,
                       size_t count,
                       struct pawl_slice name,
                       const struct pawl_headers_options *options)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(own_names); i++) {
        if (is_named(name, own_names[i])) {
            return false;
        }
    }
    if (options->drop_attribution &&
        pawl_slice_equal_nocase(pawl_slice_sub(name, 0, strlen(pawl_names)),
                                pawl_slice_str(pawl_names))) {
        return false;
    }
    if (options->drop_accept_encoding && is_named(name, "accept-encoding")) {
        return false;
    }
    if (options->drop_content_encoding && is_named(name, "content-encoding")) {
        return false;
    }
    for (size_t i = 0; options->drop_addresses && i < PAWL_ARRAY_LEN(address_names); i++) {
        if (is_named(name, address_names[i])) {
            return false;
        }
    }
    return !pawl_http_is_hop_by_hop(name) && !pawl_http_connection_names(headers, count, name);
}

struct pawl_http_header *pawl_headers_forward(const struct pawl_http_header *headers,
                                              size_t count,
                                              const struct pawl_headers_options *options,
                                              struct pawl_arena *arena,
                                              size_t *ret_count)
{
    struct pawl_http_header *list =
        pawl_arena_alloc(arena, (count + options->extra + 1) * sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (goes_along(headers, count, headers[i].name, options)) {
            list[kept].name = pawl_arena_copy(arena, headers[i].name);
            list[kept].value = pawl_arena_copy(arena, headers[i].value);
            kept++;
        }
    }
    if (options->drop_accept_encoding) {
        list[kept++] =
            (struct pawl_http_header){PAWL_SLICE("accept-encoding"), PAWL_SLICE("identity")};
    }
    *ret_count = kept;
    return arena->overflowed ? NULL : list;
}

bool pawl_headers_overridden(const struct pawl_http_header *headers, size_t count)
{
    static const char *const names[] = {"x-http-method-override", "x-http-method",
                                        "x-method-override"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        if (!pawl_slice_empty(pawl_http_header_value(headers, count, names[i]))) {
            return true;
        }
    }
    return false;
}

void pawl_headers_show_address(struct pawl_slice address, char *out, size_t out_bytes)
{
    size_t shown = 0;
    size_t scheme = pawl_slice_find(address, PAWL_SLICE("//"));
    size_t start = scheme == SIZE_MAX ? 0 : scheme + 2;
    struct pawl_slice rest = pawl_slice_sub(address, start, address.bytes);
    struct pawl_slice host = pawl_slice_sub(rest, 0, pawl_slice_find_byte(rest, '/'));
    size_t user_bytes = 0;
    for (size_t i = 0; scheme != SIZE_MAX && i < host.bytes; i++) {
        user_bytes = host.data[i] == '@' ? i + 1 : user_bytes;
    }
    for (size_t i = 0; i < address.bytes && shown + 1 < out_bytes; i++) {
        char byte = address.data[i];
        if (byte == '?' || byte == '#' || byte <= ' ' || byte > '~') {
            break;
        }
        if (i < start || i >= start + user_bytes) {
            out[shown++] = byte;
        }
    }
    out[shown] = '\0';
}
