# SPDX-License-Identifier: Apache-2.0
# The ledger: tables, one rule each, and unit tests of the structures below them.
add_executable(table_runner
  ${CMAKE_SOURCE_DIR}/tests/core/table_runner.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_check.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_command.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_parse.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_world.c)
target_link_libraries(table_runner PRIVATE pawl_core pawl_test_options)
add_test(NAME tables/core COMMAND table_runner ${CMAKE_SOURCE_DIR}/tests/core)

foreach(module table index timer civil)
  pawl_unit_test(core_${module} core)
endforeach()

add_test(NAME tools/results COMMAND ${CMAKE_SOURCE_DIR}/tests/core/results_gate.py)
