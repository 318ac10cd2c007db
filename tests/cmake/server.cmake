# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(serve_options server)
pawl_unit_test(serve_metrics server)
pawl_unit_test(serve_place server)
target_sources(test_serve_place PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/dir_syncs.c)
add_test(NAME tools/serve COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/serve_gate.py)
# What tests/serve and tests/run put between a process and its clocks; without sanitizers, as libc
# is.
add_library(clock_ahead MODULE ${CMAKE_SOURCE_DIR}/tests/lib/clock_ahead.c)
set_target_properties(clock_ahead PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY
                      ${CMAKE_BINARY_DIR}/bin)
