# SPDX-License-Identifier: Apache-2.0
add_executable(bench_archive
  ${CMAKE_SOURCE_DIR}/bench/archive.c
  ${CMAKE_SOURCE_DIR}/bench/archive_feed.c
  ${CMAKE_SOURCE_DIR}/bench/archive_lists.c)
target_link_libraries(bench_archive PRIVATE pawl_archive pawl_options)
