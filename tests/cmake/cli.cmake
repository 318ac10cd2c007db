# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(statusline cli)
