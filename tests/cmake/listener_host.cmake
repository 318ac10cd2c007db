# SPDX-License-Identifier: Apache-2.0
# A server of src/net on its own: for the black-box tests of listeners and for bench/net.py, which
# is built without tests too.
if(NOT TARGET listener_host)
  add_executable(listener_host ${CMAKE_SOURCE_DIR}/tests/http/listener_host.c)
  target_link_libraries(listener_host PRIVATE pawl_net pawl_options)
endif()
