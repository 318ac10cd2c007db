# SPDX-License-Identifier: Apache-2.0
# pawl_layer(NAME SOURCES a.c b.c … DEPENDS layer … [LIBRARIES target …])
#
# Files include each other as "layer/header.h". Each layer gets an include root that holds
# nothing but a link to its own folder, and a target sees only its own root and those of what
# it depends on.
function(pawl_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${root}/${name} SYMBOLIC)
  add_library(pawl_${name} STATIC ${ARG_SOURCES})
  target_include_directories(pawl_${name} PUBLIC ${root})
  foreach(dependency ${ARG_DEPENDS})
    target_link_libraries(pawl_${name} PUBLIC pawl_${dependency})
  endforeach()
  target_link_libraries(pawl_${name} PUBLIC ${ARG_LIBRARIES} PRIVATE pawl_options)
endfunction()
