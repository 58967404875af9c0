# SPDX-License-Identifier: Apache-2.0
meshca_unit(rotation_crl_plan mc_rotation)
