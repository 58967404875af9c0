# SPDX-License-Identifier: Apache-2.0
meshca_unit(k8s_traps mc_k8s)
meshca_unit(k8s_template mc_k8s)
meshca_unit(k8s_schema mc_k8s)
meshca_unit(k8s_inventory mc_k8s)
meshca_unit(k8s_inventory_lint mc_k8s)
meshca_unit(k8s_inventory_resolve mc_k8s)
meshca_unit(k8s_generate mc_k8s)
meshca_unit(k8s_generate_write mc_k8s)
