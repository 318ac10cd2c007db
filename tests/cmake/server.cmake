# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(server_zone server)
pawl_unit_test(server_wire server)
pawl_unit_test(server_lender server enginekit)
pawl_unit_test(lending server enginekit)
target_sources(test_lending PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/lending.c)
