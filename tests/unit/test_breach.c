/* SPDX-License-Identifier: Apache-2.0 */
/* test_breach.c: the rule of docs/BREACHES.md as a table of facts and causes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/money.h"
#include "cli/breach.h"
#include "cli/runs_breaches.h"

#define USD PAWL_UNIT_USD_MICROCENTS

static void the_first_rule_that_holds_is_the_cause(void **state)
{
    (void)state;
    static const struct {
        struct pawl_breach_facts facts;
        enum pawl_breach_cause cause;
        const char *words;
    } rows[] = {
        {{.unit = USD, .microcents = 100, .dearer_microcents = 20, .baseline = "a", .dearer = "b"},
         PAWL_CAUSE_ESCALATION,
         "20% of the dollars for b, begun with a"},
        {{.unit = USD, .microcents = 100, .dearer_microcents = 19, .origin = "flag"},
         PAWL_CAUSE_DEFAULT,
         "the cap on dollars, set by flag"},
        {{.unit = USD, .microcents = 100, .dearer_microcents = 1, .model_approved = true},
         PAWL_CAUSE_ESCALATION,
         "1% of the dollars for a dearer model, begun with another; the "
         "switch was approved"},
        {{.unit = USD, .microcents = 100, .dearer_refused = true, .baseline = "a", .dearer = "b"},
         PAWL_CAUSE_ESCALATION,
         "0% of the dollars for b, begun with a; its call was the one that "
         "did not fit"},
        /* A dearer model does not make more tool calls. */
        {{.unit = PAWL_UNIT_TOOL_CALLS,
          .microcents = 100,
          .dearer_microcents = 90,
          .tool_calls = 10,
          .calls = 9},
         PAWL_CAUSE_DEFAULT,
         "the cap on tool calls"},
        {{.unit = USD, .microcents = 100, .verification_microcents = 41, .files = 99},
         PAWL_CAUSE_VERIFICATION,
         "41% of the dollars in verification"},
        {{.unit = USD, .microcents = 100, .verification_microcents = 40, .files = 20},
         PAWL_CAUSE_SCOPE,
         "20 files touched"},
        {{.unit = USD,
          .microcents = 100,
          .dearer_microcents = 50,
          .verification_microcents = 50,
          .dearer = "b"},
         PAWL_CAUSE_ESCALATION,
         "50% of the dollars for b, begun with another"},
        {{.unit = PAWL_UNIT_WALL_CLOCK_MS, .files = -1, .threads = 4},
         PAWL_CAUSE_SCOPE,
         "4 sub-agents"},
        {{.unit = PAWL_UNIT_TOOL_CALLS, .files = 19, .threads = 3, .tool_calls = 300, .calls = 100},
         PAWL_CAUSE_SCOPE,
         "300 tool calls in 100 model calls"},
        {{.unit = PAWL_UNIT_TOOL_CALLS, .files = 19, .threads = 3, .tool_calls = 299, .calls = 100},
         PAWL_CAUSE_DEFAULT,
         "the cap on tool calls"},
        {{.unit = PAWL_UNIT_NONE}, PAWL_CAUSE_DEFAULT, "the cap on something"},
        {{.unit = USD, .microcents = 0, .dearer_microcents = 0, .files = -1},
         PAWL_CAUSE_DEFAULT,
         "the cap on dollars"},
        {{.unit = USD,
          .microcents = PAWL_AMOUNT_MAX,
          .dearer_microcents = PAWL_AMOUNT_MAX,
          .dearer = "b"},
         PAWL_CAUSE_ESCALATION,
         "100% of the dollars for b, begun with another"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_breach breach;
        pawl_breach_judge(&rows[i].facts, &breach);
        assert_string_equal(breach.words, rows[i].words);
        assert_int_equal(breach.cause, rows[i].cause);
    }
}

static void groups_have_names(void **state)
{
    (void)state;
    assert_int_equal(pawl_breaches_by_of("policy"), PAWL_BREACHES_BY_POLICY);
    assert_int_equal(pawl_breaches_by_of("cause"), PAWL_BREACHES_BY_CAUSE);
    assert_int_equal(pawl_breaches_by_of(""), PAWL_BREACHES_BY_COUNT);
    assert_int_equal(pawl_breaches_by_of("weeks"), PAWL_BREACHES_BY_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_holds_is_the_cause),
        cmocka_unit_test(groups_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
