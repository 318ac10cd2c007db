/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h: the part of YAML that pawl's files are made of: mappings within mappings with a single
 * text at the end of each, and, where a file's owner allows it, lists of texts. Anchors, tags,
 * aliases and several documents have no meaning here and are refused. Whoever reads a file is told
 * each value with its path ("caps.usd") and its line, and says itself what it thinks of it.
 */
#ifndef PAWL_POLICY_YAML_H
#define PAWL_POLICY_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { PAWL_YAML_PATH_BYTES = 200 };

struct pawl_yaml_reader {
    const char *what;    /* "policy": what one file holds one of */
    const char *example; /* "caps:": how a field begins */
    bool lists;          /* a field may hold several texts, each told by itself */
    /* Each key, before its value; may be NULL. */
    void (*key)(void *arg, uint32_t line, const char *path);
    void (*field)(void *arg, uint32_t line, const char *path, struct pawl_slice text);
    /* `path` is empty where it is about none. After the first of these that `pawl_yaml_read`
     * itself tells, nothing more is read. */
    void (*problem)(void *arg, uint32_t line, const char *path, const char *message);
    void *arg;
};

/* Reads the text to its end. false: a problem of form was told. Everything is borrowed for the
 * calls. */
bool pawl_yaml_read(const struct pawl_yaml_reader *reader, struct pawl_slice text);

#endif
