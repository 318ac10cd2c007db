/* SPDX-License-Identifier: Apache-2.0 */
/* test_carry.c: what becomes of each flag of `pawl run` with --resume: every one has a decision,
 * and no decision is left of a flag that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/carry.h"
#include "cli/commands.h"

static void every_flag_of_run_has_a_decision(void **state)
{
    (void)state;
    const struct pawl_cli_command *run = pawl_cli_find_command("run");
    assert_non_null(run);
    for (size_t i = 0; i < run->option_count; i++) {
        const char *name = run->options[i].name;
        if (pawl_cli_carry_of(name) == PAWL_CARRY_UNDECIDED) {
            fail_msg("--%s: what becomes of it with --resume? src/cli/carry.c, docs/LIMITS.md",
                     name);
        }
    }
    assert_int_equal(pawl_cli_carry_count(), run->option_count);
}

static void an_unknown_flag_has_none(void **state)
{
    (void)state;
    assert_int_equal(pawl_cli_carry_of("no-such-flag"), PAWL_CARRY_UNDECIDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flag_of_run_has_a_decision),
        cmocka_unit_test(an_unknown_flag_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
