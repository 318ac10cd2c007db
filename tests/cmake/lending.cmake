# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(lending_zone lending)
pawl_unit_test(lending_wire lending)
pawl_unit_test(lending_authority lending)
target_sources(test_lending_authority PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/dir_syncs.c)
pawl_unit_test(lending_lender lending enginekit)
pawl_unit_test(lending lending enginekit)
target_sources(test_lending PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/lending.c)
# Who is killed in it gives no memory back: leaks are not looked for, nor by clang's sanitizer.
if(CMAKE_CROSSCOMPILING_EMULATOR)
  set_property(TARGET test_lending APPEND PROPERTY CROSSCOMPILING_EMULATOR --leak-check=no)
endif()
