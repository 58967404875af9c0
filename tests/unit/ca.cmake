# SPDX-License-Identifier: Apache-2.0
meshca_unit(ca_csr mc_ca)
meshca_unit(ca_cert mc_ca)
meshca_unit(ca_keyfile mc_ca PkgConfig::libcrypto)
meshca_unit(ca_signer mc_ca)
add_dependencies(test_ca_signer meshca-signer)
meshca_unit(ca_key mc_ca PkgConfig::jansson)
meshca_unit(ca_der mc_ca)
meshca_unit(ca_spiffe mc_ca)
