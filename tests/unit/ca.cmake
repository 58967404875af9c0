# SPDX-License-Identifier: Apache-2.0
meshca_unit(ca_csr mc_ca)
meshca_unit(ca_cert mc_ca)
meshca_unit(ca_keyfile mc_ca PkgConfig::libcrypto)
