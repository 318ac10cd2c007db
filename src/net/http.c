/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c: header look-up, the hop-by-hop names, and reason phrases. Pure functions over
 * slices; a header list is searched from its start because lists are short.
 */
#include "net/http.h"

const struct pawl_http_header *
pawl_http_find_header(const struct pawl_http_header *headers, size_t count, const char *name)
{
    struct pawl_slice wanted = pawl_slice_str(name);
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_equal_nocase(headers[i].name, wanted)) {
            return &headers[i];
        }
    }
    return NULL;
}

struct pawl_slice
pawl_http_header_value(const struct pawl_http_header *headers, size_t count, const char *name)
{
    const struct pawl_http_header *header = pawl_http_find_header(headers, count, name);
    return header != NULL ? header->value : PAWL_SLICE_NONE;
}

bool pawl_http_is_hop_by_hop(struct pawl_slice name)
{
    /* The length decides almost every header without comparing it. */
    switch (name.bytes) {
    case 2:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("TE"));
    case 7:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Upgrade")) ||
               pawl_slice_equal_nocase(name, PAWL_SLICE("Trailer"));
    case 10:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Connection")) ||
               pawl_slice_equal_nocase(name, PAWL_SLICE("Keep-Alive"));
    case 16:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Proxy-Connection"));
    case 17:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Transfer-Encoding"));
    case 18:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Proxy-Authenticate"));
    case 19:
        return pawl_slice_equal_nocase(name, PAWL_SLICE("Proxy-Authorization"));
    default:
        return false;
    }
}

bool pawl_http_connection_names(const struct pawl_http_header *headers,
                                size_t count,
                                struct pawl_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (!pawl_slice_equal_nocase(headers[i].name, PAWL_SLICE("Connection"))) {
            continue;
        }
        struct pawl_slice rest = headers[i].value;
        while (rest.bytes > 0) {
            struct pawl_slice option = pawl_slice_trim(pawl_slice_cut(&rest, ','));
            if (option.bytes > 0 && pawl_slice_equal_nocase(option, name)) {
                return true;
            }
        }
    }
    return false;
}

const char *pawl_http_reason(int status)
{
    static const char *const reasons[] = {
        [100] = "Continue",
        [101] = "Switching Protocols",
        [200] = "OK",
        [201] = "Created",
        [202] = "Accepted",
        [203] = "Non-Authoritative Information",
        [204] = "No Content",
        [205] = "Reset Content",
        [206] = "Partial Content",
        [300] = "Multiple Choices",
        [301] = "Moved Permanently",
        [302] = "Found",
        [303] = "See Other",
        [304] = "Not Modified",
        [307] = "Temporary Redirect",
        [308] = "Permanent Redirect",
        [400] = "Bad Request",
        [401] = "Unauthorized",
        [402] = "Payment Required",
        [403] = "Forbidden",
        [404] = "Not Found",
        [405] = "Method Not Allowed",
        [406] = "Not Acceptable",
        [407] = "Proxy Authentication Required",
        [408] = "Request Timeout",
        [409] = "Conflict",
        [410] = "Gone",
        [411] = "Length Required",
        [412] = "Precondition Failed",
        [413] = "Content Too Large",
        [414] = "URI Too Long",
        [415] = "Unsupported Media Type",
        [416] = "Range Not Satisfiable",
        [417] = "Expectation Failed",
        [421] = "Misdirected Request",
        [422] = "Unprocessable Content",
        [423] = "Locked",
        [424] = "Failed Dependency",
        [425] = "Too Early",
        [426] = "Upgrade Required",
        [428] = "Precondition Required",
        [429] = "Too Many Requests",
        [431] = "Request Header Fields Too Large",
        [451] = "Unavailable For Legal Reasons",
        [500] = "Internal Server Error",
        [501] = "Not Implemented",
        [502] = "Bad Gateway",
        [503] = "Service Unavailable",
        [504] = "Gateway Timeout",
        [505] = "HTTP Version Not Supported",
        [507] = "Insufficient Storage",
        [511] = "Network Authentication Required",
    };
    size_t count = sizeof(reasons) / sizeof(reasons[0]);
    const char *reason = status >= 0 && (size_t)status < count ? reasons[status] : NULL;
    return reason != NULL ? reason : "Unknown";
}
