# SPDX-License-Identifier: Apache-2.0
# What tests of the layers from core upwards share: drawn commands, the simulated disk.
add_library(pawl_testkit STATIC
  ${CMAKE_SOURCE_DIR}/tests/lib/batches.c
  ${CMAKE_SOURCE_DIR}/tests/lib/disk.c
  ${CMAKE_SOURCE_DIR}/tests/lib/disk_files.c
  ${CMAKE_SOURCE_DIR}/tests/lib/disk_store.c
  ${CMAKE_SOURCE_DIR}/tests/lib/disk_vfs.c
  ${CMAKE_SOURCE_DIR}/tests/lib/generate.c)
target_link_libraries(pawl_testkit PUBLIC pawl_journal pawl_test_options)

foreach(module codec record journal_files journal_segments journal_syncs
  journal_sqlite)
  pawl_unit_test(${module} testkit)
endforeach()
pawl_unit_test(journal_copy journal)
pawl_unit_test(pack journal)
pawl_unit_test(sha256 journal)
target_link_libraries(test_sha256 PRIVATE PkgConfig::SODIUM)
