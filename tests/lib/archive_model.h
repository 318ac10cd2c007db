/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive_model.h: a drawn history of reservations, as the records of a journal, and beside it what
 * a list of them must say, the plain way: all rows in an array, filtered one by one and sorted.
 */
#ifndef PAWL_TESTS_LIB_ARCHIVE_MODEL_H
#define PAWL_TESTS_LIB_ARCHIVE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "base/arena.h"
#include "base/prng.h"
#include "journal/record.h"

enum { MODEL_ROWS_MAX = 4096 };

struct model_row {
    struct pawl_archive_row row;                /* texts are the model's */
    struct pawl_slice levels[PAWL_LEVEL_COUNT]; /* in lower case */
    bool gone;                                  /* it is over for longer than it is kept */
    uint64_t changed;                           /* the step in which it was changed last */
};

struct model {
    struct pawl_prng prng;
    struct pawl_arena arena; /* of all texts, for good */
    uint64_t op;
    int64_t now_us;
    uint64_t step;
    uint32_t op_jump;      /* the most that operations are apart, where they are */
    uint32_t scope_values; /* of each level */
    uint32_t count;
    struct model_row rows[MODEL_ROWS_MAX];
    struct pawl_expired expired[4];
};

/* The caller frees. */
struct model *model_new(uint64_t seed);
void model_free(struct model *model);
/* The next operation; the record borrows from the model and is good until the next one. */
void model_step(struct model *model, struct pawl_record *ret_record);
/* Takes out what is over since before then. */
void model_forget(struct model *model, int64_t before_ms);

/* A list without filters, of the first tenant. */
struct pawl_archive_query model_all(void);
/* A query with some filters, mostly such as some row passes. */
struct pawl_archive_query model_draw_query(struct model *model);
/* Whether the query's filters let it through, whatever its place. */
bool model_passes(const struct pawl_archive_query *query, const struct model_row *row);
/* The order of two rows in the list that is asked for. */
int model_compare(const struct pawl_archive_query *query,
                  const struct pawl_archive_row *a,
                  const struct pawl_archive_row *b);
/* All that the list has, in order; `ret_rows` has room for model->count. */
uint32_t model_list(const struct model *model,
                    const struct pawl_archive_query *query,
                    const struct model_row **ret_rows);
const struct model_row *model_find(const struct model *model, uint64_t op);
/* Whether they say the same. */
bool model_same(const struct pawl_archive_row *a, const struct pawl_archive_row *b);

#endif
