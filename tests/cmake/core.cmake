# SPDX-License-Identifier: Apache-2.0
# The ledger: tables, one rule each, and unit tests of the structures below them.
add_executable(table_runner
  ${CMAKE_SOURCE_DIR}/tests/core/table_runner.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_check.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_command.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_compare.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_document.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_parse.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_read.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_words.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_world.c)
target_link_libraries(table_runner PRIVATE pawl_core pawl_test_options)
add_test(NAME tables/core COMMAND table_runner ${CMAKE_SOURCE_DIR}/tests/core)

add_executable(random_walk
  ${CMAKE_SOURCE_DIR}/tests/core/random_walk.c
  ${CMAKE_SOURCE_DIR}/tests/core/random_draw.c
  ${CMAKE_SOURCE_DIR}/tests/core/walk_check.c
  ${CMAKE_SOURCE_DIR}/tests/core/table_world.c)
target_link_libraries(random_walk PRIVATE pawl_core pawl_test_options)
add_test(NAME core/random_walk COMMAND random_walk)

foreach(module api layout table index timer scope civil walk)
  pawl_unit_test(core_${module} core)
endforeach()

add_test(NAME tools/results COMMAND ${CMAKE_SOURCE_DIR}/tests/core/results_gate.py)
