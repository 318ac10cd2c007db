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
# … those with TLS a client of their own.
add_library(pawl_test_net_secure STATIC ${CMAKE_SOURCE_DIR}/tests/unit/test_net_secure.c)
target_link_libraries(pawl_test_net_secure
  PUBLIC pawl_test_net PkgConfig::OPENSSL PRIVATE pawl_test_options PkgConfig::CMOCKA)
foreach(module handshakes intake probes secure_ends secure_traffic)
  pawl_unit_test(net_${module} test_net_secure)
endforeach()
foreach(module client client_breaks client_ends due large limits listen loop refusals server
    server_ends times tls wake)
  pawl_unit_test(net_${module} test_net)
endforeach()
target_link_libraries(test_net_tls PRIVATE PkgConfig::OPENSSL Threads::Threads)

# curl.c once more, looking for a library that is not there.
pawl_unit_test(net_curl base)
target_sources(test_net_curl PRIVATE ${CMAKE_SOURCE_DIR}/src/net/curl.c)
target_include_directories(test_net_curl PRIVATE
  $<TARGET_PROPERTY:pawl_net,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_definitions(test_net_curl PRIVATE PAWL_CURL_LIBRARY="libcurl-of-nobody.so.4")
target_link_libraries(test_net_curl PRIVATE Threads::Threads ${CMAKE_DL_LIBS})

include(${CMAKE_SOURCE_DIR}/tests/cmake/listener_host.cmake)
add_test(NAME net/listeners
  COMMAND ${CMAKE_SOURCE_DIR}/tests/http/listeners.py $<TARGET_FILE:listener_host>)
