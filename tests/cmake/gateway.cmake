# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(sse gateway)
pawl_unit_test(route gateway)
pawl_unit_test(estimate gateway)
