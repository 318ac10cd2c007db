# SPDX-License-Identifier: Apache-2.0
# Unit tests of src/net.
foreach(module guard reader)
  pawl_unit_test(net_${module} net)
endforeach()
# Those with sockets share a loop, raw connections and records of calls.
add_library(pawl_test_net STATIC
  ${CMAKE_SOURCE_DIR}/tests/unit/test_net_support.c
  ${CMAKE_SOURCE_DIR}/tests/unit/test_net_calls.c)
target_link_libraries(pawl_test_net PUBLIC pawl_net PRIVATE pawl_test_options PkgConfig::CMOCKA)
foreach(module client client_ends limits loop probes server tls)
  pawl_unit_test(net_${module} test_net)
endforeach()
target_link_libraries(test_net_tls PRIVATE Threads::Threads)
