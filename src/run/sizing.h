/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizing.h: the dollars of a policy that says `caps.usd: auto`. A larger repository needs longer
 * runs, and a dearer model costs more for the same work, so
 *
 *     cap = ($1.00 + $0.25 for each doubling of the tracked files beyond 100) x model factor
 *
 * within the policy's bounds and rounded up to a cent. The model factor is the price of the models
 * that runs in this repository used in the last 30 days (each by its share of the calls), over
 * $6.00 a million tokens, three of input for one of output; between 1/4 and 4. Without such runs
 * the declared model counts, without that the factor is 1. The numbers are pawl's own choice: a run
 * of a mid-priced model in a repository of 1,600 files gets $2.00.
 */
#ifndef PAWL_RUN_SIZING_H
#define PAWL_RUN_SIZING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/price.h"
#include "run/datadir.h"
#include "run/model.h"

struct pawl_sizing_facts {
    char root[PAWL_PATH_BYTES]; /* the repository (place.h); "": there is none */
    bool files_known;
    uint32_t files;             /* tracked by git */
    int64_t blended_microcents; /* a million tokens of the mix; 0: nothing is known */
    uint64_t calls;             /* that the mix is made of; 0: of the declared model */
};

enum { PAWL_SIZING_REASON_BYTES = 240 };

struct pawl_sizing {
    int64_t microcents;
    char reason[PAWL_SIZING_REASON_BYTES]; /* "1,648 tracked files, models at …" */
};

struct pawl_sizing_place {
    const struct pawl_datadir *dir; /* whose history is asked */
    const char *cwd;
    const struct pawl_price_book *book;
    const struct pawl_model_guess *model;
    int64_t now_us;
};

/* Looks around; what cannot be found out is left unknown. */
void pawl_sizing_look(const struct pawl_sizing_place *place, struct pawl_sizing_facts *ret_facts);
/* 0 < least <= most. */
void pawl_sizing_compute(const struct pawl_sizing_facts *facts,
                         int64_t least,
                         int64_t most,
                         struct pawl_sizing *ret_sizing);

/* The repository that a folder lies in, and the number of tracked files from its index. false:
 * no tree. `files_known` is false where the index cannot be read. */
PAWL_MUST_CHECK bool pawl_sizing_repository(const char *cwd, struct pawl_sizing_facts *ret_facts);

#endif
