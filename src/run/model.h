/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h: which model an agent is going to use, as far as its command and its environment tell. It
 * is for what is said before the run and for deriving a cap; what is enforced depends on the
 * requests alone.
 */
#ifndef PAWL_RUN_MODEL_H
#define PAWL_RUN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/price.h"
#include "run/environ.h"

struct pawl_model_guess {
    const char *name; /* borrowed from where it was found; NULL: not known */
    bool priced;
    struct pawl_price price; /* if priced */
};

/* The price of a model where its calls will go, by the addresses in the environment: the dearest of
 * the providers there that have it, else of any. false: nobody has. */
PAWL_MUST_CHECK bool pawl_model_price(const struct pawl_price_book *book,
                                      struct pawl_slice name,
                                      pawl_environ_get_fn *get,
                                      int64_t now_us,
                                      struct pawl_price *ret_price);

/* In this order: `option`; "--model X", "--model=X" in the command; "-m X" and "-m=X", where X is a
 * model that has a price (the letter means other things elsewhere); ANTHROPIC_MODEL and its
 * like. */
void pawl_model_guess(const struct pawl_price_book *book,
                      const char *option,
                      char *const *argv,
                      pawl_environ_get_fn *get,
                      int64_t now_us,
                      struct pawl_model_guess *ret_guess);

#endif
