# SPDX-License-Identifier: Apache-2.0
add_executable(bench_journal ${CMAKE_SOURCE_DIR}/bench/journal.c)
target_link_libraries(bench_journal PRIVATE pawl_engine pawl_options)
