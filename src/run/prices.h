/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prices.h: the price book as every command opens it: the built-in one, with the user's own prices
 * in front.
 */
#ifndef PAWL_RUN_PRICES_H
#define PAWL_RUN_PRICES_H

#include "base/err.h"
#include "gateway/price.h"
#include "run/datadir.h"

/* `file` is what --prices said; NULL: prices.json in the data directory, if it is there. The path
 * of the user's file, or where it would be, comes back for messages. The caller frees the book.
 * Fails with what the file has wrong, or LIMIT: its name is too long. */
PAWL_MUST_CHECK pawl_err pawl_prices_open(const struct pawl_datadir *dir,
                                          const char *file,
                                          char ret_path[static PAWL_PATH_BYTES],
                                          struct pawl_price_book **ret_book,
                                          struct pawl_errmsg *msg);
/* The same, with what is in the file, which may be a pipe and can be read once: appended to `text`,
 * which has room for PAWL_PRICE_FILE_BYTES_MAX. */
PAWL_MUST_CHECK pawl_err pawl_prices_open_text(const struct pawl_datadir *dir,
                                               const char *file,
                                               char ret_path[static PAWL_PATH_BYTES],
                                               struct pawl_buf *text,
                                               struct pawl_price_book **ret_book,
                                               struct pawl_errmsg *msg);

#endif
