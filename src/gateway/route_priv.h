/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_priv.h: pieces of paths, for the files that know what stands in them. Runs of slashes
 * count as one; nothing percent-encoded and no dot segment is a plain segment.
 */
#ifndef PAWL_GATEWAY_ROUTE_PRIV_H
#define PAWL_GATEWAY_ROUTE_PRIV_H

#include "gateway/route.h"

/* --- route.c -------------------------------------------------------------------------------- */

/* Cuts the next segment from *path, skipping the slashes before it. */
struct pawl_slice pawl_route_next_segment(struct pawl_slice *path);
/* What "*" stands for in a pattern. */
bool pawl_route_plain_segment(struct pawl_slice segment);
/* Looks the path (without a version) up among the POSTs of one vendor's API. false: it is not
 * there. */
bool pawl_route_post_of(enum pawl_upstream api, struct pawl_slice path, struct pawl_route *route);

/* --- route_gemini.c ------------------------------------------------------------------------- */

/* What a POST to Google's API is; route->rest is its path. */
void pawl_route_classify_gemini(struct pawl_route *route);
/* Whether the version has to be put in front of the path, since the client left it out. */
bool pawl_route_gemini_lacks_version(struct pawl_slice rest);

#endif
