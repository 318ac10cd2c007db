# SPDX-License-Identifier: Apache-2.0
# The protocol without a socket, over an engine on a simulated disk.
add_library(pawl_cycleskit STATIC
  ${CMAKE_SOURCE_DIR}/tests/lib/cycles_archive.c
  ${CMAKE_SOURCE_DIR}/tests/lib/cycles_kit.c)
target_link_libraries(pawl_cycleskit PUBLIC pawl_cycles pawl_enginekit)

foreach(module cycles_admin cycles_requests cycles_holds cycles_settling cycles_reads)
  pawl_unit_test(${module} cycleskit)
endforeach()
