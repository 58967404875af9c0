/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners: who may connect when. Above a limit the kernel's backlog waits, nobody is refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/metrics.h"
#include "api/tls_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define TICK_US 1000000
#define WAITING_AGAIN_US (60 * INT64_C(1000000))
#define ACCEPT_BATCH 16     /* a turn of the loop takes no more */
#define HANDSHAKES_QUEUED 16 /* on the pool: requests of open connections queue behind them */
#define HANDSHAKE_US (1000000 / LIMIT_HANDSHAKES_PER_S)
#define BURST_US 100000
/* Silent clients at the full rate would hold LIMIT_HANDSHAKES_PER_S * LIMIT_HANDSHAKE_S = 12,000 of the
 * listener's connections. Above a third of that it slows down, so that they hold at most about 7,000 and
 * others get in; it does not stop. A fleet that reconnects at once stays below. */
#define HALF_OPEN_MANY 4096
#define HALF_OPEN_SLOWER 4
#define NO_DESCRIPTOR_WAIT_US 100000

static void on_listener(void *arg, unsigned events);

static void
tokens_fill(struct tls_server *server)
{
	int64_t now_us = base_loop_now_us(server->front->loop);

	server->tokens_us += now_us - server->tokens_at_us;
	server->tokens_at_us = now_us;
	if (server->tokens_us > BURST_US) {
		server->tokens_us = BURST_US;
	}
}

/* What one more handshake costs of the budget. */
static int64_t
accept_cost_us(const struct tls_server *server)
{
	return server->half_open < HALF_OPEN_MANY ? HANDSHAKE_US :
	    HANDSHAKE_US * HALF_OPEN_SLOWER;
}

static bool
may_accept(const struct tls_server *server)
{
	return server->ctx != NULL && !server->draining &&
	    server->count < server->connections_max && server->in_job < HANDSHAKES_QUEUED &&
	    server->tokens_us >= accept_cost_us(server);
}

static void
pause_listener(struct tls_server *server, int64_t wait_us)
{
	if (server->accepting) {
		base_loop_unwatch(server->front->loop, server->listen_fd);
		server->accepting = false;
		metrics_add(server->front->metrics, METRICS_HANDSHAKE_LIMITED, 1);
	}
	base_timer_set_us(server->timer, wait_us);
}

void
tls_server_resume(struct tls_server *server)
{
	if (server->accepting || server->draining) {
		return;
	}
	tokens_fill(server);
	if (may_accept(server)) {
		base_loop_watch(server->front->loop, server->listen_fd, BASE_LOOP_READ,
		    on_listener, server);
		server->accepting = true;
	}
}

static void
address_print(const struct sockaddr_storage *from, char *out, size_t len)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(out, len, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
	} else if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(out, len, "%s:%u", host, (unsigned)ntohs(in->sin_port));
	} else {
		snprintf(out, len, "local");
	}
}

static void
socket_tune(int fd)
{
	int on = 1;
	int idle_s = 60;
	int interval_s = 15;
	int count = 4;

	/* a client that vanished without a word is found within two minutes */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Returns false when there is nobody to accept now. */
static bool
accept_one(struct tls_server *server)
{
	struct sockaddr_storage from = {0};
	socklen_t from_len = sizeof(from);
	char address[64];
	int fd = accept4(server->listen_fd, (struct sockaddr *)&from, &from_len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_listener(server, NO_DESCRIPTOR_WAIT_US);
		}
		return false;
	}
	server->tokens_us -= accept_cost_us(server);
	socket_tune(fd);
	address_print(&from, address, sizeof(address));
	(void)!tls_conn_new(server, fd, address);
	return true;
}

static void
on_listener(void *arg, unsigned events)
{
	struct tls_server *server = arg;

	(void)events;
	tokens_fill(server);
	for (int i = 0; i < ACCEPT_BATCH && may_accept(server); i++) {
		if (!accept_one(server)) {
			return;
		}
	}
	if (!may_accept(server)) {
		int64_t lack_us = accept_cost_us(server) - server->tokens_us;

		pause_listener(server, lack_us > 0 ? lack_us : TICK_US);
		if (server->strangers_give_way && server->count >= server->connections_max) {
			tls_conn_shed(server);
		}
	}
}

/* Without a certificate there is no way to tell a client anything: it waits in the kernel's backlog
 * and is served once there is one. So the log tells. */
static void
tell_waiting(struct tls_server *server, int64_t now_us)
{
	struct pollfd waiting = {.fd = server->listen_fd, .events = POLLIN};
	bool sealed = server->env->signer_state == MC_ESEALED;

	if (server->ctx != NULL || server->draining ||
	    (server->told_waiting_us != 0 &&
		now_us - server->told_waiting_us < WAITING_AGAIN_US) ||
	    poll(&waiting, 1, 0) <= 0) {
		return;
	}
	server->told_waiting_us = now_us;
	base_log(LOG_LVL_WARN, "clients-wait", LOG_STR("environment", server->env->config->name),
	    LOG_STR("why", sealed ? "sealed: the listener gets its certificate when the "
				    "environment is open; run meshca unseal"
				  : "the listener has no certificate yet"), LOG_END);
}

static void
on_tick(void *arg)
{
	struct tls_server *server = arg;
	int64_t now_us = base_loop_now_us(server->front->loop);

	tls_conn_expire(server, now_us);
	tls_tickets_rotate(&server->tickets, now_us);
	tell_waiting(server, now_us);
	base_timer_set_us(server->timer, TICK_US);
	tls_server_resume(server);
}

static void
on_again(void *arg)
{
	struct tls_server *server = arg;
	struct tls_conn *list = NULL;

	/* the list may grow while its members are served: those are for the next turn */
	while (server->again != NULL) {
		struct tls_conn *conn = server->again;

		server->again = conn->again_next;
		conn->again_next = list;
		list = conn;
	}
	/* members stay marked and linked through server->again while they wait, so that one
	 * closed by another's handler leaves the list */
	server->again = list;
	for (unsigned left = server->count; left > 0 && server->again != NULL; left--) {
		struct tls_conn *conn = server->again;

		server->again = conn->again_next;
		conn->again = false;
		conn->ops->on_read(conn->self);
	}
	if (server->again != NULL) {
		base_timer_set_us(server->again_timer, 0);
	}
}

struct tls_server *
tls_server_new(const struct tls_server_options *options)
{
	struct tls_server *server = base_xcalloc(1, sizeof(*server));
	struct base_loop *loop = options->front->loop;

	server->front = options->front;
	server->env = options->env;
	server->alpn = options->alpn;
	server->listen_fd = options->listen_fd;
	server->connections_max = options->connections_max;
	server->strangers_give_way = options->strangers_give_way;
	server->on_conn = options->on_conn;
	server->self = options->self;
	server->dns_name_count = options->dns_name_count;
	server->dns_names = base_xcalloc(options->dns_name_count, sizeof(char *));
	for (size_t i = 0; i < options->dns_name_count; i++) {
		server->dns_names[i] = base_xstrdup(options->dns_names[i]);
	}
	server->tokens_us = BURST_US;
	server->tokens_at_us = base_loop_now_us(loop);
	server->timer = base_timer_new(loop, on_tick, server);
	server->again_timer = base_timer_new(loop, on_again, server);
	tls_tickets_init(&server->tickets, base_clock_boot_us());
	base_timer_set_us(server->timer, TICK_US);
	tls_cert_start(server);
	return server;
}

void
tls_server_drain(struct tls_server *server)
{
	server->draining = true;
	if (server->accepting) {
		base_loop_unwatch(server->front->loop, server->listen_fd);
		server->accepting = false;
	}
	if (server->listen_fd >= 0) {
		close(server->listen_fd);
		server->listen_fd = -1;
	}
}

void
tls_server_free(struct tls_server *server)
{
	if (server == NULL) {
		return;
	}
	tls_server_drain(server);
	for (int state = TLS_CONN_HANDSHAKE; state <= TLS_CONN_LINGER; state++) {
		struct tls_conn *conn = server->lists[state].first;

		while (conn != NULL) {
			struct tls_conn *next = conn->next;

			tls_conn_free(conn);
			conn = next;
		}
	}
	/* handshakes on the pool end within a millisecond or two */
	while (server->in_job > 0) {
		base_loop_turn(server->front->loop, 10);
	}
	tls_cert_stop(server);
	base_timer_free(server->timer);
	base_timer_free(server->again_timer);
	SSL_CTX_free(server->ctx);
	tls_tickets_clear(&server->tickets);
	for (size_t i = 0; i < server->dns_name_count; i++) {
		free(server->dns_names[i]);
	}
	free(server->dns_names);
	free(server);
}

bool
tls_server_is_certified(const struct tls_server *server)
{
	return server->ctx != NULL && base_clock_now() < server->cert.not_after_at;
}

void
tls_server_reload(struct tls_server *server)
{
	enum mc_err err;

	if (server->ctx == NULL) {
		return;
	}
	err = tls_context_build(server);
	if (err != MC_OK) {
		base_log_err(LOG_LVL_ERROR, "listener-reload-failed", err);
	}
}

unsigned
tls_server_connections(const struct tls_server *server)
{
	return server->count;
}
