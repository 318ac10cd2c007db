# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(run_caps run)
pawl_unit_test(run_datadir run)
pawl_unit_test(run_environ run)
pawl_unit_test(run_keeper run)
pawl_unit_test(run_terminal run)
pawl_unit_test(run_tree run)
pawl_unit_test(run_worktree run)
