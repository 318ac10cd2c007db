/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idem.c: which commands were done already under their key. A record is 64 bytes: 128 bits of a
 * keyed hash of what the key belongs to, 128 bits of the payload's, when it ends, and which
 * operation answered. Only what changed something (results that are remembered) is kept, and what
 * was decided (core.c); the answer itself is in the journal.
 *
 * What a key belongs to, beside the command's type:
 *   RESERVE, DECIDE, EVENT, BUDGET_CREATE,       the tenant
 *   SESSION_*, APPROVAL_OPEN, NOTE, DOCUMENT_PUT
 *   COMMIT, RELEASE, EXTEND, GROW, CORRECT       the reservation's id
 *   BUDGET_FUND, BUDGET_SET                      the budget's id
 *   APPROVAL_ANSWER                              the approval's id
 * By id where there is one, because the reservation, and with it the tenant, is gone by the
 * time a settlement is repeated. An id is never given out twice, so no two meet.
 *
 * A record counts until its time is over and never less: where the configured number is reached,
 * new keys are refused. The two retentions are two queues in which records end in order;
 * every command with a key forgets a few that are over.
 */
#include "base/hash.h"

#include "core/index.h"
#include "core/ops.h"
#include "core/table.h"

enum { DRAIN_MAX = 4 }; /* records that one command forgets at most, of each retention */

bool pawl_idem_allowed(uint16_t type)
{
    PAWL_ASSERT(type >= PAWL_COMMAND_CONFIG);
    PAWL_ASSERT(type < PAWL_COMMAND_TYPE_END);
    return type != PAWL_COMMAND_CONFIG && type != PAWL_COMMAND_TZ_DEFINE &&
           type != PAWL_COMMAND_EXPIRE && type != PAWL_COMMAND_TENANT_DRAIN;
}

static uint32_t retention_of(uint16_t type)
{
    PAWL_ASSERT(pawl_idem_allowed(type));
    bool settles =
        type == PAWL_COMMAND_COMMIT || type == PAWL_COMMAND_EVENT || type == PAWL_COMMAND_CORRECT;
    return settles ? PAWL_RETENTION_SETTLE : PAWL_RETENTION_PLAIN;
}

/* --- Keys. ------------------------------------------------------------------------------------ */

/* The object that a key belongs to, or 0 where it belongs to a tenant. */
static uint64_t object_of(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_CORRECT:
    case PAWL_COMMAND_RELEASE:
    case PAWL_COMMAND_EXTEND:
    case PAWL_COMMAND_GROW:
        return pawl_command_reservation(command);
    case PAWL_COMMAND_BUDGET_FUND:
        return command->u.budget_fund.budget;
    case PAWL_COMMAND_BUDGET_SET:
        return command->u.budget_set.budget;
    case PAWL_COMMAND_APPROVAL_ANSWER:
        return command->u.approval_answer.approval;
    case PAWL_COMMAND_CONFIG:
    case PAWL_COMMAND_TZ_DEFINE:
    case PAWL_COMMAND_BUDGET_CREATE:
    case PAWL_COMMAND_RESERVE:
    case PAWL_COMMAND_EVENT:
    case PAWL_COMMAND_DECIDE:
    case PAWL_COMMAND_EXPIRE:
    case PAWL_COMMAND_SESSION_OPEN:
    case PAWL_COMMAND_SESSION_SET:
    case PAWL_COMMAND_SESSION_PHASE:
    case PAWL_COMMAND_APPROVAL_OPEN:
    case PAWL_COMMAND_NOTE:
    case PAWL_COMMAND_DOCUMENT_PUT:
    case PAWL_COMMAND_TENANT_DRAIN:
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    return 0;
}

static struct pawl_slice tenant_of(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_BUDGET_CREATE:
        return command->u.budget_create.scope.levels[PAWL_LEVEL_TENANT];
    case PAWL_COMMAND_RESERVE:
    case PAWL_COMMAND_DECIDE:
        return command->u.reserve.subject.levels[PAWL_LEVEL_TENANT];
    case PAWL_COMMAND_EVENT:
        return command->u.event.subject.levels[PAWL_LEVEL_TENANT];
    case PAWL_COMMAND_SESSION_OPEN:
        return command->u.session_open.tenant;
    case PAWL_COMMAND_SESSION_SET:
        return command->u.session_set.tenant;
    case PAWL_COMMAND_SESSION_PHASE:
        return command->u.session_phase.tenant;
    case PAWL_COMMAND_APPROVAL_OPEN:
        return command->u.approval_open.tenant;
    case PAWL_COMMAND_NOTE:
        return command->u.note.tenant;
    case PAWL_COMMAND_DOCUMENT_PUT:
        return command->u.document_put.tenant;
    case PAWL_COMMAND_CONFIG:
    case PAWL_COMMAND_TZ_DEFINE:
    case PAWL_COMMAND_BUDGET_FUND:
    case PAWL_COMMAND_BUDGET_SET:
    case PAWL_COMMAND_GROW:
    case PAWL_COMMAND_EXTEND:
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_RELEASE:
    case PAWL_COMMAND_CORRECT:
    case PAWL_COMMAND_EXPIRE:
    case PAWL_COMMAND_APPROVAL_ANSWER:
    case PAWL_COMMAND_TENANT_DRAIN:
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    return PAWL_SLICE_NONE;
}

struct pawl_idem_key pawl_idem_key(const struct pawl_core *core, const struct pawl_command *command)
{
    struct pawl_slice tenant = tenant_of(command);
    struct pawl_slice text = command->idempotency_key;
    PAWL_ASSERT(pawl_idem_allowed(command->type));
    PAWL_ASSERT(text.bytes > 0);
    PAWL_ASSERT(text.bytes <= PAWL_KEY_BYTES_MAX);
    PAWL_ASSERT(tenant.bytes <= PAWL_NAME_BYTES_MAX);
    /* Type, lengths, object, key, tenant, zeros to the end of a word: no two different ones have
     * the same words. In one piece and in words, in which SipHash is twice as fast. */
    uint64_t words[2 + (PAWL_KEY_BYTES_MAX + PAWL_NAME_BYTES_MAX) / sizeof(uint64_t) + 1];
    size_t bytes = 2 * sizeof(uint64_t) + text.bytes + tenant.bytes;
    size_t word_count = (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    PAWL_ASSERT(word_count < PAWL_ARRAY_LEN(words));
    words[word_count - 1] = 0;
    words[0] = command->type | (uint64_t)text.bytes << 16 | (uint64_t)tenant.bytes << 32;
    words[1] = object_of(command);
    char *texts = (char *)&words[2];
    memcpy(texts, text.data, text.bytes);
    memcpy(texts + text.bytes, tenant.data != NULL ? tenant.data : "", tenant.bytes);

    const uint64_t *seed = core->state.limits.hash_key;
    struct pawl_idem_key key = {
        .payload_hash = {command->payload_hash[0], command->payload_hash[1]}};
    pawl_hash_sip_pair((struct pawl_hash_key){seed[0], seed[1]}, words, word_count, key.hash);
    pawl_index_prefetch(core, PAWL_INDEX_IDEM, (uint32_t)key.hash[0]);
    return key;
}

/* --- Records. --------------------------------------------------------------------------------- */

uint32_t pawl_idem_find(const struct pawl_core *core, const struct pawl_idem_key *key)
{
    struct pawl_index_cursor cursor =
        pawl_index_find(core, PAWL_INDEX_IDEM, (uint32_t)key->hash[0]);
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        const struct pawl_idem_slot *slot = pawl_idem_at(core, at);
        PAWL_ASSERT(slot->live == 1);
        if (slot->key_hash[0] == key->hash[0] && slot->key_hash[1] == key->hash[1] &&
            core->state.now_us < slot->expires_us) {
            return at;
        }
    }
    return 0;
}

bool pawl_core_key_find(const struct pawl_core *core,
                        const struct pawl_command *like,
                        uint64_t *ret_op)
{
    bool may_have_key = like->type >= PAWL_COMMAND_CONFIG && like->type < PAWL_COMMAND_TYPE_END &&
                        pawl_idem_allowed(like->type);
    if (!may_have_key || pawl_slice_empty(like->idempotency_key) ||
        like->idempotency_key.bytes > PAWL_KEY_BYTES_MAX ||
        tenant_of(like).bytes > PAWL_NAME_BYTES_MAX) {
        return false;
    }
    struct pawl_idem_key key = pawl_idem_key(core, like);
    uint32_t record = pawl_idem_find(core, &key);
    if (record == 0) {
        return false;
    }
    PAWL_ASSERT(pawl_idem_at(core, record)->op > 0);
    PAWL_ASSERT(pawl_idem_at(core, record)->op <= core->state.op);
    *ret_op = pawl_idem_at(core, record)->op;
    return true;
}

/* How many records an answer to the command must find free: its own, that of what it opens, and
 * unless it settles itself one for each open reservation. */
static uint64_t records_wanted(const struct pawl_core *core, const struct pawl_command *command)
{
    uint64_t open = core->state.tables[PAWL_TABLE_RESERVATION].live_count;
    if (command == NULL) {
        return 1 + open;
    }
    PAWL_ASSERT(pawl_idem_allowed(command->type));
    if (command->type == PAWL_COMMAND_COMMIT || command->type == PAWL_COMMAND_RELEASE ||
        command->type == PAWL_COMMAND_CORRECT) {
        return 1;
    }
    bool opens = command->type == PAWL_COMMAND_RESERVE && !command->u.reserve.dry_run;
    return 1 + open + opens;
}

bool pawl_core_keys_full(const struct pawl_core *core, const struct pawl_command *command)
{
    uint32_t count = core->state.tables[PAWL_TABLE_IDEM].live_count;
    PAWL_ASSERT(count <= core->state.limits.idempotency_max);
    return core->state.limits.idempotency_max - count < records_wanted(core, command);
}

void pawl_idem_remember(struct pawl_core *core,
                        uint16_t type,
                        const struct pawl_idem_key *key,
                        uint64_t id)
{
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_IDEM].live_count <
                core->state.limits.idempotency_max);
    uint32_t retention = retention_of(type);
    PAWL_ASSERT(retention < PAWL_RETENTION_COUNT);
    PAWL_SLOW_ASSERT(pawl_idem_find(core, key) == 0);
    const struct pawl_limits *limits = &core->state.limits;
    int64_t ttl_us = retention == PAWL_RETENTION_SETTLE ? limits->idempotency_settle_ttl_us
                                                        : limits->idempotency_ttl_us;
    uint32_t at = pawl_table_take(core, PAWL_TABLE_IDEM);
    PAWL_ASSERT(at != 0);
    *pawl_idem_edit(core, at) = (struct pawl_idem_slot){
        .key_hash = {key->hash[0], key->hash[1]},
        .payload_hash = {key->payload_hash[0], key->payload_hash[1]},
        .expires_us = core->state.now_us + ttl_us,
        .op = core->state.op,
        .id = id,
        .live = 1,
    };
    struct pawl_queue *queue = &core->state.idem_queues[retention];
    if (queue->tail != 0) {
        PAWL_ASSERT(pawl_idem_at(core, queue->tail)->next == 0);
        pawl_idem_edit(core, queue->tail)->next = at;
    } else {
        queue->head = at;
    }
    queue->tail = at;
    PAWL_ASSERT(pawl_idem_at(core, at)->next == 0);
    pawl_index_insert(core, PAWL_INDEX_IDEM, (uint32_t)key->hash[0], at);
}

/* The record that is over next is known long before, so memory can be asked now for what the next
 * drain will touch. */
static void ask_for_next(const struct pawl_core *core, uint32_t head)
{
    if (head == 0) {
        return;
    }
    const struct pawl_idem_slot *slot = pawl_idem_at(core, head);
    PAWL_ASSERT(slot->live == 1);
    pawl_index_prefetch(core, PAWL_INDEX_IDEM, (uint32_t)slot->key_hash[0]);
    if (slot->next != 0) {
        __builtin_prefetch(pawl_idem_at(core, slot->next), 1);
    }
}

void pawl_idem_drain(struct pawl_core *core)
{
    for (uint32_t retention = 0; retention < PAWL_RETENTION_COUNT; retention++) {
        struct pawl_queue *queue = &core->state.idem_queues[retention];
        for (uint32_t i = 0; i < DRAIN_MAX && queue->head != 0; i++) {
            uint32_t at = queue->head;
            const struct pawl_idem_slot *slot = pawl_idem_at(core, at);
            PAWL_ASSERT(slot->live == 1);
            if (core->state.now_us < slot->expires_us) {
                break;
            }
            queue->head = slot->next;
            if (queue->head == 0) {
                PAWL_ASSERT(queue->tail == at);
                queue->tail = 0;
            }
            pawl_index_remove(core, PAWL_INDEX_IDEM, (uint32_t)slot->key_hash[0], at);
            pawl_table_free(core, PAWL_TABLE_IDEM, at);
        }
        ask_for_next(core, queue->head);
    }
}
