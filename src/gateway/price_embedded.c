/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_embedded.c: the book that comes with pawl. Every command that meets a price needs it,
 * so it is there without being read: tools/price_table.c checks data/prices.json when pawl is built
 * and writes the arrays down as constants of the program.
 */
#include "base/alloc.h"
#include "gateway/price_priv.h"

pawl_err pawl_price_book_load_embedded(struct pawl_price_book **ret_book, struct pawl_errmsg *msg)
{
    struct pawl_price_book *book = pawl_alloc(sizeof(*book));
    if (book == NULL) {
        pawl_errmsg_set(msg, "no memory for the price book");
        return PAWL_ERR(MEMORY);
    }
    *book = pawl_price_embedded;
    *ret_book = book;
    return PAWL_OK;
}
