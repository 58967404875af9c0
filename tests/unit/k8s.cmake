# SPDX-License-Identifier: Apache-2.0
meshca_unit(k8s_template mc_k8s)
