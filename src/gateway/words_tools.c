/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words_tools.c: what a refusal says where tools of the provider are most of what a call needs: how
 * much they count for, whether it would fit without them, and what makes them need less.
 */
#include <stdio.h>
#include <string.h>

#include "base/money.h"
#include "gateway/gateway_priv.h"

enum { USES_BYTES = 160, TEXT_BYTES = 320 };

/* "2 searches, " where there are some. */
static void
name_uses(char text[static USES_BYTES], int64_t count, const char *one, const char *many)
{
    char number[PAWL_MONEY_TEXT_BYTES];
    size_t used = strlen(text);
    if (count > 0) {
        (void)snprintf(text + used, USES_BYTES - used, "%s %s, ",
                       pawl_money_format_count(count, number), count == 1 ? one : many);
    }
}

void pawl_words_tools(struct pawl_model_call *call)
{
    char uses[USES_BYTES] = "";
    char tokens[PAWL_MONEY_TEXT_BYTES];
    char text[TEXT_BYTES];
    struct pawl_usage with;
    struct pawl_usage without;
    pawl_admission_usage(&call->query, 0, 1, &with);
    pawl_admission_usage(&call->query, 0, 0, &without);
    int64_t pictures = pawl_admission_pictures(&call->query, 1);
    name_uses(uses, with.count[PAWL_USAGE_WEB_SEARCHES] + with.count[PAWL_USAGE_FILE_SEARCHES],
              "search", "searches");
    name_uses(uses, with.count[PAWL_USAGE_CONTAINER_MINUTES], "minute in a gigabyte's container",
              "minutes in a gigabyte's container");
    name_uses(uses, pictures, "picture", "pictures");
    int64_t brought = pawl_usage_input_tokens(&with) - pawl_usage_input_tokens(&without);
    (void)snprintf(text, sizeof(text),
                   ". Without the tools that the provider runs it %s: they count for %s%s%s tokens "
                   "that they may bring in",
                   call->admission.fits_without_tools ? "would fit" : "needs less", uses,
                   uses[0] != '\0' ? "and " : "", pawl_money_format_count(brought, tokens));
    pawl_words_add(&call->words, text);
    if (pictures > 0) {
        pawl_words_add(&call->words, "; a smaller size and quality of pictures need less");
    }
    if (call->request.tools_fill) {
        pawl_words_add(&call->words, "; an MCP server may fill the context window each time, and "
                                     "needs no hold where the agent itself connects to it");
    }
}
