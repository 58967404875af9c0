/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC listeners: one for each environment, with its own certificate, callers and queue. */
#ifndef API_GRPC_SERVICE_H
#define API_GRPC_SERVICE_H

#include "api/front.h"

struct grpc_service;

/* Drops every connection; waits for workers that are busy with a request. */
void grpc_service_free(struct grpc_service *service);
struct grpc_service *grpc_service_new(struct front *front) MC_DEALLOC(grpc_service_free);
/* Takes over listen_fd (also on failure). Sets env->tls. Returns MC_OK, MC_ECONFIG (an environment's keys),
 * or MC_ECONFLICT: it has a listener. */
enum mc_err grpc_service_listen(struct grpc_service *service, struct front_env *env,
    int listen_fd) MC_MUST_CHECK;
/* The configuration was replaced. Returns MC_ECONFIG when an environment's keys are not
 * good; that one keeps its old keys. */
enum mc_err grpc_service_reload(struct grpc_service *service) MC_MUST_CHECK;
/* No new connections; GOAWAY; requests under way are answered. */
void grpc_service_drain(struct grpc_service *service);
/* Connections and requests that are not over. */
unsigned grpc_service_pending(const struct grpc_service *service);

/* For base_pool_new(): what the services' jobs need on each worker. */
void *grpc_service_worker_new(void *arg);
void grpc_service_worker_free(void *worker);

#endif
