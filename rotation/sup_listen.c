/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets: bound by the supervisor, handed to the front, bound anew when that ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rotation/sup.h"

#define BACKLOG 4096 /* 10,000 agents reconnect at once; the kernel's somaxconn is 4096 */

static int
bind_address(const struct config_address *address)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	bool is_v4 = inet_pton(AF_INET, address->host, &v4.sin_addr) == 1;
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, failed;

	if (fd < 0) {
		return -1;
	}
	failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (is_v4) {
		failed |= bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	} else if (inet_pton(AF_INET6, address->host, &v6.sin6_addr) == 1) {
		failed |= bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
	if (failed != 0 || listen(fd, BACKLOG) != 0) {
		int kept = errno;

		(void)close(fd);
		errno = kept;
		return -1;
	}
	return fd;
}

/* Binds; at a start, a busy port gets until `until_us` (boot time) to become free: a listener lives until
 * the last thread of the last process that had it is gone, which can be after its supervisor's end. */
static int
bind_patiently(const char *what, const struct config_address *address, int64_t until_us)
{
	static const struct timespec step = {.tv_nsec = LIMIT_LISTEN_RETRY_MS * 1000000L};
	int fd = bind_address(address);

	if (fd < 0 && errno == EADDRINUSE && base_clock_boot_us() < until_us) {
		base_log(LOG_LVL_WARN, "port-busy", LOG_STR("of", what), LOG_STR("host", address->host),
		    LOG_INT("port", address->port), LOG_INT("waiting_ms", LIMIT_LISTEN_WAIT_MS),
		    LOG_END);
		do {
			(void)nanosleep(&step, NULL);
			fd = bind_address(address);
		} while (fd < 0 && errno == EADDRINUSE && base_clock_boot_us() < until_us);
	}
	return fd;
}

static enum mc_err
refuse(const char *what, const struct config_address *address)
{
	if (errno == EADDRINUSE) {
		return MC_FAIL(MC_EIO, "%s: port %u on %s is in use by another program; stop that, "
		    "or change the listen address", what, (unsigned)address->port, address->host);
	}
	if (errno == EADDRNOTAVAIL) {
		return MC_FAIL(MC_EIO, "%s: %s is not an address of this machine; change the listen "
		    "address", what, address->host);
	}
	if (errno == EACCES) {
		return MC_FAIL(MC_EIO, "%s: port %u needs root; start as root or take one over 1023",
		    what, (unsigned)address->port);
	}
	return MC_FAIL(MC_EIO, "%s: listening on %s port %u: %s", what, address->host,
	    (unsigned)address->port, strerrorname_np(errno));
}

static bool
have(const struct sup *sup, enum msg_listener kind, const char *environment)
{
	for (size_t i = 0; i < sup->listener_count; i++) {
		const struct sup_listener *listener = &sup->listeners[i];

		if (listener->kind == kind &&
		    (environment == NULL || strcmp(listener->environment, environment) == 0)) {
			return true;
		}
	}
	return false;
}

static enum mc_err
add(struct sup *sup, enum msg_listener kind, const char *environment,
    const struct config_address *address, int64_t until_us)
{
	static const char *const names[] = {"", "grpc", "rest", "probes"};
	const char *what = environment != NULL ? environment : names[kind];
	struct sup_listener *listener;
	int fd;

	if (have(sup, kind, environment)) {
		return MC_OK;
	}
	fd = bind_patiently(what, address, until_us);
	if (fd < 0) {
		return refuse(what, address);
	}
	sup->listeners = base_xreallocarray(sup->listeners, sup->listener_count + 1,
	    sizeof(*sup->listeners));
	listener = &sup->listeners[sup->listener_count++];
	*listener = (struct sup_listener){.kind = kind, .address = *address, .fd = fd};
	listener->environment = environment != NULL ? base_xstrdup(environment) : NULL;
	return MC_OK;
}

static void
close_down_to(struct sup *sup, size_t count)
{
	while (sup->listener_count > count) {
		struct sup_listener *listener = &sup->listeners[--sup->listener_count];

		(void)close(listener->fd);
		free(listener->environment);
	}
}

enum mc_err
sup_listen(struct sup *sup, const struct config *config)
{
	size_t before = sup->listener_count;
	/* only while there is nobody that a wait would stall; a reload adds a port of nobody's */
	int64_t until_us = sup->procs == NULL
	    ? base_clock_boot_us() + LIMIT_LISTEN_WAIT_MS * INT64_C(1000) : 0;
	enum mc_err ret = add(sup, MSG_LISTEN_REST, NULL, &config->rest, until_us);

	if (ret == MC_OK) {
		ret = add(sup, MSG_LISTEN_PROBES, NULL, &config->probes, until_us);
	}
	for (size_t i = 0; i < config->environment_count && ret == MC_OK; i++) {
		ret = add(sup, MSG_LISTEN_GRPC, config->environments[i].name,
		    &config->environments[i].grpc, until_us);
	}
	if (ret != MC_OK) {
		close_down_to(sup, before);
	}
	return ret;
}

/* A new socket at the old one's address, which another process may still have: shut down, its port is free to
 * one that sets SO_REUSEADDR too, and it cannot listen again beside that one. */
static int
rebind(const struct sup_listener *listener)
{
	int one = 1;

	(void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)shutdown(listener->fd, SHUT_RDWR);
	return bind_address(&listener->address);
}

void
sup_listen_renew(struct sup *sup)
{
	for (size_t i = 0; i < sup->listener_count; i++) {
		struct sup_listener *listener = &sup->listeners[i];
		int fd = rebind(listener);

		if (fd < 0) {
			base_log(LOG_LVL_ERROR, "listener-not-renewed",
			    LOG_STR("host", listener->address.host),
			    LOG_INT("port", listener->address.port),
			    LOG_STR("error", strerrorname_np(errno)), LOG_END);
			(void)listen(listener->fd, BACKLOG); /* better than none */
			continue;
		}
		(void)close(listener->fd);
		listener->fd = fd;
	}
}

void
sup_listen_clear(struct sup *sup)
{
	close_down_to(sup, 0);
	free(sup->listeners);
	sup->listeners = NULL;
}

void
sup_listen_hand_over(struct sup_proc *proc, const char *environment)
{
	const struct sup *sup = proc->sup;

	for (size_t i = 0; i < sup->listener_count; i++) {
		const struct sup_listener *listener = &sup->listeners[i];
		struct msg_ctl_listener msg = {.kind = (uint8_t)listener->kind,
		    .environment = base_span_str(listener->environment)};

		if (environment == NULL || (listener->environment != NULL &&
			strcmp(environment, listener->environment) == 0)) {
			sup_proc_call(proc, MSG_CTL_LISTENER, &msg_ctl_listener_table, &msg,
			    listener->fd, NULL, NULL);
		}
	}
}
