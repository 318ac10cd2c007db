/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drains.c: what a closed tenant still holds is given back, a slice a turn, so that others do not
 * wait for it. At a start and when a tenant was closed the open reservations are looked
 * through; whoever is closed and holds something is drained, and the look goes on behind that. So a
 * drain that a crash broke off needs no memory of its own.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "server/server_priv.h"

enum { LOOK_STEPS = 2000 };

void pawl_serve_drains_look(struct pawl_serve *serve)
{
    serve->drains.wanted = true;
    pawl_serve_want_turn(serve);
}

static void on_drained(struct pawl_op *op)
{
    struct pawl_serve *serve = op->arg;
    struct pawl_serve_drains *drains = &serve->drains;
    PAWL_ASSERT(serve->magic == PAWL_SERVE_MAGIC && drains->submitted);
    drains->submitted = false;
    if (op->result.code != PAWL_RESULT_OK) {
        pawl_log(PAWL_LOG_WARN, "holds of the closed tenant %s are not given back: %s",
                 drains->tenant, pawl_result_name(op->result.code));
        drains->tenant[0] = '\0';
        drains->looking = false;
    } else if (op->result.more_due) {
        drains->from = (uint32_t)op->result.id;
    } else {
        pawl_log(PAWL_LOG_INFO, "what the closed tenant %s held was given back", drains->tenant);
        drains->tenant[0] = '\0';
    }
    pawl_serve_want_turn(serve);
}

static void submit(struct pawl_serve *serve)
{
    struct pawl_serve_drains *drains = &serve->drains;
    struct pawl_command command = {.type = PAWL_COMMAND_TENANT_DRAIN};
    command.u.tenant_drain.tenant = pawl_slice_str(drains->tenant);
    command.u.tenant_drain.from = drains->from;
    command.u.tenant_drain.max = PAWL_EXPIRE_MAX;
    drains->op = (struct pawl_op){.done = on_drained, .arg = serve};
    drains->submitted = true;
    pawl_engine_submit(serve->engine, &command, &drains->op);
}

/* The next closed tenant that holds something goes to drains->tenant. */
static void look(struct pawl_serve *serve)
{
    struct pawl_serve_drains *drains = &serve->drains;
    const struct pawl_core *core = pawl_engine_core(serve->engine);
    for (uint32_t step = 0; step < LOOK_STEPS; step++) {
        uint64_t reservation = 0;
        struct pawl_reservation_view view;
        if (!pawl_core_reservation_next(core, &drains->cursor, &reservation)) {
            drains->looking = false;
            return;
        }
        if (pawl_core_reservation(core, reservation, &view) &&
            view.state == PAWL_RESERVATION_HELD &&
            pawl_core_tenant_state(core, view.tenant) == PAWL_TENANT_CLOSED) {
            (void)pawl_slice_copy_str(view.tenant, drains->tenant, sizeof(drains->tenant));
            drains->from = 0;
            return;
        }
    }
}

bool pawl_serve_drains_turn(struct pawl_serve *serve)
{
    struct pawl_serve_drains *drains = &serve->drains;
    if (drains->submitted) {
        return false; /* its answer goes on */
    }
    if (drains->wanted && !drains->looking && drains->tenant[0] == '\0') {
        drains->wanted = false;
        drains->looking = true;
        drains->cursor = 0;
    }
    if (drains->looking && drains->tenant[0] == '\0') {
        look(serve);
    }
    if (drains->tenant[0] != '\0') {
        submit(serve);
        return true; /* for the commit */
    }
    return drains->looking || drains->wanted;
}
