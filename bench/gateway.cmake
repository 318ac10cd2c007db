# SPDX-License-Identifier: Apache-2.0
# bench/gateway.py drives both; gateway_host is built by tests/, so tests must be on.
add_executable(gateway_load ${CMAKE_SOURCE_DIR}/bench/gateway_load.c)
target_link_libraries(gateway_load PRIVATE pawl_base pawl_options)
