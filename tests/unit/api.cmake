# SPDX-License-Identifier: Apache-2.0
meshca_unit(api_metrics mc_api)
meshca_unit(api_jose mc_api)
meshca_unit(api_bundle mc_api)
meshca_unit(api_problem mc_api)
meshca_unit(api_rest_router mc_api)
