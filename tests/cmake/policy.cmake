# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(policy policy)
pawl_unit_test(tool_kind policy)
pawl_fuzz_test(policy policy)
add_test(NAME tools/policy COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/policy_gate.py)
