# SPDX-License-Identifier: Apache-2.0
meshca_unit(store_dedup mc_store)
meshca_unit(store_entry mc_store)
meshca_unit(store_ledger mc_store PkgConfig::sqlite3)
target_sources(test_store_ledger PRIVATE ${CMAKE_SOURCE_DIR}/tests/fault/vfs_drop.c)
meshca_unit(store_sqlite_admin mc_store)
meshca_unit(store_sqlite_intent mc_store)
meshca_unit(store_sqlite_read mc_store)
meshca_unit(store_sqlite_schema mc_store PkgConfig::sqlite3)
meshca_unit(store_verify mc_store PkgConfig::sqlite3)

add_executable(bench_store ${CMAKE_SOURCE_DIR}/tests/bench/bench_store.c)
target_compile_definitions(bench_store PRIVATE _GNU_SOURCE)
target_link_libraries(bench_store PRIVATE meshca_warnings meshca_hardening mc_store PkgConfig::check)
set_target_properties(bench_store PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

meshca_unit(store_fault mc_store PkgConfig::sqlite3)
target_sources(test_store_fault PRIVATE ${CMAKE_SOURCE_DIR}/tests/fault/vfs_drop.c)
