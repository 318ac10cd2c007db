/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_world.h: a home and an environment that a test makes up, and what an agent is given there.
 */
#ifndef PAWL_TESTS_LIB_AGENT_WORLD_H
#define PAWL_TESTS_LIB_AGENT_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "run/agents.h"

struct world {
    char home[64];
    struct pawl_agent_plan plan;
    struct pawl_errmsg msg;
};

/* The user's environment: "NAME", "value", …, NULL. */
extern const char *const *agent_user;
extern const char *agent_home;
extern bool agent_as_root;
extern bool agent_wrapped; /* as a script starts it */
extern char agent_cwd[128];

/* For cmocka: *state is a world, whose home is there and empty. */
int agent_setup(void **state);
int agent_teardown(void **state);
const char *agent_get(const char *name);
/* A command of one line, split at blanks. */
char **agent_words(const char *line);
/* A file below the home. */
void agent_put_file(const char *name, const char *text);

/* Plans for the command, or is refused with these words. */
pawl_err agent_plan_words(struct world *world, char *const *argv);
void agent_plan(struct world *world, const char *line);
void agent_refused(struct world *world, const char *line, const char *because);

/* The command with the plan's edits, its words behind each other with a blank. */
const char *agent_command(struct world *world, const char *line);
/* The same as words that outlive the plan; how many. */
size_t agent_edited(struct world *world, const char *line, char **words, size_t words_max);
/* What is given under a name, or the end of one. */
const char *agent_item(struct world *world, enum pawl_agent_item_kind kind, const char *name);
void agent_has(const char *text, const char *part);
void agent_lacks(const char *text, const char *part);

#endif
