# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. The JSON reader is compared with jansson's in all of them.
add_library(pawl_json_differential STATIC ${CMAKE_SOURCE_DIR}/tests/fuzz/json_differential.c)
target_include_directories(pawl_json_differential PUBLIC ${CMAKE_SOURCE_DIR}/tests/fuzz)
target_link_libraries(pawl_json_differential
  PUBLIC pawl_base PRIVATE pawl_test_options PkgConfig::JANSSON)

pawl_fuzz_test(json base json_differential)

# The same comparison over texts drawn from a seed, in every build.
if(NOT PAWL_FUZZ)
  add_executable(mutate_json ${CMAKE_SOURCE_DIR}/tests/fuzz/mutate_json.c)
  target_link_libraries(mutate_json PRIVATE pawl_json_differential pawl_test_options)
  add_test(NAME fuzz/json_mutations
    COMMAND mutate_json ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/json 20261122 40000)
endif()
pawl_fuzz_test(http_head net)
pawl_fuzz_test(http_connection net)
pawl_fuzz_test(record core journal)
