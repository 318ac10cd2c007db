/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_kind.h: what a tool call is for, by its name and arguments: does it verify (tests, linters,
 * type checks, builds), does it change files, or does it say nothing about the phase (reading,
 * searching, planning)? A pure function of its two texts. docs/PHASES.md has the rules for users.
 *
 * Nothing here is a wall: a model that wants to hide a test run from it can. It tells phases apart
 * for agents that work as they do.
 */
#ifndef PAWL_POLICY_TOOL_KIND_H
#define PAWL_POLICY_TOOL_KIND_H

#include <stdbool.h>

#include "base/slice.h"
#include "policy/shell.h"

enum pawl_tool_kind {
    PAWL_TOOL_NEUTRAL,
    PAWL_TOOL_EDITS,   /* changes files */
    PAWL_TOOL_VERIFIES /* … which counts for more, where a call does both */
};

/* `arguments` is JSON, or the tool's plain input; it may be cut at its end, or empty. */
enum pawl_tool_kind pawl_tool_kind_of(struct pawl_slice name, struct pawl_slice arguments);

/* Of a shell line. */
enum pawl_tool_kind pawl_shell_kind_of(struct pawl_slice script);

/* Whether a pattern of the user's fits. Patterns are separated by commas; each is the beginning of
 * a command as a person would type it ("npm run smoke*"), or a tool's name ("mcp__ci__*"). */
bool pawl_tool_matches(struct pawl_slice patterns,
                       struct pawl_slice name,
                       struct pawl_slice arguments);

/* --- command_kind.c ------------------------------------------------------------------------- */

/* Takes off what only wraps it: assignments, `sudo`, `timeout 60`, `npx`, `python -m`, …; a script
 * in it (`bash -c`) goes to the shell. What is left is the program with its words. false: there is
 * nothing left. */
bool pawl_command_unwrap(struct pawl_shell_command *command, struct pawl_shell *shell);
/* Of a command that was unwrapped. */
enum pawl_tool_kind pawl_command_kind(const struct pawl_shell_command *command);
/* Whether a word fits a pattern, in which "*" stands for anything. */
bool pawl_word_matches(struct pawl_slice pattern, struct pawl_slice word);

#endif
