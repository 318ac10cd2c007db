# SPDX-License-Identifier: Apache-2.0
# Unit tests of src/engine. They share an engine on a simulated disk.
add_library(pawl_enginekit STATIC
  ${CMAKE_SOURCE_DIR}/tests/lib/kit.c
  ${CMAKE_SOURCE_DIR}/tests/lib/kit_work.c
  ${CMAKE_SOURCE_DIR}/tests/lib/older.c)
target_link_libraries(pawl_enginekit PUBLIC pawl_testkit pawl_engine)

foreach(module borrow_wait engine_batches engine_commit engine_fold engine_ids engine_lazy
  engine_restart engine_retention engine_slew engine_upgrade
  engine_verify)
  pawl_unit_test(${module} enginekit)
endforeach()
