# SPDX-License-Identifier: Apache-2.0
# Unit tests of src/base.
foreach(module
  alloc arena assert buf clock cond crc32c err file_os fingerprint hash json_get json_outline
  json_read json_write log money percent prng slice utf8)
  pawl_unit_test(${module} base)
endforeach()
target_sources(test_file_os PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/dir_syncs.c)
target_link_libraries(test_hash PRIVATE PkgConfig::SODIUM)
