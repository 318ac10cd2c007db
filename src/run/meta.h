/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.h: what is written down about a run at its start: meta.json, and the same text as the first
 * note in the journal, so it is bounded by what a command's metadata may be.
 */
#ifndef PAWL_RUN_META_H
#define PAWL_RUN_META_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "run/run.h"

struct pawl_meta {
    const char *run_id;
    const char *name; /* NULL: none */
    char *const *argv;
    const char *cwd;
    pid_t pid;
    int64_t started_us;
    const char *policy; /* its name */
    bool policy_chosen; /* else it is the default */
    const char *repo;   /* place.h; "": none */
    int64_t keep_ms;    /* the policy's history.keep; 0: off */
    bool attended;
    const char *model;   /* NULL: not known */
    const char *agent;   /* what --agent said; NULL: nothing */
    const char *billing; /* the same of --billing; NULL: as credentials look */
    const char *prices;  /* where the file of --prices is; NULL: none was named */
    bool allow_batches;
    const char *resumed_from;    /* NULL: none */
    const int64_t *spent_before; /* by it and those before it; PAWL_CAP_COUNT of them */
    enum pawl_run_cap_index primary;
    const struct pawl_run_cap *caps; /* PAWL_CAP_COUNT of them */
};

/* One JSON object of at most PAWL_METADATA_BYTES_MAX. Arguments are cut where it would be longer.
 * What looks like a credential is left out: the values of options such as --api-key, and words that
 * begin as keys do. */
void pawl_meta_write(const struct pawl_meta *meta, struct pawl_buf *out);

/* argv as a shell would read it, cut after `bytes_max` bytes. */
void pawl_meta_command_line(char *const *argv, size_t bytes_max, struct pawl_buf *out);

/* " --data-dir DIR" behind a command that is offered, where one was given; else nothing. */
void pawl_meta_data_dir(const char *data_dir, struct pawl_buf *out);

#endif
