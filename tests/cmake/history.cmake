# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(history history)
target_sources(test_history PRIVATE ${CMAKE_SOURCE_DIR}/tests/lib/history_feed.c)
