# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(run_keeper run)
pawl_unit_test(run_tree run)
