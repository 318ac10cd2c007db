/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.c: a small table by hash. Two ids of one hash would have to meet among a few dozen;
 * the worst that it leads to is a container that is booked too low by minutes.
 */
#include "gateway/containers.h"

#include "base/hash.h"

static const int64_t block_us = (int64_t)PAWL_CONTAINERS_BLOCK_MINUTES * 60 * 1000000;

bool pawl_container_names_add(struct pawl_container_names *names, struct pawl_slice id)
{
    uint64_t name = pawl_hash_sip((struct pawl_hash_key){0, 0}, id);
    name = name != 0 ? name : 1;
    for (uint32_t i = 0; i < names->count; i++) {
        if (names->name[i] == name) {
            return !pawl_slice_empty(id);
        }
    }
    if (pawl_slice_empty(id) || names->count == PAWL_CONTAINERS_NAMED_MAX) {
        return false;
    }
    names->name[names->count++] = name;
    return true;
}

static uint32_t find(const struct pawl_containers *containers, uint64_t name)
{
    uint32_t at = 0;
    while (at < PAWL_CONTAINERS_KNOWN_MAX && containers->known[at].name != name) {
        at++;
    }
    return at;
}

int64_t pawl_containers_gigabytes(const struct pawl_containers *containers, uint64_t name)
{
    uint32_t at = find(containers, name);
    return at < PAWL_CONTAINERS_KNOWN_MAX ? containers->known[at].gigabytes : -1;
}

/* Blocks that have begun in that time; at least one. */
static int64_t blocks_of(int64_t duration_us)
{
    return duration_us < 0 ? 1 : duration_us / block_us + 1;
}

/* Pays for a known one to the end of the call. */
static int64_t prolong(struct pawl_container *container, int64_t ended_us)
{
    if (ended_us < container->paid_until_us) {
        return 0;
    }
    int64_t blocks = blocks_of(ended_us - container->paid_until_us);
    container->paid_until_us += blocks * block_us;
    return blocks * PAWL_CONTAINERS_BLOCK_MINUTES * container->gigabytes;
}

static bool
runs(const struct pawl_containers *containers, const struct pawl_container_names *names, int64_t us)
{
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t at = find(containers, names->name[i]);
        if (at < PAWL_CONTAINERS_KNOWN_MAX && us < containers->known[at].paid_until_us) {
            return true;
        }
    }
    return false;
}

int64_t pawl_containers_bill(struct pawl_containers *containers,
                             const struct pawl_container_use *use)
{
    int64_t blocks = blocks_of(use->ended_us - use->started_us);
    int64_t minutes = 0;
    bool made = use->ran.count == 0 && use->gigabytes > 0 &&
                (use->code || !runs(containers, &use->before, use->started_us));
    for (uint32_t i = 0; i < use->ran.count; i++) {
        uint32_t at = find(containers, use->ran.name[i]);
        if (at < PAWL_CONTAINERS_KNOWN_MAX) {
            minutes += prolong(&containers->known[at], use->ended_us);
            continue;
        }
        if (use->gigabytes == 0) {
            continue; /* made by somebody else, of a size that nobody told */
        }
        made = true;
        containers->known[containers->next] =
            (struct pawl_container){.name = use->ran.name[i],
                                    .gigabytes = use->gigabytes,
                                    .paid_until_us = use->started_us + blocks * block_us};
        containers->next = (containers->next + 1) % PAWL_CONTAINERS_KNOWN_MAX;
    }
    return minutes + (made ? blocks * PAWL_CONTAINERS_BLOCK_MINUTES * use->gigabytes : 0);
}
