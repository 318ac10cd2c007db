# SPDX-License-Identifier: Apache-2.0
# bench/gateway.py drives both.
add_executable(gateway_load ${CMAKE_SOURCE_DIR}/bench/gateway_load.c)
target_link_libraries(gateway_load PRIVATE pawl_base pawl_options)
include(${CMAKE_SOURCE_DIR}/tests/cmake/gateway_host.cmake)
add_executable(bench_tokenizer ${CMAKE_SOURCE_DIR}/bench/tokenizer.c)
target_link_libraries(bench_tokenizer PRIVATE pawl_gateway pawl_options)
# Starts a gateway_host that lies beside it.
add_executable(overshoot
  ${CMAKE_SOURCE_DIR}/bench/overshoot.c
  ${CMAKE_SOURCE_DIR}/bench/overshoot_dialect.c
  ${CMAKE_SOURCE_DIR}/bench/overshoot_draw.c
  ${CMAKE_SOURCE_DIR}/bench/overshoot_provider.c
  ${CMAKE_SOURCE_DIR}/bench/overshoot_world.c)
target_link_libraries(overshoot PRIVATE pawl_base pawl_options)
add_dependencies(overshoot gateway_host)
# A bounded share of it is a test: what it holds to has nothing to do with speed.
if(PAWL_TESTS)
  add_test(NAME bench/overshoot
    COMMAND overshoot --check --mode=auto --runs=1 --streams=1,8,128 --pace=20000,0)
endif()
