/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c: see model.h. A name without a price is still shown when it was plainly said to be
 * the model ("--model sonnet"): agents have aliases that no price book knows.
 */
#include "run/model.h"

#include <string.h>

#include "gateway/price_tier.h"

struct guess {
    const struct pawl_price_book *book;
    pawl_environ_get_fn *get;
    int64_t now_us;
    struct pawl_model_guess *ret;
};

static const char *const variables[] = {"ANTHROPIC_MODEL", "OPENAI_MODEL", "GEMINI_MODEL",
                                        "CODEX_MODEL"};

/* Many sell the same model, some of them dearer than its maker. Without a provider the book takes
 * the dearest of all, which is right for who must not be wrong, and not what a reader expects who
 * looks the model up. */
bool pawl_model_price(const struct pawl_price_book *book,
                      struct pawl_slice name,
                      pawl_environ_get_fn *get,
                      int64_t now_us,
                      struct pawl_price *ret_price)
{
    struct pawl_environ_upstreams upstreams;
    struct pawl_errmsg msg;
    struct pawl_price_query query = {.model = name, .at_us = now_us};
    bool found = false;
    if (pawl_failed(pawl_environ_upstreams(get, &upstreams, &msg))) {
        return pawl_price_lookup(book, query, ret_price);
    }
    for (int i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        struct pawl_price price;
        query.provider = pawl_gateway_provider_of(book, (enum pawl_upstream)i,
                                                  pawl_slice_str(upstreams.urls[i]));
        if (pawl_price_lookup(book, query, &price) && price.match != PAWL_PRICE_MATCH_ELSEWHERE &&
            (!found || pawl_price_blended(&price) > pawl_price_blended(ret_price))) {
            *ret_price = price;
            found = true;
        }
    }
    query.provider = PAWL_SLICE_NONE;
    return found || pawl_price_lookup(book, query, ret_price);
}

static bool consider(const struct guess *guess, const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return false;
    }
    guess->ret->name = name;
    guess->ret->priced = pawl_model_price(guess->book, pawl_slice_str(name), guess->get,
                                          guess->now_us, &guess->ret->price);
    return true;
}

static const char *value_of(const char *argument, const char *next, const char *option)
{
    size_t bytes = strlen(option);
    if (strncmp(argument, option, bytes) != 0) {
        return NULL;
    }
    if (argument[bytes] == '\0') {
        return next;
    }
    if (argument[bytes] == '=') {
        return argument + bytes + 1;
    }
    return NULL;
}

static bool consider_command(const struct guess *guess, char *const *argv)
{
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (consider(guess, value_of(argv[i], argv[i + 1], "--model"))) {
            return true;
        }
    }
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        const char *name = value_of(argv[i], argv[i + 1], "-m");
        if (consider(guess, name) && guess->ret->priced) {
            return true;
        }
    }
    return false;
}

void pawl_model_guess(const struct pawl_price_book *book,
                      const char *option,
                      char *const *argv,
                      pawl_environ_get_fn *get,
                      int64_t now_us,
                      struct pawl_model_guess *ret_guess)
{
    struct guess guess = {.book = book, .get = get, .now_us = now_us, .ret = ret_guess};
    *ret_guess = (struct pawl_model_guess){0};
    if (consider(&guess, option) || consider_command(&guess, argv)) {
        return;
    }
    *ret_guess = (struct pawl_model_guess){0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(variables); i++) {
        if (consider(&guess, get(variables[i]))) {
            return;
        }
    }
}
