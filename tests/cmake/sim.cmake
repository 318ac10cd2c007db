# SPDX-License-Identifier: Apache-2.0
# The simulator: build/<preset>/bin/pawl_sim. A bounded share of it runs with the tests: the
# seeds that once found something, and a few seconds of new ones.
add_executable(pawl_sim
  ${CMAKE_SOURCE_DIR}/tests/lib/program.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit_book.c
  ${CMAKE_SOURCE_DIR}/tests/sim/audit_rules.c
  ${CMAKE_SOURCE_DIR}/tests/sim/clients.c
  ${CMAKE_SOURCE_DIR}/tests/sim/main.c
  ${CMAKE_SOURCE_DIR}/tests/sim/world.c)
target_link_libraries(pawl_sim PRIVATE pawl_testkit pawl_engine pawl_test_options)
add_test(NAME sim/seeds
  COMMAND pawl_sim --ops=1500 --seeds=${CMAKE_SOURCE_DIR}/tests/sim/seeds.txt)
add_test(NAME sim/new COMMAND pawl_sim --ops=1500 --seconds=4)
