# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where: the program, its manual pages, its completions, its licence.
include(GNUInstallDirs)
if(TARGET pawl)
  install(TARGETS pawl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(page pawl.1)
  if(EXISTS ${CMAKE_SOURCE_DIR}/docs/man/${page})
    install(FILES ${CMAKE_SOURCE_DIR}/docs/man/${page}
      DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
endforeach()
if(EXISTS ${CMAKE_SOURCE_DIR}/tools/completions/pawl.bash)
  install(FILES ${CMAKE_SOURCE_DIR}/tools/completions/pawl.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME pawl)
endif()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EXISTS ${CMAKE_SOURCE_DIR}/NOTICE)
  install(FILES ${CMAKE_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
