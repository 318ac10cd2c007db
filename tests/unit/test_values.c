/* SPDX-License-Identifier: Apache-2.0 */
/* test_values.c: whatever a command's table asks for can be completed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/values.h"

static void check(FILE *out, const struct pawl_cli_command *command)
{
    (void)out;
    for (size_t i = 0; i < command->option_count; i++) {
        struct pawl_slice value = pawl_cli_option_value(&command->options[i]);
        if (!pawl_slice_empty(value) && !pawl_cli_values_known(command, value)) {
            fail_msg("%s --%s: %s has no row in values.c", command->name, command->options[i].name,
                     command->options[i].argument);
        }
    }
    for (size_t i = 0; !command->stops_at_operand && i < command->operands_max && i < 4; i++) {
        struct pawl_slice operand = pawl_cli_operand_at(command, i);
        if (!pawl_slice_empty(operand) && !pawl_cli_values_known(command, operand)) {
            fail_msg("%s: %.*s of '%s' has no row in values.c", command->name, (int)operand.bytes,
                     operand.data, command->operands);
        }
    }
}

static void each_placeholder_has_a_row(void **state)
{
    (void)state;
    static const struct pawl_cli_command odd = {.name = "odd", .operands = "THING"};
    assert_false(pawl_cli_values_known(&odd, pawl_cli_operand_at(&odd, 0)));
    pawl_cli_each_command(stdout, check);
}

static void operands_have_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *operands;
        size_t place;
        const char *name;
    } rows[] = {
        {"[RUN] [PHASE]", 0, "RUN"},     {"[RUN] [PHASE]", 1, "PHASE"},
        {"[RUN] [PHASE]", 2, ""},        {"FILE...", 0, "FILE"},
        {"FILE...", 9, "FILE"},          {"[COMMAND [VERB]]", 0, "COMMAND"},
        {"[COMMAND [VERB]]", 1, "VERB"}, {"", 0, ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        const struct pawl_cli_command command = {.name = "x", .operands = rows[i].operands};
        struct pawl_slice found = pawl_cli_operand_at(&command, rows[i].place);
        assert_true(pawl_slice_equal_str(found, rows[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_placeholder_has_a_row),
        cmocka_unit_test(operands_have_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
