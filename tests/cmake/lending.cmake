# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(lending_zone lending)
pawl_unit_test(lending_wire lending)
pawl_unit_test(lending_lender lending enginekit)
pawl_unit_test(lending lending enginekit)
target_sources(test_lending PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/lending.c)
