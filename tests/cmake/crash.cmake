# SPDX-License-Identifier: Apache-2.0
# Faults at every place, and a real process killed at random ones.
add_executable(fault_sweep ${CMAKE_SOURCE_DIR}/tests/crash/fault_sweep.c)
target_link_libraries(fault_sweep PRIVATE pawl_enginekit pawl_test_options)
add_test(NAME crash/fault_sweep COMMAND fault_sweep 21)

add_executable(crash_test
  ${CMAKE_SOURCE_DIR}/tests/crash/crash_test.c
  ${CMAKE_SOURCE_DIR}/tests/crash/victim.c
  ${CMAKE_SOURCE_DIR}/tests/lib/program.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit_book.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit_rules.c)
target_include_directories(crash_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/sim)
target_link_libraries(crash_test PRIVATE pawl_engine pawl_test_options)
add_test(NAME crash/kill COMMAND crash_test --rounds=1000 --seconds=10)
