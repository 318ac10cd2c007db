/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_escalation.c: runs as strings of calls and what each is told.
 *
 * A call is a letter and a class: m main loop, t without tools, s a sub-agent (tools, but beside
 * the main loop), a an auxiliary call (no tools, beside); "!" behind it: it is answered before the
 * next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/escalation.h"

static struct pawl_escalation_call call_of(const char *text)
{
    return (struct pawl_escalation_call){
        .model = pawl_slice_of(text, 2),
        .tier = (unsigned)(text[1] - '0'),
        .tools = text[0] == 'm' || text[0] == 's',
        .beside = text[0] == 's' || text[0] == 'a',
    };
}

/* '.' goes, '?' is a question, 'x' is refused. */
static void expect(struct pawl_escalation *escalation, const char *calls, const char *verdicts)
{
    static const char letters[] = {[PAWL_ESCALATION_GO] = '.',
                                   [PAWL_ESCALATION_QUESTION] = '?',
                                   [PAWL_ESCALATION_REFUSE] = 'x'};
    char told[64] = "";
    size_t count = 0;
    for (const char *at = calls; *at != '\0'; count++) {
        struct pawl_escalation_call call = call_of(at);
        told[count] = letters[pawl_escalation_judge(escalation, &call)];
        at += 2;
        if (*at == '!') {
            pawl_escalation_answered(escalation, &call);
            at++;
        }
    }
    assert_string_equal(told, verdicts);
}

static void expect_run(const char *declared, const char *calls, const char *verdicts)
{
    struct pawl_escalation escalation;
    unsigned tier = declared[0] != '\0' ? (unsigned)(declared[1] - '0') : 0;
    pawl_escalation_init(&escalation, PAWL_ESCALATION_ASK, pawl_slice_str(declared), tier);
    expect(&escalation, calls, verdicts);
}

static void a_declared_model_is_the_baseline_from_the_first_call_on(void **state)
{
    (void)state;
    expect_run("m3", "m4", "?");
    expect_run("m3", "m3m2t3s3", "....");
    expect_run("m3", "t4s4a4m4", "????");
}

static void else_the_dearest_of_the_first_turn_is(void **state)
{
    (void)state;
    expect_run("", "m3!m3!m4", "..?");
    expect_run("", "m3m4!m4m5", "...?");
    expect_run("", "m3m4m5!", "...");
}

static void what_is_beside_the_main_loop_never_sets_it(void **state)
{
    (void)state;
    expect_run("", "t2!m4!m4!m5", "...?");
    expect_run("", "a5!s5!m3!m4", "...?");
    expect_run("", "t5!m3!t5", "..?");
    expect_run("", "m3s5!m3!m4", "...?");
}

static void an_agent_without_tools_has_its_first_three_calls(void **state)
{
    (void)state;
    expect_run("", "t2!t3!t2!t3!t4", "....?");
    expect_run("", "t2t2", "..");
    expect_run("", "t2t2a5t2a5", "....?");
    expect_run("", "t2t2t2m4!m4m5", ".....?"); /* a main loop begins after all */
}

static void a_class_that_was_allowed_is_the_new_baseline(void **state)
{
    (void)state;
    struct pawl_escalation escalation;
    pawl_escalation_init(&escalation, PAWL_ESCALATION_ASK, PAWL_SLICE("m2"), 2);
    expect(&escalation, "m4m3", "??");
    pawl_escalation_allow(&escalation, PAWL_SLICE("m4"), 4);
    expect(&escalation, "m4m3m5", "..?");
    assert_string_equal(escalation.model, "m4");
    pawl_escalation_allow(&escalation, PAWL_SLICE("m1"), 1);
    expect(&escalation, "m4", ".");
}

static void the_other_modes_answer_by_themselves(void **state)
{
    (void)state;
    struct pawl_escalation escalation;
    pawl_escalation_init(&escalation, PAWL_ESCALATION_FORBID, PAWL_SLICE("m2"), 2);
    expect(&escalation, "m3m2", "x.");
    pawl_escalation_init(&escalation, PAWL_ESCALATION_ALLOW, PAWL_SLICE("m2"), 2);
    expect(&escalation, "m3m6", "..");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_declared_model_is_the_baseline_from_the_first_call_on),
        cmocka_unit_test(else_the_dearest_of_the_first_turn_is),
        cmocka_unit_test(what_is_beside_the_main_loop_never_sets_it),
        cmocka_unit_test(an_agent_without_tools_has_its_first_three_calls),
        cmocka_unit_test(a_class_that_was_allowed_is_the_new_baseline),
        cmocka_unit_test(the_other_modes_answer_by_themselves),
    };
    return cmocka_run_group_tests_name("escalation", tests, NULL, NULL);
}
