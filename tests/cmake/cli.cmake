# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(statusline cli)
pawl_unit_test(top_layout cli)
pawl_unit_test(breach cli)
pawl_unit_test(width cli)
pawl_unit_test(values cli)
pawl_unit_test(carry cli)
