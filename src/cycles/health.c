/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.c: the probes of orchestrators and of the clients' own test suites, in the form that they
 * know from the reference server. While the server drains it is alive and not ready. A ledger that
 * failed ends the process, so there is no state in between to tell.
 */
#include "cycles/cycles_priv.h"

static void say(struct pawl_call *call, bool up)
{
    pawl_call_reply_bytes(call, up ? 200 : 503, PAWL_SLICE("application/json"),
                          up ? PAWL_SLICE("{\"status\":\"UP\"}")
                             : PAWL_SLICE("{\"status\":\"OUT_OF_SERVICE\"}"));
}

void pawl_cycles_health(struct pawl_call *call)
{
    say(call, true);
}

void pawl_cycles_health_liveness(struct pawl_call *call)
{
    say(call, true);
}

void pawl_cycles_health_readiness(struct pawl_call *call)
{
    say(call, !call->cycles->draining);
}
