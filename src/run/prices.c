/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prices.c: see prices.h. A file that was named must be there; prices.json need not. A name holds
 * where pawl was started, and is told from the root on: a run may go on elsewhere.
 */
#include "run/prices.h"

#include <stdbool.h>
#include <stdio.h>
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
    char cwd[PAWL_PATH_BYTES] = "";
    bool relative = file[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL;
    int bytes = snprintf(ret_path, PAWL_PATH_BYTES, "%s%s%s", cwd, relative ? "/" : "", file);
    if (bytes < 0 || bytes >= PAWL_PATH_BYTES) {
        pawl_errmsg_set(msg, "the price file's name is too long");
        return PAWL_ERR(LIMIT);
    }
    return PAWL_OK;
}

pawl_err pawl_prices_open_text(const struct pawl_datadir *dir,
                               const char *file,
                               char ret_path[static PAWL_PATH_BYTES],
                               struct pawl_buf *text,
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
        err = pawl_price_book_load_overrides(book, path, text, msg);
    }
    if (pawl_failed(err)) {
        pawl_price_book_free(book);
        return err;
    }
    memcpy(ret_path, path, sizeof(path));
    *ret_book = book;
    return PAWL_OK;
}

pawl_err pawl_prices_open(const struct pawl_datadir *dir,
                          const char *file,
                          char ret_path[static PAWL_PATH_BYTES],
                          struct pawl_price_book **ret_book,
                          struct pawl_errmsg *msg)
{
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_PRICE_FILE_BYTES_MAX);
    pawl_err err = pawl_prices_open_text(dir, file, ret_path, &text, ret_book, msg);
    pawl_buf_free(&text);
    return err;
}
