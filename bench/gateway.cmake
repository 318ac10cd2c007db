# SPDX-License-Identifier: Apache-2.0
# bench/gateway.py drives both. The host is that of the suites in tests/http, which are not part
# of a build without tests.
add_executable(gateway_load ${CMAKE_SOURCE_DIR}/bench/gateway_load.c)
target_link_libraries(gateway_load PRIVATE pawl_base pawl_options)
if(NOT TARGET gateway_host)
  add_executable(gateway_host ${CMAKE_SOURCE_DIR}/tests/http/gateway_host.c)
  target_link_libraries(gateway_host PRIVATE pawl_gateway pawl_options)
endif()
add_executable(bench_tokenizer ${CMAKE_SOURCE_DIR}/bench/tokenizer.c)
target_link_libraries(bench_tokenizer PRIVATE pawl_gateway pawl_options)
