/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_tools.c: tool calls in the ledger, each counted once.
 *
 * They are seen at two places: in the model's answer, before it is forwarded, and at the agent's
 * hook, before the tool runs. The answer comes first where both see the same. A hook's call is
 * known by its id where the model made one up that the agent keeps (Anthropic); elsewhere it is
 * taken for one of those that were counted in answers and that no hook has asked for yet. Only a
 * call that the answers did not show, such as the second one of a script, is counted when asked
 * for.
 *
 * A hook's question is a model call without an exchange, since it needs the same things: an EVENT,
 * a note, a latch, each durable before it is answered.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

enum { SEEN_ARENA_BYTES_MAX = 64 << 20, NAME_BYTES_MAX = 64 };

/* --- What answers showed --------------------------------------------------------------------- */

static uint64_t hash_of(struct pawl_slice id)
{
    uint64_t hash = pawl_hash_sip((struct pawl_hash_key){0, 0}, id);
    return hash != 0 ? hash : 1; /* 0 is an empty place. */
}

static void remember(struct pawl_gateway *gateway, struct pawl_slice id)
{
    struct pawl_tools *tools = &gateway->tools;
    if (!pawl_slice_empty(id)) {
        tools->ids[tools->next] = hash_of(id);
        tools->next = (tools->next + 1) % PAWL_TOOL_IDS_MAX;
    }
}

static bool is_known(const struct pawl_gateway *gateway, struct pawl_slice id)
{
    uint64_t hash = hash_of(id);
    for (size_t i = 0; !pawl_slice_empty(id) && i < PAWL_TOOL_IDS_MAX; i++) {
        if (gateway->tools.ids[i] == hash) {
            return true;
        }
    }
    return false;
}

static bool
remember_block(struct pawl_gateway *gateway, const struct pawl_json *json, uint32_t block)
{
    uint32_t id = pawl_json_get(json, block, "id");
    if (!pawl_json_string_is(json, pawl_json_get(json, block, "type"), "tool_use") ||
        !pawl_json_is(json, id, PAWL_JSON_STRING)) {
        return false;
    }
    remember(gateway, pawl_json_string_raw(json, id));
    return true;
}

/* Of an event or of a whole answer; returns how many there were. */
static uint32_t remember_ids(struct pawl_gateway *gateway, const struct pawl_json *json)
{
    uint32_t count = 0;
    uint32_t block = pawl_json_get(json, 0, "content_block");
    if (block != PAWL_JSON_NONE) {
        return remember_block(gateway, json, block) ? 1 : 0;
    }
    uint32_t content = pawl_json_get(json, 0, "content");
    if (content == PAWL_JSON_NONE || !pawl_json_is(json, content, PAWL_JSON_ARRAY)) {
        return 0;
    }
    for (block = pawl_json_first(json, content); block != PAWL_JSON_NONE;
         block = pawl_json_next(json, block)) {
        count += remember_block(gateway, json, block) ? 1 : 0;
    }
    return count;
}

void pawl_tools_seen(struct pawl_model_call *call, struct pawl_slice json_text, uint32_t count)
{
    struct pawl_gateway *gateway = call->gateway;
    uint32_t known = 0;
    if (call->route.dialect == PAWL_DIALECT_ANTHROPIC) {
        struct pawl_arena arena;
        struct pawl_json json;
        pawl_arena_init(&arena, SEEN_ARENA_BYTES_MAX);
        if (pawl_json_parse(&arena, json_text, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                            &json) &&
            pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
            known = remember_ids(gateway, &json);
        }
        pawl_arena_free(&arena);
    }
    gateway->tools.unclaimed += count > known ? count - known : 0;
    gateway->tools.scripts = call->route.dialect == PAWL_DIALECT_OPENAI_RESPONSES;
}

/* --- The ledger ------------------------------------------------------------------------------ */

void pawl_tools_submit(struct pawl_model_call *call,
                       uint32_t count,
                       void (*done)(struct pawl_model_call *, const struct pawl_result *))
{
    struct pawl_buf *note = &call->store.note;
    pawl_buf_reset(note);
    pawl_note_event(call, count, note);
    struct pawl_command command = {
        .type = PAWL_COMMAND_EVENT,
        .metadata = pawl_buf_slice(note),
        .u.event =
            {
                .subject = call->gateway->subject,
                .phase = pawl_phase_of_event(call, count),
                .line_count = 1,
                .lines = {{PAWL_UNIT_TOOL_CALLS, count}},
                .overage = PAWL_OVERAGE_REJECT,
            },
    };
    pawl_model_call_submit(call, &call->event_op, &command, done);
}

bool pawl_tools_bound(const struct pawl_model_call *call)
{
    return pawl_gateway_left_of(call->gateway, PAWL_UNIT_TOOL_CALLS).bound;
}

void pawl_tools_refuse(struct pawl_model_call *call, const struct pawl_result *result)
{
    struct pawl_refusal_words *words = &call->words;
    if (result->code != PAWL_RESULT_CAP_EXCEEDED) {
        /* Not for want of tool calls: the run was stopped meanwhile. */
        *words = call->gateway->latch;
        words->refusal = PAWL_REFUSAL_LATCHED;
        words->latches = false;
        if (!call->gateway->latched) {
            pawl_words_set(words, "pawl: run %s: %s", call->gateway->options.run_id,
                           pawl_result_meaning(result->code));
        }
        return;
    }
    if (pawl_phase_refuses_event(call)) {
        return;
    }
    const struct pawl_denial *denial = &result->denial;
    *words = (struct pawl_refusal_words){
        .refusal = PAWL_REFUSAL_TOOL_CALLS,
        .unit = PAWL_UNIT_TOOL_CALLS,
        .left = {.bound = true,
                 .free = denial->fits,
                 .limit = denial->limit,
                 .spent = denial->spent,
                 .held = denial->held},
        .asked = denial->asked,
        .fits = denial->fits,
        .latches = true,
    };
    struct pawl_shared_limit shared;
    if (pawl_gateway_shared(call->gateway, words->unit, true, &shared)) {
        pawl_words_limit(words, call->gateway, &shared, false);
        return;
    }
    if (call->asked.done == NULL) {
        pawl_words_admission(words, call->gateway, NULL);
        return;
    }
    char spent[PAWL_MONEY_TEXT_BYTES];
    char limit[PAWL_MONEY_TEXT_BYTES];
    pawl_words_set(words, "pawl: tool calls used up: %s of %s made, and %.*s would be one more",
                   pawl_money_format_count(denial->spent, spent),
                   pawl_money_format_count(denial->limit, limit), (int)call->asked.tool.bytes,
                   call->asked.tool.data);
    pawl_words_remedy(words, call->gateway);
}

/* --- A hook's question ----------------------------------------------------------------------- */

static void allow(struct pawl_model_call *call)
{
    struct pawl_gateway_verdict verdict = {.allowed = true, .message = ""};
    call->asked.done(call->asked.arg, &verdict);
    pawl_model_call_done(call);
}

void pawl_tools_answer(struct pawl_model_call *call)
{
    struct pawl_gateway_verdict verdict = {.allowed = false,
                                           .goes_on = call->words.refusal == PAWL_REFUSAL_PHASE &&
                                                      !call->words.latches,
                                           .refusal = call->words.refusal,
                                           .unit = call->words.unit,
                                           .message = call->words.message};
    call->asked.done(call->asked.arg, &verdict);
}

static void on_asked(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (result->code == PAWL_RESULT_OK) {
        remember(call->gateway, call->asked.id); /* It may be asked for again. */
        allow(call);
        return;
    }
    pawl_tools_refuse(call, result);
    pawl_refuse_call(call);
}

/* Whether it was counted in an answer, or when it was asked for before. */
enum counted {
    COUNTED_NOT,
    COUNTED,       /* and the answer has told what it is for */
    COUNTED_UNREAD /* an answer of a dialect whose tools may be scripts */
};

static enum counted was_counted(struct pawl_gateway *gateway, struct pawl_slice id)
{
    if (is_known(gateway, id)) {
        return COUNTED;
    }
    if (gateway->tools.unclaimed == 0) {
        return COUNTED_NOT;
    }
    gateway->tools.unclaimed--;
    remember(gateway, id);
    return gateway->tools.scripts ? COUNTED_UNREAD : COUNTED;
}

static void judge(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->latched || gateway->stopped) {
        call->words = gateway->latch;
        call->words.latches = false;
        call->words.refusal =
            gateway->stopped ? call->words.refusal : (enum pawl_refusal)PAWL_REFUSAL_LATCHED;
        pawl_refuse_call(call);
        return;
    }
    switch (pawl_phase_judge_asked(call)) {
    case PAWL_PHASE_WAIT:
        return;
    case PAWL_PHASE_NO:
        pawl_refuse_call(call);
        return;
    case PAWL_PHASE_GO:
        break;
    }
    enum counted counted = was_counted(gateway, call->asked.id);
    if (counted != COUNTED) {
        pawl_phase_hooked(call);
    }
    if (counted != COUNTED_NOT || !pawl_tools_bound(call)) {
        allow(call);
    } else {
        pawl_tools_submit(call, 1, on_asked);
    }
}

void pawl_tools_judge_again(struct pawl_model_call *call)
{
    pawl_model_call_move(call, PAWL_MODEL_CALL_RECEIVED);
    judge(call);
}

void pawl_gateway_ask_tool(struct pawl_gateway *gateway,
                           const struct pawl_gateway_question *question)
{
    struct pawl_model_call *call = pawl_model_call_begin(gateway);
    if (call == NULL) {
        struct pawl_gateway_verdict verdict = {.refusal = PAWL_REFUSAL_LEDGER,
                                               .message = "pawl: no memory to count the tool call"};
        question->done(question->arg, &verdict);
        return;
    }
    call->asked = (struct pawl_asked){
        .id = pawl_arena_copy(&call->store.arena, question->id),
        .tool =
            pawl_arena_copy(&call->store.arena, pawl_slice_sub(question->tool, 0, NAME_BYTES_MAX)),
        .input = pawl_arena_copy(&call->store.arena,
                                 pawl_slice_sub(question->input, 0, PAWL_TOOL_ARGUMENTS_BYTES_MAX)),
        .done = question->done,
        .arg = question->arg,
    };
    judge(call);
    pawl_model_call_begun(call);
}
