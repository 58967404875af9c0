/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plaintext over a socket pair for a service with its own HTTP stack, which sees requests through
 * the guard (api/http_guard.h). Both directions are bounded: what one side does not take
 * stops the reading of the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_guard.h"
#include "api/tls_conn.h"
#include "base/limits.h"
#include "base/mem.h"

#define CHUNK (8 * 1024)
#define CHUNKS_AT_ONCE 8 /* read from one client in a turn when none of it passes */

struct client {
	struct tls_terminator *term;
	struct client *prev, *next;
	struct tls_conn *conn;
	int inner_fd;        /* ours */
	int outer_fd;        /* the service's: the key of the look-up, never used */
	unsigned interest;
	bool tls_eof;        /* the client sends no more, or the service takes no more */
	struct http_guard guard;
	struct base_buf held; /* decrypted and passed, not taken by the service yet */
	size_t held_at;       /* bytes of it that the service has */
};

struct tls_terminator {
	struct front *front;
	struct tls_server *server;
	tls_terminator_fn on_client;
	void *self;
	struct client *clients;
	struct client **by_fd;
	size_t by_fd_count;
};

static void
client_free(struct client *client)
{
	struct tls_terminator *term = client->term;

	base_loop_unwatch(term->front->loop, client->inner_fd);
	close(client->inner_fd);
	/* the service may have closed its end and got the same number for a newer client */
	if (term->by_fd[client->outer_fd] == client) {
		term->by_fd[client->outer_fd] = NULL;
	}
	if (client->prev != NULL) {
		client->prev->next = client->next;
	} else {
		term->clients = client->next;
	}
	if (client->next != NULL) {
		client->next->prev = client->prev;
	}
	tls_conn_close(client->conn);
	http_guard_clear(&client->guard);
	base_buf_clear(&client->held);
	base_freezero(client, sizeof(*client));
}

static void
interest_set(struct client *client)
{
	unsigned interest = tls_conn_is_blocked(client->conn) ? 0 : BASE_LOOP_READ;

	if (client->held.len > 0) {
		interest |= BASE_LOOP_WRITE;
	}
	if (interest != client->interest) {
		base_loop_interest(client->term->front->loop, client->inner_fd, interest);
		client->interest = interest;
	}
}

/* Gives held bytes to the service. When its end is closed they are of no use; what it answered before
 * is still read. */
static void
held_send(struct client *client)
{
	while (client->held_at < client->held.len) {
		ssize_t n = send(client->inner_fd, client->held.ptr + client->held_at,
		    client->held.len - client->held_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n < 0) {
			client->tls_eof = true;
			tls_conn_want_read(client->conn, false);
			break;
		}
		client->held_at += (size_t)n;
	}
	base_buf_reset(&client->held);
	client->held_at = 0;
}

static void
on_tls_read(void *arg)
{
	struct client *client = arg;
	uint8_t bytes[CHUNK];

	for (int chunks = 0; client->held.len == 0 && !client->tls_eof; chunks++) {
		ssize_t n = chunks == CHUNKS_AT_ONCE
		    ? 0
		    : tls_conn_read(client->conn, bytes, sizeof(bytes));

		if (chunks == CHUNKS_AT_ONCE) {
			tls_conn_again(client->conn);
		}
		if (n == 0) {
			break;
		}
		if (n < 0) {
			/* the service sees EOF, may finish its answer, then closes */
			client->tls_eof = true;
			tls_conn_want_read(client->conn, false);
			shutdown(client->inner_fd, SHUT_WR);
			break;
		}
		http_guard_feed(&client->guard, base_span_of(bytes, (size_t)n), &client->held);
		held_send(client);
	}
	if (!client->tls_eof) {
		tls_conn_want_read(client->conn, client->held.len == 0);
	}
	interest_set(client);
}

static void
on_tls_drained(void *arg)
{
	interest_set(arg);
}

static void
on_inner(void *arg, unsigned events)
{
	struct client *client = arg;
	uint8_t buf[CHUNK];
	ssize_t n;

	if (events & BASE_LOOP_WRITE) {
		held_send(client);
		if (client->held.len == 0 && !client->tls_eof) {
			/* TLS may hold decrypted bytes that no socket event announces */
			tls_conn_again(client->conn);
		}
	}
	if ((events & (BASE_LOOP_READ | BASE_LOOP_HUP)) && !tls_conn_is_blocked(client->conn)) {
		n = recv(client->inner_fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			client_free(client);
			return;
		}
		if (n > 0 && tls_conn_write(client->conn, buf, (size_t)n) != MC_OK) {
			client_free(client);
			return;
		}
	}
	interest_set(client);
}

static void
by_fd_set(struct tls_terminator *term, int fd, struct client *client)
{
	size_t need = (size_t)fd + 1;

	if (need > term->by_fd_count) {
		term->by_fd = base_xreallocarray(term->by_fd, need, sizeof(*term->by_fd));
		for (size_t i = term->by_fd_count; i < need; i++) {
			term->by_fd[i] = NULL;
		}
		term->by_fd_count = need;
	}
	term->by_fd[fd] = client;
}

static void
on_conn(void *arg, struct tls_conn *conn)
{
	static const struct tls_conn_ops ops = {
	    .on_read = on_tls_read,
	    .on_drained = on_tls_drained,
	};
	struct tls_terminator *term = arg;
	struct client *client;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
		tls_conn_close(conn);
		return;
	}
	client = base_xcalloc(1, sizeof(*client));
	client->term = term;
	client->conn = conn;
	client->inner_fd = pair[0];
	client->outer_fd = pair[1];
	http_guard_init(&client->guard);
	base_buf_init(&client->held, CHUNK + LIMIT_HTTP_HEAD);
	client->next = term->clients;
	if (term->clients != NULL) {
		term->clients->prev = client;
	}
	term->clients = client;
	client->interest = BASE_LOOP_READ;
	base_loop_watch(term->front->loop, client->inner_fd, client->interest, on_inner, client);
	by_fd_set(term, pair[1], client);
	tls_conn_adopt(conn, &ops, client);
	term->on_client(term->self, pair[1], tls_conn_peer(conn));
}

struct tls_terminator *
tls_terminator_new(const struct tls_server_options *options, tls_terminator_fn on_client,
    void *self)
{
	struct tls_terminator *term = base_xcalloc(1, sizeof(*term));
	struct tls_server_options own = *options;

	term->front = options->front;
	term->on_client = on_client;
	term->self = self;
	own.on_conn = on_conn;
	own.self = term;
	term->server = tls_server_new(&own);
	return term;
}

const struct tls_peer *
tls_terminator_peer(const struct tls_terminator *term, int fd)
{
	if (fd < 0 || (size_t)fd >= term->by_fd_count || term->by_fd[fd] == NULL) {
		return NULL;
	}
	return tls_conn_peer(term->by_fd[fd]->conn);
}

void
tls_terminator_drain(struct tls_terminator *term)
{
	tls_server_drain(term->server);
}

unsigned
tls_terminator_unread(const struct tls_terminator *term)
{
	unsigned count = 0;

	for (const struct client *client = term->clients; client != NULL; client = client->next) {
		int waiting = 0;

		if (tls_conn_is_blocked(client->conn) ||
		    (ioctl(client->inner_fd, FIONREAD, &waiting) == 0 && waiting > 0)) {
			count++;
		}
	}
	return count;
}

struct tls_server *
tls_terminator_server(struct tls_terminator *term)
{
	return term->server;
}

void
tls_terminator_free(struct tls_terminator *term)
{
	if (term == NULL) {
		return;
	}
	while (term->clients != NULL) {
		client_free(term->clients);
	}
	tls_server_free(term->server);
	free(term->by_fd);
	free(term);
}
