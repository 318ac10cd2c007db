# SPDX-License-Identifier: Apache-2.0
# The protocol without a socket, over an engine on a simulated disk.
add_library(pawl_cycleskit STATIC
  ${CMAKE_SOURCE_DIR}/tests/lib/answers.c
  ${CMAKE_SOURCE_DIR}/tests/lib/cycles_archive.c
  ${CMAKE_SOURCE_DIR}/tests/lib/cycles_kit.c)
target_link_libraries(pawl_cycleskit PUBLIC pawl_cycles pawl_enginekit)

foreach(module cycles_admin cycles_governed cycles_requests cycles_holds cycles_settling
    cycles_reads cycles_bodies cycles_large cycles_lists)
  pawl_unit_test(${module} cycleskit)
endforeach()

# The fuzzer's requests are drawn by the shapes that routes take.
add_library(pawl_cyclesdraw STATIC ${CMAKE_SOURCE_DIR}/tests/fuzz/cycles_draw.c)
target_include_directories(pawl_cyclesdraw PUBLIC ${CMAKE_SOURCE_DIR}/tests/fuzz)
target_link_libraries(pawl_cyclesdraw PUBLIC pawl_cycles PRIVATE pawl_test_options)
pawl_fuzz_test(cycles cycleskit cyclesdraw)

# docs/API.md is what the server is compiled of.
add_executable(api_reference ${CMAKE_SOURCE_DIR}/tools/api_reference.c)
target_link_libraries(api_reference PRIVATE pawl_cycles pawl_options)
add_test(NAME docs/api COMMAND api_reference --check ${CMAKE_SOURCE_DIR}/docs/API.md)
