/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST port: TLS from the terminator (certificate of the operators authority), HTTP/1.1 by
 * libmicrohttpd on the front's loop. openapi.json says what it offers.
 */
#ifndef API_REST_SERVICE_H
#define API_REST_SERVICE_H

#include "api/front.h"

struct rest_service;

/* Drops every connection at once. */
void rest_service_free(struct rest_service *service);
/* Takes over listen_fd (listening, non-blocking). Finds the operators authority in front->envs, whose
 * `tls` it sets. Returns NULL and records MC_EIO when the HTTP library refuses. */
struct rest_service *rest_service_new(struct front *front, int listen_fd)
    MC_DEALLOC(rest_service_free);
/* Accepts no more connections; requests under way are answered. */
void rest_service_drain(struct rest_service *service);
/* Clients whose request is under way or whose answer has not left; 0 only when there is neither. */
unsigned rest_service_pending(const struct rest_service *service);

#endif
