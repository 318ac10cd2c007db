/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c: the commands' names, as logs and history show them, and what all that work on a
 * reservation have in common.
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
        [PAWL_COMMAND_DOCUMENT_PUT] = "DOCUMENT_PUT",
        [PAWL_COMMAND_TENANT_DRAIN] = "TENANT_DRAIN",
    };
    PAWL_ASSERT(type > 0);
    PAWL_ASSERT(type < PAWL_COMMAND_TYPE_END);
    PAWL_ASSERT(names[type] != NULL);
    return names[type];
}

uint64_t pawl_command_reservation(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    PAWL_ASSERT(command->type > 0 && command->type < PAWL_COMMAND_TYPE_END);
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_CORRECT:
        return command->u.settle.reservation;
    case PAWL_COMMAND_RELEASE:
        return command->u.release.reservation;
    case PAWL_COMMAND_EXTEND:
        return command->u.extend.reservation;
    case PAWL_COMMAND_GROW:
        return command->u.grow.reservation;
    case PAWL_COMMAND_CONFIG:
    case PAWL_COMMAND_TZ_DEFINE:
    case PAWL_COMMAND_BUDGET_CREATE:
    case PAWL_COMMAND_BUDGET_FUND:
    case PAWL_COMMAND_BUDGET_SET:
    case PAWL_COMMAND_RESERVE:
    case PAWL_COMMAND_EVENT:
    case PAWL_COMMAND_DECIDE:
    case PAWL_COMMAND_EXPIRE:
    case PAWL_COMMAND_SESSION_OPEN:
    case PAWL_COMMAND_SESSION_SET:
    case PAWL_COMMAND_SESSION_PHASE:
    case PAWL_COMMAND_APPROVAL_OPEN:
    case PAWL_COMMAND_APPROVAL_ANSWER:
    case PAWL_COMMAND_NOTE:
    case PAWL_COMMAND_DOCUMENT_PUT:
    case PAWL_COMMAND_TENANT_DRAIN:
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    return 0;
}

bool pawl_command_decides(const struct pawl_command *command)
{
    PAWL_ASSERT(command != NULL);
    PAWL_ASSERT(command->type > 0 && command->type < PAWL_COMMAND_TYPE_END);
    return command->type == PAWL_COMMAND_DECIDE ||
           (command->type == PAWL_COMMAND_RESERVE && command->u.reserve.dry_run);
}
