# SPDX-License-Identifier: Apache-2.0
# bench/net.py drives it.
include(${CMAKE_SOURCE_DIR}/tests/cmake/listener_host.cmake)
