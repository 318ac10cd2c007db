# SPDX-License-Identifier: Apache-2.0
add_executable(bench_core ${CMAKE_SOURCE_DIR}/bench/core.c)
target_link_libraries(bench_core PRIVATE pawl_core pawl_options)
