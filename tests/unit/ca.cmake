# SPDX-License-Identifier: Apache-2.0
meshca_unit(ca_cert mc_ca)
meshca_unit(ca_cert_view mc_ca)
meshca_unit(ca_crl mc_ca)
meshca_unit(ca_csr mc_ca)
meshca_unit(ca_issuer mc_ca)
meshca_unit(ca_keyfile mc_ca PkgConfig::libcrypto)
meshca_unit(ca_signer_main mc_ca)
add_dependencies(test_ca_signer_main meshca-signer)
set_tests_properties(unit/ca_signer_main PROPERTIES TIMEOUT 180)
# The signer's parts, in the test's own process.
foreach(part crl issue ledger policy seal user)
  meshca_unit(ca_signer_${part} mc_signer PkgConfig::libcrypto)
endforeach()
# Some 15 times scrypt.
set_tests_properties(unit/ca_signer_seal PROPERTIES TIMEOUT 180)
meshca_unit(ca_key mc_ca PkgConfig::jansson)
meshca_unit(ca_key_rsa mc_ca)
# It makes keys of up to 4096 bits, and primes.
set_tests_properties(unit/ca_key_rsa PROPERTIES TIMEOUT 180)
meshca_unit(ca_der mc_ca)
meshca_unit(ca_oid mc_ca)
meshca_unit(ca_spiffe mc_ca)
meshca_unit(ca_spki mc_ca)
# The signer must not be able to make a CA: no code, no profile, no name of one.
add_test(NAME ca/no_ca_profile COMMAND /usr/bin/python3
  ${CMAKE_SOURCE_DIR}/tests/integ/test_no_ca_profile.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(ca/no_ca_profile PROPERTIES TIMEOUT 60)
meshca_unit(ca_ceremony_files mc_ceremony PkgConfig::libcrypto)
foreach(part act ledger main)
  meshca_unit(ca_ceremony_${part} mc_ceremony PkgConfig::libcrypto)
  add_dependencies(test_ca_ceremony_${part} meshca-ceremony meshca-ledger)
endforeach()
meshca_unit(ca_ca_cert mc_ceremony PkgConfig::libcrypto)

# Run by hand: what an issuance's steps cost.
add_executable(bench_ca EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/bench/bench_ca.c)
target_link_libraries(bench_ca PRIVATE meshca_warnings meshca_hardening mc_ca)

# It makes an RSA-4096 key and pays for scrypt in each of 30 runs.
set_tests_properties(unit/ca_ceremony_main PROPERTIES TIMEOUT 240)
# Some 15 times scrypt.
set_tests_properties(unit/ca_ceremony_act PROPERTIES TIMEOUT 180)
