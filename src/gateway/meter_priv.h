/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_priv.h: what the files of the meters share.
 */
#ifndef PAWL_GATEWAY_METER_PRIV_H
#define PAWL_GATEWAY_METER_PRIV_H

#include "base/json.h"
#include "gateway/meter.h"

/* One dialect. Both get a parsed object; `on_text` gets event data that is not JSON and says
 * whether it knew it. */
struct pawl_meter_ops {
    void (*on_body)(struct pawl_meter *meter, const struct pawl_json *json);
    void (*on_event)(struct pawl_meter *meter,
                     struct pawl_slice name,
                     const struct pawl_json *json);
    bool (*on_text)(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data);
    bool rate_unsaid; /* an answer that does not say its rate was served at the one asked for */
    /* A body of numbers may have more of them than are kept apart; its usage is then read alone. */
    bool usage_alone;
};

extern const struct pawl_meter_ops pawl_meter_anthropic_ops;
extern const struct pawl_meter_ops pawl_meter_openai_chat_ops;
extern const struct pawl_meter_ops pawl_meter_openai_embed_ops;
extern const struct pawl_meter_ops pawl_meter_openai_responses_ops;
extern const struct pawl_meter_ops pawl_meter_gemini_ops;
extern const struct pawl_meter_ops pawl_meter_gemini_embed_ops;

/* A field of a report and the slot that keeps it. */
struct meter_field {
    const char *key;
    uint8_t slot;
};

/* Values of one report; slots are the dialect's own. */
struct meter_report {
    int64_t value[PAWL_METER_SLOTS];
    uint32_t reported;
    uint32_t odd;
};

/* Reads the members of an object that the table names into their slots. A null leaves its slot
 * alone; whatever is odd is read as usage.h says under U4. */
void pawl_meter_read_fields(const struct pawl_json *json,
                            uint32_t node,
                            const struct meter_field *fields,
                            size_t field_count,
                            struct meter_report *report);
/* One number that stands by itself, as a count. false: absent or null. */
bool pawl_meter_read_count(const struct pawl_json *json,
                           uint32_t node,
                           int64_t *ret_count,
                           uint32_t *odd);

/* The member, or NONE. Of two with the same name the last one, as most readers take it, and odd. */
uint32_t
pawl_meter_get(const struct pawl_json *json, uint32_t node, const char *key, uint32_t *odd);

/* Sets result.knows. A report of nothing for something that was there (every call has input, and
 * output that was seen has tokens) is no report. */
void pawl_meter_set_knowledge(struct pawl_meter *meter, bool input_known, bool output_known);

/* Copies a string's bytes as they stand, cut to what fits. Anything but a string that is not
 * empty leaves `out` as it was. */
void pawl_meter_copy_text(const struct pawl_json *json, uint32_t node, char *out, size_t out_bytes);
/* Bytes of a string once its escapes are decoded; 0 for anything else. */
int64_t pawl_meter_text_bytes(const struct pawl_json *json, uint32_t node);
/* A string of the output that shows. Returns its bytes. */
int64_t pawl_meter_see_text(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node);
/* The same, of a value that is told as JSON. */
int64_t pawl_meter_see_raw(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node);

/* --- meter_openai_usage.c ------------------------------------------------------------------- */

struct pawl_meter_openai_names;
extern const struct pawl_meter_openai_names pawl_meter_openai_chat_names;
extern const struct pawl_meter_openai_names pawl_meter_openai_responses_names;

/* One report, last one wins (M1). Returns whether there was one. */
bool pawl_meter_read_openai_usage(struct pawl_meter *meter,
                                  const struct pawl_json *json,
                                  const struct pawl_meter_openai_names *names,
                                  uint32_t node);
/* Searches that were counted beside the reports. */
void pawl_meter_set_openai_searches(struct pawl_meter *meter, int64_t web, int64_t file);
/* Sets result.knows; `final`: no later report will come. */
void pawl_meter_know_openai_usage(struct pawl_meter *meter, bool final);

/* --- meter_gemini_usage.c ------------------------------------------------------------------- */

/* One report, last one wins (M1). Returns whether there was one. */
bool pawl_meter_read_gemini_usage(struct pawl_meter *meter, const struct pawl_json *json);

/* What the reports so far have said. */
struct pawl_meter_gemini_told {
    bool prompt;
    bool total;
    bool candidates; /* of the text, more than nothing */
    bool output;     /* of all that came out */
};
struct pawl_meter_gemini_told pawl_meter_gemini_told(const struct pawl_meter *meter);

#endif
