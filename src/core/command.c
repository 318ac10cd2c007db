/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c: the commands' names, as logs and history show them.
 */
#include "core/command.h"

#include "base/assert.h"

const char *pawl_command_type_name(uint16_t type)
{
    static const char *const names[PAWL_COMMAND_TYPE_END] = {
        [PAWL_COMMAND_CONFIG] = "CONFIG",
        [PAWL_COMMAND_TZ_DEFINE] = "TZ_DEFINE",
        [PAWL_COMMAND_BUDGET_CREATE] = "BUDGET_CREATE",
        [PAWL_COMMAND_BUDGET_FUND] = "BUDGET_FUND",
        [PAWL_COMMAND_BUDGET_SET] = "BUDGET_SET",
        [PAWL_COMMAND_RESERVE] = "RESERVE",
        [PAWL_COMMAND_GROW] = "GROW",
        [PAWL_COMMAND_EXTEND] = "EXTEND",
        [PAWL_COMMAND_COMMIT] = "COMMIT",
        [PAWL_COMMAND_RELEASE] = "RELEASE",
        [PAWL_COMMAND_CORRECT] = "CORRECT",
        [PAWL_COMMAND_EVENT] = "EVENT",
        [PAWL_COMMAND_DECIDE] = "DECIDE",
        [PAWL_COMMAND_EXPIRE] = "EXPIRE",
        [PAWL_COMMAND_SESSION_OPEN] = "SESSION_OPEN",
        [PAWL_COMMAND_SESSION_SET] = "SESSION_SET",
        [PAWL_COMMAND_SESSION_PHASE] = "SESSION_PHASE",
        [PAWL_COMMAND_APPROVAL_OPEN] = "APPROVAL_OPEN",
        [PAWL_COMMAND_APPROVAL_ANSWER] = "APPROVAL_ANSWER",
        [PAWL_COMMAND_NOTE] = "NOTE",
    };
    PAWL_ASSERT(type > 0);
    PAWL_ASSERT(type < PAWL_COMMAND_TYPE_END);
    PAWL_ASSERT(names[type] != NULL);
    return names[type];
}
