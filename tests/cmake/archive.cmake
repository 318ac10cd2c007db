# SPDX-License-Identifier: Apache-2.0
# The read model of reservations, against a plain model of the same history.
add_library(pawl_archivekit STATIC ${CMAKE_SOURCE_DIR}/tests/lib/archive_model.c)
target_link_libraries(pawl_archivekit PUBLIC pawl_archive pawl_testkit)

pawl_unit_test(archive_lists archivekit)
pawl_unit_test(archive_plans archive)
pawl_unit_test(archive_rows archive)
pawl_unit_test(archive_life archivekit enginekit)
