# SPDX-License-Identifier: Apache-2.0
# Unit tests of src/net.
foreach(module guard reader)
  pawl_unit_test(net_${module} net)
endforeach()
# Those with sockets share a loop and raw connections.
foreach(module client limits loop probes server tls)
  pawl_unit_test(net_${module} net)
  target_sources(test_net_${module} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/test_net_support.c)
endforeach()
target_link_libraries(test_net_tls PRIVATE Threads::Threads)
