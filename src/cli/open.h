/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.h: what several commands open the same way: the price book with the user's own prices, and
 * the history with abandoned runs settled first. Errors are told here; the caller returns the
 * status.
 */
#ifndef PAWL_CLI_OPEN_H
#define PAWL_CLI_OPEN_H

#include "base/json.h"
#include "cli/cli.h"
#include "gateway/price.h"
#include "history/history.h"
#include "run/datadir.h"

/* The built-in book with the user's own prices: `prices` is what --prices said, or NULL for
 * prices.json in the data directory if it is there. The file's path, or where it would be, comes
 * back too. Returns PAWL_EXIT_OK or another status. */
int pawl_cli_open_prices(const struct pawl_cli_call *call,
                         const char *prices,
                         const char *data_dir,
                         char ret_path[static PAWL_PATH_BYTES],
                         struct pawl_price_book **ret_book);
/* Whether calls at this price can be metered: its provider's API is spoken, or it is the user's. */
bool pawl_cli_is_metered(const struct pawl_price *price);
/* Settles abandoned runs, then opens. Returns PAWL_EXIT_OK or another status; OK with *ret_history
 * NULL: nothing was ever run. */
int pawl_cli_open_history(const struct pawl_cli_call *call,
                          const char *data_dir,
                          struct pawl_datadir *ret_dir,
                          struct pawl_history **ret_history);
/* Settles what was abandoned, unless nothing can be written; what cannot be settled is named. */
PAWL_MUST_CHECK pawl_err pawl_cli_settle_all(const struct pawl_cli_call *call,
                                             const struct pawl_datadir *dir,
                                             struct pawl_history *history,
                                             struct pawl_errmsg *msg);
/* Before something is shown in which a run that was killed may have its part. What cannot be done
 * is told, and no reason not to go on. */
void pawl_cli_settle_before(const struct pawl_cli_call *call, const char *data_dir);
/* The same of one run. false: something could not be done, and was told. */
bool pawl_cli_settle_run(const struct pawl_cli_call *call,
                         const struct pawl_datadir *dir,
                         struct pawl_history *history,
                         const char *id);

/* The run that is meant: an id or its beginning, "last", or else a name, of whose runs the newest
 * counts. NOT_FOUND with the words. */
PAWL_MUST_CHECK pawl_err pawl_cli_find_run(const struct pawl_datadir *dir,
                                           struct pawl_history *history,
                                           const char *text,
                                           char ret_id[static PAWL_RUN_ID_BYTES],
                                           struct pawl_errmsg *msg);
/* The same with the history opened for it alone: for commands that speak to a live run. Returns
 * PAWL_EXIT_OK or another status. */
int pawl_cli_open_run(const struct pawl_cli_call *call,
                      const char *data_dir,
                      const char *text,
                      struct pawl_datadir *ret_dir,
                      char ret_id[static PAWL_RUN_ID_BYTES]);

/* A live run did not do what it was told: why, and where to look. Returns the exit status. */
int pawl_cli_no_answer(const struct pawl_cli_call *call,
                       const char *id,
                       pawl_err err,
                       const struct pawl_errmsg *msg);

/* --- Words that more than one command shows -------------------------------------------------- */

enum { PAWL_CLI_TEXT_BYTES = 64 };
/* "2026-11-22 02:19" in the local time zone. */
const char *pawl_cli_local_time(int64_t us, char out[static PAWL_CLI_TEXT_BYTES]);
/* "dollars", "tokens", "tool calls", "model calls", "time"; "" for none. */
const char *pawl_cli_unit_word(uint16_t unit);
/* How a run stands: "running", "stopped: dollars" (nothing is granted any more), "completed",
 * "capped: dollars", "stopped by hand" (pawl stop), "failed (3)", "killed (signal 15)" (the agent),
 * "killed" (pawl itself). */
const char *pawl_cli_run_word(const struct pawl_history_run *run,
                              char out[static PAWL_CLI_TEXT_BYTES]);
/* A text as the value of `key`; an empty one is left out, key and all. */
void pawl_cli_write_text(struct pawl_json_writer *json, const char *key, struct pawl_slice text);
/* {"unit":"TOKENS","amount":5} as the value of `key`. */
void pawl_cli_write_amount(struct pawl_json_writer *json,
                           const char *key,
                           uint16_t unit,
                           int64_t amount);
/* The members that tell a run, inside an open object. */
void pawl_cli_write_run(struct pawl_json_writer *json, const struct pawl_history_run *run);
/* The unit at a place of PAWL_HISTORY_UNITS, and its word in JSON: "usd", "tokens", … */
uint16_t pawl_cli_history_unit(size_t index);
const char *pawl_cli_history_key(size_t index);

#endif
