/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_kit.h: the protocol without a socket: the dispatcher of src/cycles over an engine on a
 * simulated disk, the real registry, an archive in memory, and exchanges that a test makes and
 * reads. Time stands still until it is moved.
 *
 * The functions of net/server.h and archive/archive.h that src/cycles calls are defined here; a
 * program that links this does not take the real ones out of their libraries.
 */
#ifndef PAWL_TESTS_LIB_CYCLES_KIT_H
#define PAWL_TESTS_LIB_CYCLES_KIT_H

#include "base/arena.h"
#include "base/json.h"
#include "cycles/cycles.h"
#include "registry/registry.h"
#include "tests/lib/kit.h"

enum { CYCLES_KIT_HEADERS_MAX = 16, CYCLES_KIT_BODY_BYTES_MAX = 1 << 22 };

/* What src/cycles sees as an exchange. */
struct pawl_http_exchange {
    struct pawl_http_request request;
    struct pawl_http_header headers[CYCLES_KIT_HEADERS_MAX];
    struct pawl_arena arena;
    bool answered;
    int status;
    struct pawl_buf head; /* of the answer: "Name: value\n" each */
    struct pawl_buf body;
};

struct cycles_kit {
    struct kit kit;
    struct pawl_registry *registry;
    struct pawl_archive *archive;
    struct pawl_cycles *cycles;
    struct pawl_http_exchange exchange; /* the last one */
    struct pawl_arena arena;            /* of `json` */
    struct pawl_json json;              /* the last answer's body, where it has one */
    uint32_t door;
    size_t request_bytes_max; /* of memory that a request may take; 0: enough */
    bool archive_behind;      /* it answers BEHIND */
    uint32_t observed;        /* requests that the observer was told of */
    int observed_status;
    uint32_t closed_told; /* how often it was told that a tenant is closed */
    uint32_t turns;       /* of the loop, until the last answer */
    bool beside; /* each request comes while another operation is applied and not on disk yet */
    bool early;  /* the last answer left while something was that it could tell of */
};

/* An empty ledger with the tenants "acme" and "globex", and a key for each: the secrets are
 * CYCLES_KIT_ACME and CYCLES_KIT_GLOBEX; the administrator's is CYCLES_KIT_ADMIN. */
#define CYCLES_KIT_ACME   "cyc_live_acmeacmeacmeacmeacmeacmeacme00"
#define CYCLES_KIT_GLOBEX "cyc_live_globexglobexglobexglobexglob00"
#define CYCLES_KIT_ADMIN  "adm_live_0123456789012345678901234567"
enum { CYCLES_KIT_SETTLEMENT_BYTES_MAX = 1 << 21 };
void cycles_kit_open(struct cycles_kit *kit, uint64_t seed);
/* The same with room for so many documents, of which five are taken by those. */
void cycles_kit_open_small(struct cycles_kit *kit, uint64_t seed, uint32_t documents_max);
void cycles_kit_free(struct cycles_kit *kit);
/* The process goes and comes back; what was answered is still there. */
void cycles_kit_restart(struct cycles_kit *kit);
void cycles_kit_advance(struct cycles_kit *kit, int64_t ms);

/* Replaces what the registry says of a key, a tenant, or makes a policy; each must be OK. */
void cycles_kit_put_key(struct cycles_kit *kit, const struct pawl_key *key);
void cycles_kit_put_tenant(struct cycles_kit *kit, const struct pawl_tenant *tenant);
void cycles_kit_put_policy(struct cycles_kit *kit, const struct pawl_policy_rule *policy);

/* A budget of a scope's path, in dollars' unit unless another is given. Returns its id. */
uint64_t cycles_kit_budget(struct cycles_kit *kit, const char *path, uint16_t unit, int64_t amount);
/* A command for the ledger, which must be OK. */
void cycles_kit_must(struct cycles_kit *kit, const struct pawl_command *command);

/* One request. `headers` are lines "Name: value\n", or NULL for acme's key alone. `body` NULL:
 * none. Returns the status. */
int cycles_kit_send(struct cycles_kit *kit,
                    const char *method,
                    const char *target,
                    const char *headers,
                    const char *body);
/* Bytes as they are, for the fuzzer. */
int cycles_kit_send_bytes(struct cycles_kit *kit, const struct pawl_http_request *request);

/* The last answer. Paths as pawl_json_path has them. */
const char *cycles_kit_body(struct cycles_kit *kit);
bool cycles_kit_header_is(const struct cycles_kit *kit, const char *line);
/* The text of a string, or the raw JSON of anything else; "" where there is nothing. Borrowed until
 * the next answer. */
const char *cycles_kit_text(struct cycles_kit *kit, const char *path);
int64_t cycles_kit_number(struct cycles_kit *kit, const char *path);
/* The members of the body in order: "decision reservation_id …". */
const char *cycles_kit_members(struct cycles_kit *kit);

#endif
