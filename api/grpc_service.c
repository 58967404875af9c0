/* SPDX-License-Identifier: Apache-2.0 */
#include "api/grpc_service.h"

#include <stdlib.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/svc_int.h"
#include "api/tls_server.h"
#include "base/mem.h"

#define GAUGES_US 1000000

struct port {
	struct grpc_service *service;
	struct front_env *env;
	struct svc_create *create;
	struct grpc_server *grpc;
	struct tls_server *tls;
};

struct grpc_service {
	struct front *front;
	struct base_timer *timer;
	struct port *ports[LIMIT_ENVIRONMENTS];
	size_t port_count;
};

static void
create_start(void *self, struct grpc_call *call)
{
	struct port *port = self;

	svc_create_start(port->create, call);
}

static void
create_cancel(void *self, struct grpc_call *call)
{
	struct port *port = self;

	svc_create_cancel(port->create, call);
}

static void
health_check(void *self, struct grpc_call *call)
{
	struct port *port = self;

	svc_health_check(port->service->front, port->env, call);
}

static void
health_watch(void *self, struct grpc_call *call)
{
	(void)self;
	svc_health_watch(call);
}

/* Health checks are answered at once: nothing is left to cancel. */
static void
health_cancel(void *self, struct grpc_call *call)
{
	(void)self;
	(void)call;
}

static const struct grpc_method METHODS[] = {
    {"/istio.v1.auth.IstioCertificateService/CreateCertificate", create_start, create_cancel},
    {"/grpc.health.v1.Health/Check", health_check, health_cancel},
    {"/grpc.health.v1.Health/Watch", health_watch, health_cancel},
    {NULL, NULL, NULL},
};

static void
on_timer(void *self)
{
	struct grpc_service *service = self;
	struct metrics *metrics = service->front->metrics;
	int64_t waiting = 0;
	int64_t under_way = 0;
	int64_t verdicts = 0;

	for (size_t i = 0; i < service->port_count; i++) {
		waiting += svc_create_waiting(service->ports[i]->create);
		under_way += svc_create_under_way(service->ports[i]->create);
		verdicts += (int64_t)svc_create_verdicts(service->ports[i]->create);
	}
	metrics_set(metrics, METRICS_ADMISSION_QUEUE, waiting);
	metrics_set(metrics, METRICS_IN_FLIGHT, under_way);
	metrics_set(metrics, METRICS_TOKEN_CACHE, verdicts);
	base_timer_set_us(service->timer, GAUGES_US);
}

struct grpc_service *
grpc_service_new(struct front *front)
{
	struct grpc_service *service = base_xcalloc(1, sizeof(*service));

	service->front = front;
	service->timer = base_timer_new(front->loop, on_timer, service);
	base_timer_set_us(service->timer, GAUGES_US);
	return service;
}

static void
port_free(struct port *port)
{
	struct base_loop *loop = port->service->front->loop;

	port->env->tls = NULL;
	grpc_server_free(port->grpc);
	/* requests cancelled just now may still be with a worker or wait for an answer */
	while (svc_create_under_way(port->create) > 0) {
		base_loop_turn(loop, 10);
	}
	svc_create_free(port->create);
	tls_server_free(port->tls);
	free(port);
}

void
grpc_service_free(struct grpc_service *service)
{
	if (service == NULL) {
		return;
	}
	for (size_t i = 0; i < service->port_count; i++) {
		port_free(service->ports[i]);
	}
	base_timer_free(service->timer);
	free(service);
}

static bool
has_listener(const struct grpc_service *service, const struct front_env *env)
{
	for (size_t i = 0; i < service->port_count; i++) {
		if (service->ports[i]->env == env) {
			return true;
		}
	}
	return false;
}

enum mc_err
grpc_service_listen(struct grpc_service *service, struct front_env *env, int listen_fd)
{
	struct tls_server_options options = {
	    .front = service->front,
	    .env = env,
	    .listen_fd = listen_fd,
	    .alpn = TLS_ALPN_H2,
	    .dns_names = env->config->dns_names,
	    .dns_name_count = env->config->dns_name_count,
	    .connections_max = LIMIT_CONNECTIONS,
	    .on_conn = grpc_server_adopt,
	};
	struct svc_create *create;
	struct port *port;

	if (has_listener(service, env) || service->port_count == LIMIT_ENVIRONMENTS) {
		close(listen_fd);
		return MC_FAIL(MC_ECONFLICT, "%s has a listener", env->config->name);
	}
	create = svc_create_new(service->front, env);
	if (create == NULL) {
		close(listen_fd);
		return MC_ECONFIG;
	}
	port = base_xcalloc(1, sizeof(*port));
	port->service = service;
	port->env = env;
	port->create = create;
	port->grpc = grpc_server_new(service->front, METHODS, port);
	options.self = port->grpc;
	port->tls = tls_server_new(&options);
	env->tls = port->tls;
	service->ports[service->port_count++] = port;
	return MC_OK;
}

enum mc_err
grpc_service_reload(struct grpc_service *service)
{
	enum mc_err ret = MC_OK;

	for (size_t i = 0; i < service->port_count; i++) {
		enum mc_err err = svc_create_reload(service->ports[i]->create);

		ret = ret == MC_OK ? err : ret;
	}
	return ret;
}

void
grpc_service_drain(struct grpc_service *service)
{
	for (size_t i = 0; i < service->port_count; i++) {
		tls_server_drain(service->ports[i]->tls);
		grpc_server_drain(service->ports[i]->grpc);
	}
}

unsigned
grpc_service_pending(const struct grpc_service *service)
{
	unsigned count = 0;

	for (size_t i = 0; i < service->port_count; i++) {
		count += grpc_server_connections(service->ports[i]->grpc) +
		    svc_create_under_way(service->ports[i]->create);
	}
	return count;
}

void *
grpc_service_worker_new(void *arg)
{
	return issue_worker_new(arg);
}

void
grpc_service_worker_free(void *worker)
{
	issue_worker_free(worker);
}
