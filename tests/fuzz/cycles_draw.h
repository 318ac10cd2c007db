/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_draw.h: bodies and queries by the shapes that routes take, drawn from bytes: mostly what a
 * field takes, now and then what it must refuse (a number beside its range, another type, a null, a
 * field that is not there, one that is there twice).
 */
#ifndef PAWL_TESTS_FUZZ_CYCLES_DRAW_H
#define PAWL_TESTS_FUZZ_CYCLES_DRAW_H

#include "base/buf.h"
#include "base/slice.h"
#include "cycles/body.h"

struct cycles_bytes {
    struct pawl_slice rest; /* after its end: zeros */
};

void cycles_draw_body(struct pawl_buf *out,
                      const struct pawl_shape *shape,
                      struct cycles_bytes *bytes);
void cycles_draw_query(struct pawl_buf *out,
                       const struct pawl_shape *shape,
                       struct cycles_bytes *bytes);

#endif
