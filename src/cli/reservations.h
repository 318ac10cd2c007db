/* SPDX-License-Identifier: Apache-2.0 */
/* reservations.h: the verbs of `pawl reservation` that end a hold or lengthen it. */
#ifndef PAWL_CLI_RESERVATIONS_H
#define PAWL_CLI_RESERVATIONS_H

#include "cli/cli.h"

#define PAWL_RESERVATIONS_PATH "/v1/reservations"

extern const struct pawl_cli_command pawl_reservation_commit_command;
extern const struct pawl_cli_command pawl_reservation_release_command;
extern const struct pawl_cli_command pawl_reservation_extend_command;

#endif
