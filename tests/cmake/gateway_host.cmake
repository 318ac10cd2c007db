# SPDX-License-Identifier: Apache-2.0
# The gateway on its own: for the black-box suites of tests/http, and for the benchmarks, which are
# built without tests too.
if(NOT TARGET gateway_host)
  add_executable(gateway_host ${CMAKE_SOURCE_DIR}/tests/http/gateway_host.c
    ${CMAKE_SOURCE_DIR}/tests/http/gateway_host_options.c)
  target_link_libraries(gateway_host PRIVATE pawl_gateway pawl_options)
endif()
