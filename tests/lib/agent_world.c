/* SPDX-License-Identifier: Apache-2.0 */
/* agent_world.c: see agent_world.h. */
#define _GNU_SOURCE
#include "tests/lib/agent_world.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* A command of one line, split at blanks. */
char **agent_words(const char *line)
{
    static char text[512];
    static char *words[WORDS_MAX + 1];
    size_t count = 0;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *word = text; word != NULL && *word != '\0';) {
        char *blank = strchr(word, ' ');
        assert_true(count < WORDS_MAX);
        words[count++] = word;
        if (blank != NULL) {
            *blank = '\0';
        }
        word = blank != NULL ? blank + 1 : NULL;
    }
    words[count] = NULL;
    return words;
}

const char *const *agent_user;
const char *agent_home;
bool agent_as_root;
bool agent_wrapped;
char agent_cwd[128];

const char *agent_get(const char *name)
{
    for (size_t i = 0; agent_user != NULL && agent_user[i] != NULL; i += 2) {
        if (strcmp(agent_user[i], name) == 0) {
            return agent_user[i + 1];
        }
    }
    return strcmp(name, "HOME") == 0 ? agent_home : NULL;
}

int agent_setup(void **state)
{
    static struct world world;
    world = (struct world){.home = "/tmp/pawl-agents-XXXXXX"};
    agent_home = mkdtemp(world.home);
    agent_user = NULL;
    agent_as_root = false;
    agent_wrapped = false;
    (void)snprintf(agent_cwd, sizeof(agent_cwd), "%s", world.home);
    *state = &world;
    return agent_home != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *ftw)
{
    (void)found;
    (void)type;
    (void)ftw;
    return remove(path);
}

int agent_teardown(void **state)
{
    struct world *world = *state;
    pawl_agent_free_plan(&world->plan);
    return nftw(world->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void agent_put_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", agent_home, name);
    for (char *slash = strchr(path + strlen(agent_home) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, S_IRWXU);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

pawl_err agent_plan_words(struct world *world, char *const *argv)
{
    struct pawl_agent_request request = {
        .command = pawl_agent_of(argv),
        .argv = argv,
        .get = agent_get,
        .as_root = agent_as_root,
        .cwd = agent_cwd,
        .run_id = "run_1",
        .run_dir = world->home,
        .data_dir = "/data dir",
        .pawl = "/bin/pawl",
        .address = "http://127.0.0.1:1/s",
        .wrapped = agent_wrapped,
    };
    pawl_agent_free_plan(&world->plan);
    return pawl_agent_make_plan(&request, &world->plan, &world->msg);
}

void agent_plan(struct world *world, const char *line)
{
    pawl_err err = agent_plan_words(world, agent_words(line));
    if (pawl_failed(err)) {
        fail_msg("%s: %s", line, world->msg.text);
    }
}

void agent_refused(struct world *world, const char *line, const char *because)
{
    assert_int_equal(agent_plan_words(world, agent_words(line)).code, PAWL_ERR_UNSUPPORTED);
    if (strstr(world->msg.text, because) == NULL) {
        fail_msg("%s: %s", line, world->msg.text);
    }
}

/* The command with its edits, its words behind each other with a blank. */
const char *agent_command(struct world *world, const char *line)
{
    static char text[8192];
    char **argv = agent_words(line);
    size_t bytes = 0;
    for (size_t i = 0;; i++) {
        const char *argument = argv[i];
        for (size_t k = 0; k < world->plan.item_count; k++) {
            const struct pawl_agent_item *item = &world->plan.items[k];
            if (item->kind != PAWL_AGENT_ARGUMENT || item->at != i) {
                continue;
            }
            if (item->replaces) {
                argument = item->value;
            } else {
                bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s ", item->value);
            }
        }
        if (argument == NULL) {
            return text;
        }
        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s ", argument);
    }
}

size_t agent_edited(struct world *world, const char *line, char **words, size_t words_max)
{
    char **argv = agent_words(line);
    size_t count = 0;
    for (size_t i = 0; i == 0 || argv[i - 1] != NULL; i++) {
        for (size_t k = 0; k < world->plan.item_count; k++) {
            const struct pawl_agent_item *item = &world->plan.items[k];
            if (item->kind == PAWL_AGENT_ARGUMENT && item->at == i) {
                static char texts[16][2048];
                assert_true(count + 1 < words_max && count < 16 && !item->replaces);
                (void)snprintf(texts[count], sizeof(texts[count]), "%s", item->value);
                words[count] = texts[count];
                count++;
            }
        }
        assert_true(count < words_max);
        words[count] = argv[i];
        count += argv[i] != NULL ? 1 : 0;
    }
    return count;
}

const char *agent_item(struct world *world, enum pawl_agent_item_kind kind, const char *name)
{
    for (size_t i = 0; i < world->plan.item_count; i++) {
        const struct pawl_agent_item *item = &world->plan.items[i];
        const char *found = strstr(item->name, name);
        if (item->kind == kind && found != NULL && found[strlen(name)] == '\0') {
            return item->value;
        }
    }
    fail_msg("nothing is given under the name %s", name);
    return "";
}

void agent_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("%s is not in %s", part, text);
    }
}

void agent_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("%s is in %s", part, text);
    }
}
