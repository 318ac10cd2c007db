/* SPDX-License-Identifier: Apache-2.0 */
/* words_gate.c: what a client is told whose call needs a person's word and does not get it. */
#include <stdio.h>

#include "base/assert.h"
#include "gateway/gateway_priv.h"

enum { MODEL_BYTES_SHOWN = 64, PART_BYTES = 640 };

/* "about $0.12 instead of $0.03 for this call" */
static const char *costs_of(const struct pawl_limit_question *question, char out[static PART_BYTES])
{
    char from[PAWL_MONEY_TEXT_BYTES];
    char to[PAWL_MONEY_TEXT_BYTES];
    (void)pawl_money_format_usd_short(question->cost_to, to);
    if (question->cost_from > 0) {
        (void)snprintf(out, PART_BYTES, "about %s instead of %s for this call", to,
                       pawl_money_format_usd_short(question->cost_from, from));
    } else {
        (void)snprintf(out, PART_BYTES, "about %s for this call", to);
    }
    return out;
}

/* "; raise the cap from $1.50 to $6.00?", which is what a yes does. */
static const char *raise_of(const struct pawl_limit_question *question,
                            enum pawl_gate_answer why,
                            char out[static PART_BYTES])
{
    char from[PAWL_MONEY_TEXT_BYTES];
    char to[PAWL_MONEY_TEXT_BYTES];
    bool asks = why == PAWL_GATE_TELL || why == PAWL_GATE_UNANSWERED;
    if (!asks || question->asked.value <= 0) {
        return ".";
    }
    (void)snprintf(out, PART_BYTES, "; raise the cap from %s to %s?",
                   pawl_money_format_usd_short(question->limit, from),
                   pawl_money_format_usd_short(question->limit + question->asked.value, to));
    return out;
}

/* What there is to do. */
static const char *remedy_of(const struct pawl_gateway *gateway,
                             enum pawl_gate_answer why,
                             uint32_t waited_ms,
                             char out[static PART_BYTES])
{
    const char *run = gateway->options.run_words;
    switch (why) {
    case PAWL_GATE_FORBIDDEN:
        (void)snprintf(out, PART_BYTES, "The policy %s forbids it (escalation: forbid)",
                       gateway->options.policy);
        break;
    case PAWL_GATE_NOBODY:
        (void)snprintf(out, PART_BYTES,
                       "Nobody can be asked here: start it with --model, --escalation allow, "
                       "--approver COMMAND or --attended");
        break;
    case PAWL_GATE_TELL:
        (void)snprintf(out, PART_BYTES, "Yes: pawl approve %s, then ask again. No: pawl deny %s",
                       run, run);
        break;
    case PAWL_GATE_UNANSWERED:
        (void)snprintf(out, PART_BYTES,
                       "Nobody answered within %u s. Yes: pawl approve %s, then ask again. No: "
                       "pawl deny %s",
                       (unsigned)(waited_ms / 1000), run, run);
        break;
    case PAWL_GATE_DENIED:
        (void)snprintf(out, PART_BYTES, "It was denied");
        break;
    }
    return out;
}

void pawl_words_model(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      const struct pawl_limit_question *question,
                      enum pawl_gate_answer why,
                      uint32_t waited_ms)
{
    char costs[PART_BYTES];
    char raise[PART_BYTES];
    char remedy[PART_BYTES];
    struct pawl_slice from = pawl_slice_sub(question->from, 0, MODEL_BYTES_SHOWN);
    struct pawl_slice to = pawl_slice_sub(question->to, 0, MODEL_BYTES_SHOWN);
    pawl_words_set(words, "pawl: this run would switch from %.*s to the dearer %.*s, %s%s %s",
                   (int)from.bytes, from.data, (int)to.bytes, to.data, costs_of(question, costs),
                   raise_of(question, why, raise), remedy_of(gateway, why, waited_ms, remedy));
    if (why == PAWL_GATE_DENIED || why == PAWL_GATE_FORBIDDEN) {
        char name[MODEL_BYTES_SHOWN + 1];
        (void)pawl_slice_copy_str(from, name, sizeof(name));
        pawl_words_add(words, ": have the agent use ");
        pawl_words_add(words, name);
        pawl_words_add(words, ", or one that is as cheap");
    }
}

void pawl_words_idle(struct pawl_refusal_words *words,
                     const struct pawl_gateway *gateway,
                     enum pawl_gate_answer why,
                     uint32_t waited_ms)
{
    char remedy[PART_BYTES];
    PAWL_ASSERT(why != PAWL_GATE_FORBIDDEN);
    pawl_words_set(words, "pawl: nobody was seen at the keyboard for a while, so run %s waits. %s",
                   gateway->options.run_id, remedy_of(gateway, why, waited_ms, remedy));
}
