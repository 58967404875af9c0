/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC services. One object of each for each environment's listener. */
#ifndef API_SVC_H
#define API_SVC_H

#include "api/grpc.h"

/* istio.v1.auth.IstioCertificateService/CreateCertificate */
struct svc_create;

/* Nothing is under way any more: svc_create_pending() is 0. */
void svc_create_free(struct svc_create *svc);
struct svc_create *svc_create_new(struct front *front, struct front_env *env)
    MC_DEALLOC(svc_create_free);
/* env->config changed. Keeps the old keys and returns MC_ECONFIG when the new ones are not good. */
enum mc_err svc_create_reload(struct svc_create *svc) MC_MUST_CHECK;
void svc_create_start(struct svc_create *svc, struct grpc_call *call);
void svc_create_cancel(struct svc_create *svc, struct grpc_call *call);
/* Requests that wait, are under way, and verdicts kept. */
unsigned svc_create_waiting(const struct svc_create *svc);
unsigned svc_create_under_way(const struct svc_create *svc);
size_t svc_create_verdicts(const struct svc_create *svc);

/* grpc.health.v1.Health/Check and Watch */
void svc_health_check(const struct front *front, const struct front_env *env,
    struct grpc_call *call);
void svc_health_watch(struct grpc_call *call);

#endif
