# SPDX-License-Identifier: Apache-2.0
# Unit tests of src/remote; the whole way to a server and back is in tests/cli/servers.py.
pawl_unit_test(remote_choices remote)
pawl_unit_test(remote_words remote)
