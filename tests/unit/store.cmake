# SPDX-License-Identifier: Apache-2.0
meshca_unit(store_sqlite_intent mc_store)
meshca_unit(store_ledger mc_store)
