/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.h: everything that the server itself says no to, before a handler sees the request.
 *
 * One table gives each refusal its status, its name on the wire and its sentence; whoever adds
 * a check adds a row. The names are part of the interface: tests and clients compare them.
 * After any of these the connection is closed, because where the next request would begin
 * is no longer certain.
 */
#ifndef PAWL_NET_REFUSAL_H
#define PAWL_NET_REFUSAL_H

/* X(enum name, status, name on the wire, sentence) */
#define PAWL_HTTP_REFUSALS(X)                                                                      \
    X(NONE, 0, "none", "")                                                                         \
    X(BARE_CR, 400, "bare_cr", "The head holds a CR that is not followed by LF.")                  \
    X(BARE_LF, 400, "bare_lf", "A line of the head ends in LF without CR.")                        \
    X(CONTROL, 400, "control_character", "The head holds a control character.")                    \
    X(REQUEST_LINE, 400, "request_line", "The first line is not METHOD TARGET HTTP/1.1.")          \
    X(TARGET, 400, "target", "The request target has a form that is not served.")                  \
    X(METHOD, 501, "method", "The method is not served.")                                          \
    X(VERSION, 505, "version", "Only HTTP/1.1 and HTTP/1.0 are served.")                           \
    X(FOLDED, 400, "folded_header", "A header line begins with white space.")                      \
    X(HEADER_NAME, 400, "header_name", "A header line has no valid name before a colon.")          \
    X(HOST_MISSING, 400, "host_missing", "The request has no Host header.")                        \
    X(HOST_REPEATED, 400, "host_repeated", "The request has more than one Host header.")           \
    X(HOST_INVALID, 400, "host_invalid", "The Host header does not name one host.")                \
    X(FRAMING, 400, "framing", "The headers give the length of the body more than once.")          \
    X(CONTENT_LENGTH, 400, "content_length", "Content-Length is not a plain decimal number.")      \
    X(TRANSFER_CODING, 501, "transfer_coding", "The only transfer coding served is chunked.")      \
    X(TRANSFER_VERSION, 400, "transfer_version", "HTTP/1.0 has no transfer codings.")              \
    X(EXPECTATION, 417, "expectation", "The only expectation served is 100-continue.")             \
    X(HEAD_BYTES, 431, "head_too_large", "The request line and headers are too large.")            \
    X(HEADER_COUNT, 431, "too_many_headers", "The request has too many headers.")                  \
    X(BODY_BYTES, 413, "body_too_large", "The request body is too large.")                         \
    X(LARGE_COUNT, 503, "too_many_large_bodies", "Too many large bodies are being read.")          \
    X(LARGE_COUNT_OF_ONE, 503, "too_many_large_bodies_of_one",                                     \
      "Too many of the large bodies that are being read are yours.")                               \
    X(CHUNK, 400, "chunk", "The chunked coding of the body is broken.")                            \
    X(CHUNK_OVERHEAD, 400, "chunk_overhead", "The chunks cost far more bytes than they carry.")    \
    X(TRAILER, 400, "trailer", "Trailers after a chunked body are not served.")                    \
    X(PARSER, 400, "malformed", "The request is not well-formed HTTP/1.1.")                        \
    X(MEMORY, 503, "no_memory", "There is no memory for the request.")                             \
    X(HEAD_TIMEOUT, 408, "head_timeout", "The head of the request did not arrive in time.")        \
    X(BODY_TIMEOUT, 408, "body_timeout", "The body of the request did not arrive in time.")        \
    X(TLS_WANTED, 400, "tls_wanted", "This port speaks TLS: its address begins with https.")       \
    X(PEER, 403, "other_user", "This port serves only the user who opened it.")                    \
    X(CONNECTIONS, 503, "too_many_connections", "The server has too many connections.")

#define PAWL_HTTP_REFUSAL_ENUM(name, status, text, message) PAWL_HTTP_REFUSAL_##name,
enum pawl_http_refusal { PAWL_HTTP_REFUSALS(PAWL_HTTP_REFUSAL_ENUM) PAWL_HTTP_REFUSAL_COUNT };
#undef PAWL_HTTP_REFUSAL_ENUM

struct pawl_http_refusal_row {
    int status;
    const char *name;
    const char *message; /* plain ASCII that needs no escaping in JSON */
};

const struct pawl_http_refusal_row *pawl_http_refusal_row(enum pawl_http_refusal refusal);

#endif
