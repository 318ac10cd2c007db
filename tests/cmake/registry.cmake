# SPDX-License-Identifier: Apache-2.0
# Tenants, keys and policies: what is read from the ledger's documents, and what follows from it.
pawl_unit_test(registry_scopes registry)
pawl_unit_test(registry registry enginekit)
pawl_fuzz_test(documents registry)
