# SPDX-License-Identifier: Apache-2.0
meshca_unit(rotation_crl_plan mc_rotation)
meshca_unit(rotation_sup_keys mc_rotation)
meshca_unit(rotation_sup_listen mc_rotation)
meshca_unit(rotation_sup_status mc_rotation)
