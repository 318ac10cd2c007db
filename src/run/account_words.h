/* SPDX-License-Identifier: Apache-2.0 */
/* account_words.h: accounts and their windows as people read them, and as JSON. */
#ifndef PAWL_RUN_ACCOUNT_WORDS_H
#define PAWL_RUN_ACCOUNT_WORDS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "run/accounts.h"

enum { PAWL_WINDOW_TEXT_BYTES = 128 };

/* "63.4%", with what became of a refusal: "100.0%, calls are refused". Of a rolled quota. */
const char *pawl_window_used(const struct pawl_quota *quota,
                             const struct pawl_quota_window *window,
                             char out[static PAWL_WINDOW_TEXT_BYTES]);
/* "17:45 (in 1 h 12 min)", "with its next use"; "not told". */
const char *pawl_window_resets(const struct pawl_quota_window *window,
                               int64_t now_us,
                               char out[static PAWL_WINDOW_TEXT_BYTES]);
/* "about $3.10, 1,200,000 tokens"; "" where it is not known. */
const char *pawl_window_left(const struct pawl_quota *quota,
                             const struct pawl_quota_window *window,
                             char out[static PAWL_WINDOW_TEXT_BYTES]);
/* Its name, else its id cut short. */
const char *pawl_account_title(const struct pawl_account_record *record,
                               char out[static PAWL_ACCOUNT_NAME_BYTES]);

/* Before a run: what each window has left, and whether what the run may use fits into it; a line
 * with its end. `may_use` are its caps. */
void pawl_account_fit_line(const struct pawl_account_record *record,
                           struct pawl_quota_amount may_use,
                           int64_t now_us,
                           struct pawl_buf *out);
/* An object, as `pawl accounts --json` has it. */
void pawl_account_write(const struct pawl_account_record *record,
                        int64_t now_us,
                        struct pawl_json_writer *writer);

#endif
