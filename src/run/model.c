/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.c: see model.h. A name without a price is still shown when it was plainly said to be
 * the model ("--model sonnet"): agents have aliases that no price book knows.
 */
#include "run/model.h"

#include <string.h>

static const char *const variables[] = {"ANTHROPIC_MODEL", "OPENAI_MODEL", "GEMINI_MODEL",
                                        "CODEX_MODEL"};

static bool consider(const struct pawl_price_book *book,
                     const char *name,
                     int64_t now_us,
                     struct pawl_model_guess *guess)
{
    if (name == NULL || name[0] == '\0') {
        return false;
    }
    struct pawl_price_query query = {.model = pawl_slice_str(name), .at_us = now_us};
    guess->name = name;
    guess->priced = pawl_price_lookup(book, query, &guess->price);
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

static bool consider_command(const struct pawl_price_book *book,
                             char *const *argv,
                             int64_t now_us,
                             struct pawl_model_guess *guess)
{
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (consider(book, value_of(argv[i], argv[i + 1], "--model"), now_us, guess)) {
            return true;
        }
    }
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        const char *name = value_of(argv[i], argv[i + 1], "-m");
        if (consider(book, name, now_us, guess) && guess->priced) {
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
    *ret_guess = (struct pawl_model_guess){0};
    if (consider(book, option, now_us, ret_guess) ||
        consider_command(book, argv, now_us, ret_guess)) {
        return;
    }
    *ret_guess = (struct pawl_model_guess){0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(variables); i++) {
        if (consider(book, get(variables[i]), now_us, ret_guess)) {
            return;
        }
    }
}
