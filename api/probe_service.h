/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain HTTP for Prometheus and Kubernetes probes: /metrics, /healthz, /readyz.
 *
 * /healthz is 200 while the loop turns. /readyz is 200 when the ledger answers and every environment
 * can issue, else 503; both ways a JSON object names each part, whether it is ready,
 * and why not. The operators authority is a part, too, but its absence does
 * not make the mesh unready.
 */
#ifndef API_PROBE_SERVICE_H
#define API_PROBE_SERVICE_H

#include "api/front.h"

struct probe_service;

void probe_service_free(struct probe_service *service);
/* Takes over listen_fd (listening, non-blocking). Asks the ledger for its status and issuers every few
 * seconds for the gauges. Returns NULL and records MC_EIO when the HTTP library refuses. */
struct probe_service *probe_service_new(struct front *front, int listen_fd)
    MC_DEALLOC(probe_service_free);

#endif
