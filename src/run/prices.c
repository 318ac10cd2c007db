/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prices.c: see prices.h. A file that was named must be there; prices.json need not.
 */
#include "run/prices.h"

#include <string.h>
#include <unistd.h>

static pawl_err find_file(const struct pawl_datadir *dir,
                          const char *file,
                          char ret_path[static PAWL_PATH_BYTES],
                          struct pawl_errmsg *msg)
{
    if (file == NULL) {
        return pawl_datadir_path(dir, "prices.json", ret_path, msg);
    }
    if (!pawl_slice_copy_str(pawl_slice_str(file), ret_path, PAWL_PATH_BYTES)) {
        pawl_errmsg_set(msg, "the price file's name is too long");
        return PAWL_ERR(LIMIT);
    }
    return PAWL_OK;
}

pawl_err pawl_prices_open(const struct pawl_datadir *dir,
                          const char *file,
                          char ret_path[static PAWL_PATH_BYTES],
                          struct pawl_price_book **ret_book,
                          struct pawl_errmsg *msg)
{
    struct pawl_price_book *book = NULL;
    char path[PAWL_PATH_BYTES] = "";
    pawl_err err = find_file(dir, file, path, msg);
    if (pawl_ok(err)) {
        err = pawl_price_book_load_embedded(&book, msg);
    }
    if (pawl_ok(err) && (file != NULL || access(path, F_OK) == 0)) {
        err = pawl_price_book_load_overrides(book, path, msg);
    }
    if (pawl_failed(err)) {
        pawl_price_book_free(book);
        return err;
    }
    memcpy(ret_path, path, sizeof(path));
    *ret_book = book;
    return PAWL_OK;
}
