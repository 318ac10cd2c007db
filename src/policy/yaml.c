/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.c: see yaml.h. libyaml gives events with their lines; with mappings within mappings a path
 * is all that has to be remembered between two of them.
 */
#include "policy/yaml.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/assert.h"

enum { DEPTH_MAX = 4, PATH_BYTES = PAWL_YAML_PATH_BYTES };

struct reading {
    const struct pawl_yaml_reader *reader;
    char path[PATH_BYTES]; /* of the mapping that is read: "" or "caps." */
    size_t path_bytes[DEPTH_MAX + 1];
    int depth;    /* of mappings that are open */
    bool has_key; /* a key was read, and its value comes next */
    bool in_list; /* of that key */
    bool has_fields;
    uint32_t key_line;
    bool stopped; /* the rest makes no sense */
};

static uint32_t line_of(const yaml_event_t *event)
{
    return (uint32_t)event->start_mark.line + 1;
}

static void stop(struct reading *reading, uint32_t line, const char *message)
{
    reading->reader->problem(reading->reader->arg, line, reading->path, message);
    reading->stopped = true;
}

static void stop_at_form(struct reading *reading, uint32_t line)
{
    char message[160];
    (void)snprintf(message, sizeof(message), "a %s is made of fields, such as \"%s\"",
                   reading->reader->what, reading->reader->example);
    stop(reading, line, message);
}

static void leave_key(struct reading *reading)
{
    reading->path[reading->path_bytes[reading->depth]] = '\0';
    reading->has_key = false;
}

static void take_key(struct reading *reading, const yaml_event_t *event, struct pawl_slice text)
{
    size_t start = reading->path_bytes[reading->depth];
    reading->key_line = line_of(event);
    bool fits = start + text.bytes + 2 <= PATH_BYTES;
    bool plain = fits && text.bytes > 0 && memchr(text.data, '.', text.bytes) == NULL &&
                 memchr(text.data, '\0', text.bytes) == NULL;
    if (!plain) {
        stop(reading, reading->key_line, "a key must be a short word without a full stop");
        return;
    }
    memcpy(reading->path + start, text.data, text.bytes);
    reading->path[start + text.bytes] = '\0';
    reading->has_key = true;
    reading->has_fields = true;
    if (reading->reader->key != NULL) {
        reading->reader->key(reading->reader->arg, reading->key_line, reading->path);
    }
}

static void on_scalar(struct reading *reading, const yaml_event_t *event)
{
    struct pawl_slice text =
        pawl_slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
        stop(reading, line_of(event), "anchors and tags have no meaning here");
    } else if (reading->depth == 0) {
        stop_at_form(reading, line_of(event));
    } else if (!reading->has_key) {
        take_key(reading, event, text);
    } else {
        uint32_t line = reading->in_list ? line_of(event) : reading->key_line;
        reading->reader->field(reading->reader->arg, line, reading->path, text);
        if (!reading->in_list) {
            leave_key(reading);
        }
    }
}

static void on_mapping(struct reading *reading, const yaml_event_t *event)
{
    if (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL) {
        stop(reading, line_of(event), "anchors and tags have no meaning here");
        return;
    }
    if (reading->in_list) {
        stop(reading, line_of(event), "a list holds texts and nothing else");
        return;
    }
    if (reading->depth > 0 && !reading->has_key) {
        stop(reading, line_of(event), "a key must be a word");
        return;
    }
    if (reading->depth == DEPTH_MAX) {
        stop(reading, line_of(event), "this is nested too deeply");
        return;
    }
    size_t bytes = strlen(reading->path);
    if (reading->depth > 0) {
        reading->path[bytes++] = '.';
        reading->path[bytes] = '\0';
    }
    reading->depth++;
    reading->path_bytes[reading->depth] = bytes;
    reading->has_key = false;
}

static void on_mapping_end(struct reading *reading)
{
    PAWL_ASSERT(reading->depth > 0);
    reading->depth--;
    leave_key(reading);
}

static void on_list(struct reading *reading, const yaml_event_t *event)
{
    if (!reading->reader->lists) {
        stop(reading, line_of(event), "a list has no meaning here");
    } else if (!reading->has_key || reading->in_list) {
        stop(reading, line_of(event), "a list holds texts and stands behind a key");
    } else {
        reading->in_list = true;
    }
}

static void on_list_end(struct reading *reading)
{
    PAWL_ASSERT(reading->in_list);
    reading->in_list = false;
    leave_key(reading);
}

static void on_event(struct reading *reading, const yaml_event_t *event)
{
    char message[80];
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(reading, event);
        break;
    case YAML_MAPPING_START_EVENT:
        on_mapping(reading, event);
        break;
    case YAML_MAPPING_END_EVENT:
        on_mapping_end(reading);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_list(reading, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
        on_list_end(reading);
        break;
    case YAML_ALIAS_EVENT:
        stop(reading, line_of(event), "anchors and tags have no meaning here");
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (reading->has_fields) {
            (void)snprintf(message, sizeof(message), "one file holds one %s",
                           reading->reader->what);
            stop(reading, line_of(event), message);
        }
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void tell_no_yaml(struct reading *reading, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "no memory";
    size_t line = parser->problem_mark.line > 0 ? parser->problem_mark.line : parser->mark.line;
    char message[256];
    (void)snprintf(message, sizeof(message), "this is no YAML: %s", problem);
    reading->path[0] = '\0';
    stop(reading, (uint32_t)line + 1, message);
}

bool pawl_yaml_read(const struct pawl_yaml_reader *reader, struct pawl_slice text)
{
    struct reading reading = {.reader = reader};
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        stop(&reading, 0, "no memory");
        return false;
    }
    const char *data = text.bytes > 0 ? text.data : ""; /* It wants an address even for nothing. */
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, text.bytes);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    bool ended = false;
    while (!ended && !reading.stopped) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            tell_no_yaml(&reading, &parser);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        on_event(&reading, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return !reading.stopped;
}
