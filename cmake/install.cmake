# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where: the program, its licence, and what the program prints about
# itself: the manual page and the completions, which therefore cannot disagree with it.
include(GNUInstallDirs)
if(TARGET pawl)
  install(TARGETS pawl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # pawl_install_printed(FILE FOLDER argument …): what `pawl argument …` prints.
  function(pawl_install_printed file folder)
    set(printed ${CMAKE_BINARY_DIR}/printed/${file})
    install(CODE "
      file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/printed)
      execute_process(COMMAND \"$<TARGET_FILE:pawl>\" ${ARGN}
        OUTPUT_FILE ${printed} COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES ${printed} DESTINATION ${folder})
  endfunction()
  pawl_install_printed(pawl.1 ${CMAKE_INSTALL_MANDIR}/man1 man)
  set(share ${CMAKE_INSTALL_DATADIR})
  pawl_install_printed(pawl ${share}/bash-completion/completions completion bash)
  pawl_install_printed(_pawl ${share}/zsh/site-functions completion zsh)
  pawl_install_printed(pawl.fish ${share}/fish/vendor_completions.d completion fish)
endif()
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/data/prices.LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
