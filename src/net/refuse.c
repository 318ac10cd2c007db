/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse.c: what the server answers by itself, and how its owner may put it. A protocol that
 * promises headers or a form of body for every answer means these, too.
 *
 * The owner gets the whole answer to change instead of being asked for additions, so that there is
 * one answer and one way to write it, and so that one who has no memory changes nothing.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "net/server_priv.h"

/* The limit that a refusal speaks of, or 0. */
static uint64_t refusal_limit(const struct pawl_conn *conn, enum pawl_http_refusal refusal)
{
    const struct pawl_http_limits *limits = &conn->server->limits;
    if (refusal == PAWL_HTTP_REFUSAL_HEAD_BYTES) {
        return limits->head_bytes_max;
    }
    if (refusal == PAWL_HTTP_REFUSAL_HEADER_COUNT) {
        return limits->header_count_max;
    }
    if (refusal == PAWL_HTTP_REFUSAL_BODY_BYTES) {
        return conn->reader.body_bytes_max;
    }
    if (refusal == PAWL_HTTP_REFUSAL_LARGE_COUNT) {
        return limits->large_count_max;
    }
    if (refusal == PAWL_HTTP_REFUSAL_LARGE_COUNT_OF_ONE) {
        return pawl_body_places_of(&conn->server->large, conn->reader.place.whose);
    }
    if (refusal == PAWL_HTTP_REFUSAL_HEAD_TIMEOUT) {
        return limits->head_timeout_ms;
    }
    if (refusal == PAWL_HTTP_REFUSAL_BODY_TIMEOUT) {
        return limits->body_timeout_ms;
    }
    return refusal == PAWL_HTTP_REFUSAL_CONNECTIONS ? limits->connection_count_max : 0;
}

void pawl_conn_refuse(struct pawl_conn *conn, enum pawl_http_refusal refusal)
{
    const struct pawl_http_server *server = conn->server;
    const struct pawl_http_refusal_row *row = pawl_http_refusal_row(refusal);
    char peer[PAWL_HTTP_PEER_BYTES];
    const struct pawl_http_refused refused = {
        .status = row->status,
        .name = row->name,
        .message = row->message,
        .limit = refusal_limit(conn, refusal),
        .listener = conn->tag,
        .peer = pawl_conn_peer_text(conn, peer),
        .request = conn->reader.head_known ? &conn->reader.request : NULL};
    char body[256];
    int length = refused.limit > 0
                     ? snprintf(body, sizeof(body),
                                "{\"error\":\"%s\",\"message\":\"%s\",\"limit\":%" PRIu64 "}",
                                refused.name, refused.message, refused.limit)
                     : snprintf(body, sizeof(body), "{\"error\":\"%s\",\"message\":\"%s\"}",
                                refused.name, refused.message);
    PAWL_ASSERT(length > 0 && (size_t)length < sizeof(body));
    const struct pawl_http_header type = {PAWL_SLICE("Content-Type"),
                                          PAWL_SLICE("application/json")};
    struct pawl_http_refusal_answer answer = {.status = refused.status,
                                              .headers = &type,
                                              .header_count = 1,
                                              .body = pawl_slice_of(body, (size_t)length),
                                              .arena = &conn->arena};
    if (server->refusal != NULL) {
        server->refusal(server->arg, &refused, &answer);
    }
    conn->linger = true;
    pawl_exchange_answer_refusal(conn, answer.status, answer.headers, answer.header_count,
                                 answer.body);
}
