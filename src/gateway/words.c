/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c: what a refusal tells people. One line, the reason first, since clients wrap and cut
 * it; then the numbers that the ledger has; then what can be done.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "engine/limit_words.h"
#include "gateway/gateway_priv.h"
#include "gateway/more.h"

/* What is longer is cut, or left out: a message has PAWL_MESSAGE_BYTES. */
enum {
    AMOUNT_BYTES = PAWL_WORDS_AMOUNT_BYTES,
    MODEL_BYTES_SHOWN = 64,
    PATH_BYTES_SHOWN = 160,
    WOULD_FIT_BYTES = 96
};
_Static_assert((int)AMOUNT_BYTES >= (int)PAWL_MORE_BYTES, "an option fits");

void pawl_words_set(struct pawl_refusal_words *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words->message, sizeof(words->message), format, arguments);
    va_end(arguments);
}

void pawl_words_add(struct pawl_refusal_words *words, const char *text)
{
    size_t used = strlen(words->message);
    (void)snprintf(words->message + used, sizeof(words->message) - used, "%s", text);
}

void pawl_words_no_price(struct pawl_refusal_words *words,
                         const struct pawl_gateway *gateway,
                         struct pawl_slice model)
{
    const char *path = gateway->options.prices_path;
    if (path == NULL || strlen(path) > PATH_BYTES_SHOWN) {
        path = "a price file (--prices)";
    }
    struct pawl_slice name = pawl_slice_sub(model, 0, MODEL_BYTES_SHOWN);
    pawl_words_set(words,
                   "pawl: no price is known for model \"%.*s\", so its cost cannot be capped. Put "
                   "its price into %s and start again, as in {\"models\":[{\"match\":\"%.*s\","
                   "\"input_usd_per_mtok\":\"3\",\"output_usd_per_mtok\":\"15\"}]}",
                   (int)name.bytes, name.data, path, (int)name.bytes, name.data);
}

_Static_assert((int)AMOUNT_BYTES >= (int)PAWL_MONEY_TEXT_BYTES, "every amount's text fits");

/* "1 token", "5,000,000 tokens". */
static const char *count_of(const char *what, int64_t value, char out[static AMOUNT_BYTES])
{
    char number[PAWL_MONEY_TEXT_BYTES];
    (void)snprintf(out, AMOUNT_BYTES, "%s %s%s", pawl_money_format_count(value, number), what,
                   value == 1 ? "" : "s");
    return out;
}

/* "$1.50", "5,000,000 tokens". */
static const char *amount(uint16_t unit, int64_t value, char out[static AMOUNT_BYTES])
{
    char number[PAWL_MONEY_TEXT_BYTES];
    switch (unit) {
    case PAWL_UNIT_USD_MICROCENTS:
        return pawl_money_format_usd_short(value, out);
    case PAWL_UNIT_TOKENS:
        return count_of("token", value, out);
    case PAWL_UNIT_TOOL_CALLS:
        return count_of("tool call", value, out);
    case PAWL_UNIT_ITERATIONS:
        return count_of("model call", value, out);
    default:
        (void)snprintf(out, AMOUNT_BYTES, "%s", pawl_money_format_count(value, number));
        return out;
    }
}

/* "$1.50", "5,000,000": for a sentence in which another amount has the noun. */
static const char *bare_amount(uint16_t unit, int64_t value, char out[static AMOUNT_BYTES])
{
    return unit == PAWL_UNIT_USD_MICROCENTS ? pawl_money_format_usd_short(value, out)
                                            : pawl_money_format_count(value, out);
}

int64_t pawl_words_amount_to_ask(const struct pawl_refusal_words *words)
{
    return pawl_more_amount((struct pawl_more){.unit = words->unit,
                                               .limit = words->left.limit,
                                               .spent = words->left.spent,
                                               .needed = words->asked});
}

void pawl_words_remedy(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char more[AMOUNT_BYTES];
    const char *run = gateway->options.run_id;
    size_t bytes = strlen(words->message);
    (void)snprintf(words->message + bytes, sizeof(words->message) - bytes,
                   gateway->options.limit.attended
                       ? ". Run %s is stopped; to go on: pawl approve %s %s"
                       : ". Run %s is stopped; to go on: pawl run --resume %s %s",
                   run, gateway->options.run_words,
                   pawl_more_option(words->unit, pawl_words_amount_to_ask(words), more));
}

/* What is kept for the summary is neither used nor held, and not free either. */
static void append_kept(struct pawl_refusal_words *words)
{
    char kept[AMOUNT_BYTES];
    size_t bytes = strlen(words->message);
    if (words->left.kept > 0) {
        (void)snprintf(words->message + bytes, sizeof(words->message) - bytes,
                       ", %s kept for a summary", bare_amount(words->unit, words->left.kept, kept));
    }
}

/* Who keeps calls out, and until when. */
void pawl_words_window(struct pawl_refusal_words *words,
                       const struct pawl_gateway *gateway,
                       const struct pawl_subscription *subscription,
                       const struct pawl_quota_window *window)
{
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    int64_t resets_at_us = window->resets_at_s * PAWL_US_PER_SECOND;
    int64_t now_us = pawl_gateway_now_us(gateway);
    bool named = subscription->name[0] != '\0';
    bool told = window->told_us > 0;
    pawl_words_set(words,
                   "pawl: the %s window of %s %s is used up%s, and %s until it begins anew, at %s "
                   "(in %s). ",
                   window->name, named ? "the account" : "this",
                   named ? subscription->name : "subscription",
                   told ? "" : " by pawl's count of what was set for it (pawl accounts)",
                   told ? "its provider takes no calls" : "no call goes out",
                   pawl_limit_clock(resets_at_us, now_us, clock),
                   pawl_limit_until(resets_at_us, now_us, until));
    const char *run = gateway->options.run_id;
    if (!words->latches) {
        pawl_words_add(words, "Ask again after that: run ");
        pawl_words_add(words, run);
        pawl_words_add(words, " goes on");
        return;
    }
    bool attended = gateway->options.limit.attended;
    if (attended && gateway->options.limit.on_limit != PAWL_ON_LIMIT_PAUSE) {
        pawl_words_add(words, "Run ");
        pawl_words_add(words, run);
        pawl_words_add(words, " is stopped until then: ask again after that");
        return;
    }
    pawl_words_add(words, "The run is stopped; to go on after that: ");
    pawl_words_add(words, attended ? "pawl approve " : "pawl run --resume ");
    pawl_words_add(words, gateway->options.run_words);
}

void pawl_words_wait_window(const struct pawl_subscription *subscription,
                            const struct pawl_quota_window *window,
                            struct pawl_limit_wait *out)
{
    bool named = subscription->name[0] != '\0';
    out->resets_at_us = window->resets_at_s * PAWL_US_PER_SECOND;
    (void)snprintf(out->what, sizeof(out->what), "the %.16s window of %s %.64s is used up",
                   window->name, named ? "the account" : "this",
                   named ? subscription->name : "subscription");
}

void pawl_words_wait_limit(const struct pawl_refusal_words *words, struct pawl_limit_wait *out)
{
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    out->resets_at_us = words->left.resets_at_us;
    (void)snprintf(out->what, sizeof(out->what), "the limit %.64s %s: %s of %s used",
                   words->limit_name,
                   words->refusal == PAWL_REFUSAL_TOO_BIG ? "has too little left" : "is spent",
                   bare_amount(words->unit, words->left.spent, spent),
                   bare_amount(words->unit, words->left.limit, limit));
}

/* The command that helps where nothing is stopped yet. */
static void append_more(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char more[AMOUNT_BYTES];
    size_t bytes = strlen(words->message);
    (void)snprintf(words->message + bytes, sizeof(words->message) - bytes,
                   gateway->options.limit.attended ? ". To give more: pawl approve %s %s"
                                                   : ". To go on: pawl run --resume %s %s",
                   gateway->options.run_words,
                   pawl_more_option(words->unit, pawl_words_amount_to_ask(words), more));
}

/* ". An input of up to 9,522 tokens would fit" */
static void name_what_fits(const struct pawl_admission *admission, char out[static WOULD_FIT_BYTES])
{
    char count[PAWL_MONEY_TEXT_BYTES];
    out[0] = '\0';
    if (admission->fits_output_tokens > 0) {
        (void)snprintf(out, WOULD_FIT_BYTES, ". With this input an answer of %s token%s would fit",
                       pawl_money_format_count(admission->fits_output_tokens, count),
                       admission->fits_output_tokens == 1 ? "" : "s");
    } else if (!admission->fits_without_tools) { /* else that is said of them */
        (void)snprintf(out, WOULD_FIT_BYTES, ". An input of up to %s token%s would fit",
                       pawl_money_format_count(admission->fits_input_tokens, count),
                       admission->fits_input_tokens == 1 ? "" : "s");
    }
}

static void words_too_big(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          const struct pawl_admission *admission,
                          const char *asked,
                          const char *fits)
{
    char would[WOULD_FIT_BYTES];
    name_what_fits(admission, would);
    pawl_words_set(words, "pawl: this call is too big: it needs %s at least, and %s is left", asked,
                   fits);
    append_kept(words);
    pawl_words_add(words, would);
    append_more(words, gateway);
}

void pawl_words_cut_short(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          int64_t ceiling)
{
    char count[PAWL_MONEY_TEXT_BYTES];
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    pawl_words_set(
        words,
        "pawl: the last answer was cut short at %s tokens, all that it could be given of "
        "the budget: %s of %s is used",
        pawl_money_format_count(ceiling, count), bare_amount(words->unit, words->left.spent, spent),
        amount(words->unit, words->left.limit, limit));
    append_more(words, gateway);
}

static void words_spent(struct pawl_refusal_words *words,
                        const char *spent,
                        const char *limit,
                        const char *held)
{
    char needs[AMOUNT_BYTES];
    pawl_words_set(words, "pawl: budget spent: %s of %s used, %s held", spent, limit, held);
    append_kept(words);
    size_t bytes = strlen(words->message);
    if (words->asked > 0) {
        (void)snprintf(words->message + bytes, sizeof(words->message) - bytes,
                       ", and this call needs %s at least",
                       bare_amount(words->unit, words->asked, needs));
    }
}

void pawl_words_admission(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          const struct pawl_admission *admission)
{
    char asked[AMOUNT_BYTES];
    char fits[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    char spent[AMOUNT_BYTES];
    char held[AMOUNT_BYTES];
    char needs[AMOUNT_BYTES];
    const char *run = gateway->options.run_id;
    (void)amount(words->unit, words->asked, asked);
    (void)amount(words->unit, words->fits, fits);
    (void)amount(words->unit, words->left.limit, limit);
    (void)bare_amount(words->unit, words->left.spent, spent);
    (void)bare_amount(words->unit, words->left.held, held);
    (void)bare_amount(words->unit, words->asked, needs);
    if (words->refusal == PAWL_REFUSAL_TOO_BIG) {
        PAWL_ASSERT(admission != NULL);
        words_too_big(words, gateway, admission, asked, fits);
    } else if (words->refusal == PAWL_REFUSAL_HELD && words->asked == 0) {
        pawl_words_set(words,
                       "pawl: the answer was cut, since other calls of run %s hold the rest of its "
                       "budget: %s of %s spent, %s held. Try again when they have ended",
                       run, spent, limit, held);
    } else if (words->refusal == PAWL_REFUSAL_HELD) {
        pawl_words_set(words,
                       "pawl: other calls of run %s hold the rest of its budget: %s of %s spent, "
                       "%s held, this call needs %s. Try again when they have ended",
                       run, spent, limit, held, needs);
    } else if (words->refusal == PAWL_REFUSAL_TOOL_CALLS) {
        pawl_words_set(words,
                       "pawl: tool calls used up: %s of %s made, and the answer asks for %s more",
                       spent, limit, needs);
        pawl_words_remedy(words, gateway);
    } else if (words->asked > words->left.limit && words->left.spent + words->left.held == 0) {
        pawl_words_set(
            words,
            "pawl: the budget is too small for this call alone: it needs %s at least, and "
            "all there is is %s",
            asked, limit);
        pawl_words_remedy(words, gateway);
    } else {
        words_spent(words, spent, limit, held);
        pawl_words_remedy(words, gateway);
    }
}

void pawl_words_tools_used_up(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char limit[AMOUNT_BYTES];
    pawl_words_set(words, "pawl: tool calls used up: all %s made",
                   amount(words->unit, words->left.limit, limit));
    pawl_words_remedy(words, gateway);
}

void pawl_words_summed_up(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    pawl_words_set(words, "pawl: budget spent: %s of %s used, and the rest goes to a summary",
                   bare_amount(words->unit, words->left.spent, spent),
                   amount(words->unit, words->left.limit, limit));
    pawl_words_remedy(words, gateway);
}

/* The question stands: its answer lifts the latch, whenever it comes. */
void pawl_words_asked(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      uint32_t waited_ms)
{
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    char more[AMOUNT_BYTES];
    char nobody[64] = "";
    const char *run = gateway->options.run_id;
    const char *address = gateway->options.run_words;
    if (waited_ms > 0) {
        (void)snprintf(nobody, sizeof(nobody), ", and nobody answered within %u s",
                       (unsigned)(waited_ms / 1000));
    }
    pawl_words_set(words,
                   "pawl: budget spent: %s of %s used%s. Run %s waits for an answer: pawl approve "
                   "%s %s, then ask again; or pawl deny %s",
                   bare_amount(words->unit, words->left.spent, spent),
                   amount(words->unit, words->left.limit, limit), nobody, run, address,
                   pawl_more_option(words->unit, pawl_words_amount_to_ask(words), more), address);
}

void pawl_words_denied(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    pawl_words_set(words, "pawl: budget spent: %s of %s used, and more was denied",
                   bare_amount(words->unit, words->left.spent, spent),
                   amount(words->unit, words->left.limit, limit));
    pawl_words_remedy(words, gateway);
}

/* --- Limits across runs --------------------------------------------------------------------- */

enum { WHERE_BYTES_SHOWN = 100 };

/* "the day's limit of $20.00 on this machine" */
static void name_limit(const struct pawl_limit *limit, char out[static PAWL_LIMIT_WORDS_BYTES])
{
    char period[PAWL_LIMIT_WORDS_BYTES];
    char where[PAWL_LIMIT_WORDS_BYTES];
    char whole[AMOUNT_BYTES];
    bool calendar = limit->window.kind == PAWL_WINDOW_CALENDAR;
    (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "the %.32s%s limit of %s %.*s",
                   pawl_limit_period(limit, period), calendar ? "'s" : "",
                   amount(limit->unit, limit->amount, whole), WHERE_BYTES_SHOWN,
                   pawl_limit_where(limit, where));
}

/* " It resets at 00:00 (in 3h 12m)." */
static void name_reset(int64_t at_us, int64_t now_us, char out[static PAWL_LIMIT_WORDS_BYTES])
{
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    out[0] = '\0';
    if (at_us > now_us) {
        (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "It resets at %.32s (in %.32s). ",
                       pawl_limit_clock(at_us, now_us, clock),
                       pawl_limit_until(at_us, now_us, until));
    }
}

void pawl_words_limit(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      const struct pawl_shared_limit *shared,
                      bool held)
{
    const struct pawl_limit *limit = &shared->limit;
    const char *run = gateway->options.run_id;
    char name[PAWL_LIMIT_WORDS_BYTES];
    char reset[PAWL_LIMIT_WORDS_BYTES];
    char needs[AMOUNT_BYTES];
    char spent[AMOUNT_BYTES];
    char others[AMOUNT_BYTES];
    int64_t now_us = pawl_gateway_now_us(gateway);
    if (shared->unreachable) {
        words->refusal = PAWL_REFUSAL_LIMIT;
        words->latches = false;
        pawl_words_set(words,
                       "pawl: limits are set for this run, and whether they allow the call cannot "
                       "be found out: %.200s. Try again later",
                       shared->why);
        return;
    }
    words->left.limit = limit->amount;
    words->left.spent = limit->spent;
    words->left.held = limit->held;
    words->left.resets_at_us = limit->resets_at_us;
    words->window = limit->window.kind == PAWL_WINDOW_CALENDAR ? "calendar" : "fixed";
    memcpy(words->limit_name, limit->name, sizeof(words->limit_name));
    name_limit(limit, name);
    name_reset(limit->resets_at_us, now_us, reset);
    (void)bare_amount(words->unit, words->asked, needs);
    (void)bare_amount(words->unit, limit->spent, spent);
    (void)bare_amount(words->unit, limit->held, others);
    if (held) {
        words->refusal = PAWL_REFUSAL_HELD;
        words->latches = false;
        pawl_words_set(words,
                       "pawl: other runs hold the rest of %s: %s spent, %s held, this call needs "
                       "%s. Try again when they have ended. %s'pawl limit' shows it",
                       name, spent, others, needs, reset);
        return;
    }
    words->refusal = PAWL_REFUSAL_LIMIT;
    words->latches = true;
    pawl_words_set(words,
                   "pawl: %s is spent: %s used%s%s%s, and this call needs %s at least. %sRun %s is "
                   "stopped until it resets or is raised: see pawl limit",
                   name, spent, limit->held > 0 ? ", " : "", limit->held > 0 ? others : "",
                   limit->held > 0 ? " held by others" : "", needs, reset, run);
}

void pawl_words_too_big_for_limit(struct pawl_refusal_words *words,
                                  const struct pawl_gateway *gateway,
                                  const struct pawl_admission *admission,
                                  const struct pawl_limit *limit)
{
    char name[PAWL_LIMIT_WORDS_BYTES];
    char reset[PAWL_LIMIT_WORDS_BYTES];
    char needs[AMOUNT_BYTES];
    char left[AMOUNT_BYTES];
    char would[WOULD_FIT_BYTES];
    name_limit(limit, name);
    name_reset(limit->resets_at_us, pawl_gateway_now_us(gateway), reset);
    name_what_fits(admission, would);
    (void)bare_amount(words->unit, words->asked, needs);
    (void)bare_amount(words->unit, words->fits, left);
    bool never = words->asked > limit->amount;
    words->left.limit = limit->amount;
    words->left.spent = limit->spent;
    words->left.held = limit->held;
    words->left.resets_at_us = never ? 0 : limit->resets_at_us;
    words->window = limit->window.kind == PAWL_WINDOW_CALENDAR ? "calendar" : "fixed";
    memcpy(words->limit_name, limit->name, sizeof(words->limit_name));
    pawl_words_set(words,
                   "pawl: this call is too big for what %s has left: it needs %s at least, and %s "
                   "is left%s. %sMore for the run does not help: %s, see pawl limit",
                   name, needs, left, would, never ? "" : reset,
                   never              ? "it is more than all of the limit. Raise the limit"
                   : reset[0] != '\0' ? "go on then, or raise the limit"
                                      : "go on when it has reset, or raise the limit");
}
