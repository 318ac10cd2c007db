# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(serve_options server)
pawl_unit_test(serve_metrics server)
pawl_unit_test(serve_place server)
add_test(NAME tools/serve COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/serve_gate.py)
