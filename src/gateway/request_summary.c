/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_summary.c: where a body is changed when it becomes the one more call at the limit: a
 * question behind the conversation, and no tools. The descriptions of the tools stay, since a
 * provider wants them where the conversation has calls of them, and its cache of the prompt begins
 * with them; the model is told that it may choose none.
 */
#include "base/assert.h"
#include "gateway/request_priv.h"

/* Nothing in it needs an escape in JSON. */
#define QUESTION                                                                                   \
    "The budget of this run is used up, and this is the last answer that it pays for. Do not "     \
    "call "                                                                                        \
    "any tool. In a few short paragraphs say what was done, what is left to do, and what whoever " \
    "goes on must know: files, commands, open problems."

/* By dialect. A turn is appended to the list; where the conversation may be one text, that becomes
 * the first turn of a list. */
static const struct {
    const char *list;
    const char *turn;
    const char *text_before; /* NULL: it is always a list */
    const char *choice;      /* the member that says whether tools may be used … */
    const char *none;        /* … and its value for "no" */
} forms[PAWL_DIALECT_COUNT] = {
    [PAWL_DIALECT_ANTHROPIC] = {"messages",
                                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                                "\"" QUESTION "\"}]}",
                                NULL, "tool_choice", "{\"type\":\"none\"}"},
    [PAWL_DIALECT_OPENAI_CHAT] = {"messages", "{\"role\":\"user\",\"content\":\"" QUESTION "\"}",
                                  NULL, "tool_choice", "\"none\""},
    [PAWL_DIALECT_OPENAI_RESPONSES] = {"input",
                                       "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
                                       "\"text\":\"" QUESTION "\"}]}",
                                       "[{\"role\":\"user\",\"content\":", "tool_choice",
                                       "\"none\""},
    [PAWL_DIALECT_GEMINI] = {"contents",
                             "{\"role\":\"user\",\"parts\":[{\"text\":\"" QUESTION "\"}]}", NULL,
                             "toolConfig", "{\"functionCallingConfig\":{\"mode\":\"NONE\"}}"},
};

const char *pawl_request_summary_turn(enum pawl_dialect dialect)
{
    return forms[dialect].turn;
}

const char *pawl_request_summary_text_before(enum pawl_dialect dialect)
{
    return forms[dialect].text_before;
}

const char *pawl_request_no_tools_name(enum pawl_dialect dialect)
{
    return forms[dialect].choice;
}

const char *pawl_request_no_tools_value(enum pawl_dialect dialect)
{
    return forms[dialect].none;
}

void pawl_request_find_turns(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    enum pawl_dialect dialect = request->dialect;
    if (forms[dialect].list == NULL) {
        return;
    }
    const struct pawl_json *json = &reader->json;
    uint32_t list = pawl_json_get(json, 0, forms[dialect].list);
    bool text = forms[dialect].text_before != NULL && pawl_json_is(json, list, PAWL_JSON_STRING);
    if (text || (pawl_json_is(json, list, PAWL_JSON_ARRAY) && json->nodes[list].count > 0)) {
        request->turns = pawl_request_span_of(json, list);
        request->turns_are_text = text;
    }
    uint32_t choice = pawl_request_member(reader, forms[dialect].choice);
    if (choice == PAWL_JSON_NONE && dialect == PAWL_DIALECT_GEMINI) {
        choice = pawl_request_member(reader, "tool_config");
    }
    uint32_t tools = pawl_request_member(reader, "tools");
    request->tool_choice = pawl_request_span_of(json, choice);
    request->has_tools = pawl_request_nonempty(json, tools) || request->tool_choice.end != 0;
    request->model_span = pawl_request_span_of(json, pawl_json_get(json, 0, "model"));
}
