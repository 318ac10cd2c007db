# SPDX-License-Identifier: Apache-2.0
# bench/serve.py drives it. No network code of ours is in it.
add_executable(serve_load
  ${CMAKE_SOURCE_DIR}/bench/serve_load.c
  ${CMAKE_SOURCE_DIR}/bench/serve_answer.c
  ${CMAKE_SOURCE_DIR}/bench/serve_drive.c
  ${CMAKE_SOURCE_DIR}/bench/serve_setup.c
  ${CMAKE_SOURCE_DIR}/bench/serve_stats.c
  ${CMAKE_SOURCE_DIR}/bench/serve_sync.c
  ${CMAKE_SOURCE_DIR}/bench/serve_text.c)
target_link_libraries(serve_load PRIVATE pawl_base pawl_options)
