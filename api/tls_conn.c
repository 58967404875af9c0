/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes run on the crypto pool: 0.35 to 1.5 ms each would hold every other client of
 * the loop. While a worker has the SSL object, the descriptor is not watched and nobody else
 * touches the connection but to mark it dead.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "api/metrics.h"
#include "api/tls_int.h"
#include "base/clock.h"
#include "base/mem.h"

#define WRITE_MAX (1 << 30)

static void on_event(void *arg, unsigned events);

static void
list_add(struct tls_conn *conn, enum tls_conn_state state)
{
	struct tls_conn_list *list = &conn->server->lists[state];

	conn->server->half_open += state == TLS_CONN_HANDSHAKE;
	conn->state = state;
	conn->since_us = base_loop_now_us(conn->server->front->loop);
	conn->next = NULL;
	conn->prev = list->last;
	if (list->last != NULL) {
		list->last->next = conn;
	} else {
		list->first = conn;
	}
	list->last = conn;
}

static void
list_remove(struct tls_conn *conn)
{
	struct tls_conn_list *list = &conn->server->lists[conn->state];

	conn->server->half_open -= conn->state == TLS_CONN_HANDSHAKE;
	if (conn->prev != NULL) {
		conn->prev->next = conn->next;
	} else {
		list->first = conn->next;
	}
	if (conn->next != NULL) {
		conn->next->prev = conn->prev;
	} else {
		list->last = conn->prev;
	}
}

static void
again_remove(struct tls_conn *conn)
{
	struct tls_conn **link = &conn->server->again;

	while (*link != NULL && *link != conn) {
		link = &(*link)->again_next;
	}
	if (*link == conn) {
		*link = conn->again_next;
	}
	conn->again = false;
}

static void
watch(struct tls_conn *conn, unsigned interest)
{
	struct base_loop *loop = conn->server->front->loop;

	if (!conn->watched) {
		base_loop_watch(loop, conn->fd, interest, on_event, conn);
		conn->watched = true;
	} else if (interest != conn->interest) {
		base_loop_interest(loop, conn->fd, interest);
	}
	conn->interest = interest;
}

static void
unwatch(struct tls_conn *conn)
{
	if (conn->watched) {
		base_loop_unwatch(conn->server->front->loop, conn->fd);
		conn->watched = false;
	}
}

void
tls_conn_free(struct tls_conn *conn)
{
	struct tls_server *server;

	if (conn == NULL) {
		return;
	}
	server = conn->server;
	unwatch(conn);
	if (conn->in_job) {
		conn->dead = true;
		return;
	}
	if (conn->again) {
		again_remove(conn);
	}
	list_remove(conn);
	SSL_free(conn->ssl);
	close(conn->fd);
	base_buf_clear(&conn->pending);
	OPENSSL_free(conn->peer_cert);
	free(conn->peer_uri);
	free(conn);
	server->count--;
	tls_server_resume(server);
}

static void
handshake_run(struct base_job *job, void *worker)
{
	struct tls_conn *conn = (struct tls_conn *)job;
	int rc;

	(void)worker;
	ERR_clear_error();
	rc = SSL_do_handshake(conn->ssl);
	conn->handshake_error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(conn->ssl, rc);
	ERR_clear_error();
}

static bool
alpn_ok(struct tls_conn *conn)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(conn->ssl, &name, &len);
	return len > 0 || conn->server->alpn == TLS_ALPN_HTTP11;
}

static void
handshake_count(const struct tls_conn *conn)
{
	struct metrics *metrics = conn->server->front->metrics;

	metrics_add(metrics, METRICS_HANDSHAKE_OK, 1);
	if (SSL_session_reused(conn->ssl)) {
		metrics_add(metrics, METRICS_HANDSHAKE_RESUMED, 1);
	}
	metrics_observe_us(metrics, METRICS_HANDSHAKE, base_clock_boot_us() - conn->since_us);
}

static void
handshake_done(struct base_job *job)
{
	struct tls_conn *conn = (struct tls_conn *)job;
	struct tls_server *server = conn->server;

	conn->in_job = false;
	server->in_job--;
	tls_server_resume(server);
	if (conn->dead) {
		tls_conn_free(conn);
	} else if (conn->handshake_error == SSL_ERROR_WANT_READ) {
		watch(conn, BASE_LOOP_READ);
	} else if (conn->handshake_error == SSL_ERROR_WANT_WRITE) {
		watch(conn, BASE_LOOP_WRITE);
	} else if (conn->handshake_error != SSL_ERROR_NONE || !alpn_ok(conn) ||
	    server->draining) {
		metrics_add(server->front->metrics, METRICS_HANDSHAKE_FAILED, 1);
		tls_conn_free(conn);
	} else {
		handshake_count(conn);
		list_remove(conn);
		list_add(conn, TLS_CONN_OPEN);
		tls_peer_fill(conn);
		conn->want_read = true;
		watch(conn, BASE_LOOP_READ);
		server->on_conn(server->self, conn);
	}
}

static void
handshake_submit(struct tls_conn *conn)
{
	unwatch(conn);
	conn->in_job = true;
	conn->server->in_job++;
	conn->job.run = handshake_run;
	conn->job.done = handshake_done;
	base_pool_submit(conn->server->front->pool, &conn->job);
}

struct tls_conn *
tls_conn_new(struct tls_server *server, int fd, const char *address)
{
	struct tls_conn *conn;
	SSL *ssl = SSL_new(server->ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		close(fd);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	conn = base_xcalloc(1, sizeof(*conn));
	conn->server = server;
	conn->ssl = ssl;
	conn->fd = fd;
	base_buf_init(&conn->pending, TLS_PENDING_MAX);
	snprintf(conn->peer.address, sizeof(conn->peer.address), "%s", address);
	list_add(conn, TLS_CONN_HANDSHAKE);
	server->count++;
	watch(conn, BASE_LOOP_READ);
	return conn;
}

void
tls_conn_adopt(struct tls_conn *conn, const struct tls_conn_ops *ops, void *self)
{
	conn->ops = ops;
	conn->self = self;
	tls_conn_again(conn);
}

ssize_t
tls_conn_read(struct tls_conn *conn, void *buf, size_t len)
{
	int want = len > WRITE_MAX ? WRITE_MAX : (int)len;
	int n;
	int err;

	if (conn->broken) {
		return -1;
	}
	ERR_clear_error();
	n = SSL_read(conn->ssl, buf, want);
	if (n > 0) {
		return n;
	}
	err = SSL_get_error(conn->ssl, n);
	ERR_clear_error();
	return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void
tls_conn_again(struct tls_conn *conn)
{
	if (!conn->again) {
		conn->again = true;
		conn->again_next = conn->server->again;
		conn->server->again = conn;
		base_timer_set_us(conn->server->again_timer, 0);
	}
}

/* Returns the bytes that TLS took, or -1 when the connection is broken. */
static ssize_t
write_some(struct tls_conn *conn, const uint8_t *ptr, size_t len)
{
	size_t done = 0;

	ERR_clear_error();
	while (done < len) {
		int chunk = len - done > WRITE_MAX ? WRITE_MAX : (int)(len - done);
		int n = SSL_write(conn->ssl, ptr + done, chunk);
		int err;

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		err = SSL_get_error(conn->ssl, n);
		ERR_clear_error();
		if (err != SSL_ERROR_WANT_WRITE && err != SSL_ERROR_WANT_READ) {
			return -1;
		}
		break;
	}
	return (ssize_t)done;
}

static unsigned
interest_now(const struct tls_conn *conn)
{
	unsigned interest = conn->want_read ? BASE_LOOP_READ : 0;

	return conn->pending.len > 0 ? interest | BASE_LOOP_WRITE : interest;
}

enum mc_err
tls_conn_write(struct tls_conn *conn, const void *ptr, size_t len)
{
	const uint8_t *bytes = ptr;
	size_t done = 0;

	if (conn->pending.len == 0) {
		ssize_t n = write_some(conn, bytes, len);

		if (n < 0) {
			return MC_FAIL(MC_EPEER, "TLS write failed");
		}
		done = (size_t)n;
	}
	if (done < len) {
		base_buf_append(&conn->pending, bytes + done, len - done);
		if (base_buf_failed(&conn->pending)) {
			return MC_FAIL(MC_EPEER, "client reads too slowly");
		}
		watch(conn, interest_now(conn));
	}
	return MC_OK;
}

bool
tls_conn_is_blocked(const struct tls_conn *conn)
{
	return conn->pending.len > 0;
}

void
tls_conn_want_read(struct tls_conn *conn, bool want)
{
	if (conn->want_read != want) {
		conn->want_read = want;
		watch(conn, interest_now(conn));
	}
}

const struct tls_peer *
tls_conn_peer(const struct tls_conn *conn)
{
	return &conn->peer;
}

/* Sends what is pending. Returns false when the connection broke. */
static bool
pending_flush(struct tls_conn *conn)
{
	ssize_t n;

	if (conn->pending.len == 0) {
		return true;
	}
	n = write_some(conn, conn->pending.ptr, conn->pending.len);
	if (n < 0) {
		return false;
	}
	base_buf_consume(&conn->pending, (size_t)n);
	if (conn->pending.len == 0) {
		base_buf_clear(&conn->pending);
	}
	return true;
}

/* A closed connection: sends the rest and close_notify, then waits for the client's end, because
 * closing with unread bytes would make the kernel reset what the client has not yet read. */
static void
linger(struct tls_conn *conn)
{
	uint8_t waste[1024];
	ssize_t n;

	if (conn->broken || !pending_flush(conn)) {
		tls_conn_free(conn);
		return;
	}
	if (conn->pending.len == 0 && !conn->shut) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
		shutdown(conn->fd, SHUT_WR);
		conn->shut = true;
	}
	n = read(conn->fd, waste, sizeof(waste));
	if (n == 0) {
		conn->want_read = false;
	}
	if ((n == 0 && conn->shut) || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		tls_conn_free(conn);
		return;
	}
	watch(conn, interest_now(conn));
}

void
tls_conn_close(struct tls_conn *conn)
{
	if (conn == NULL) {
		return;
	}
	conn->ops = NULL;
	if (conn->again) {
		again_remove(conn);
	}
	list_remove(conn);
	list_add(conn, TLS_CONN_LINGER);
	conn->want_read = true;
	linger(conn);
}

static void
on_event(void *arg, unsigned events)
{
	struct tls_conn *conn = arg;
	const struct tls_conn_ops *ops = conn->ops;

	if (conn->state == TLS_CONN_HANDSHAKE) {
		handshake_submit(conn);
		return;
	}
	if (conn->state == TLS_CONN_LINGER) {
		if (events & BASE_LOOP_HUP) {
			tls_conn_free(conn);
		} else {
			linger(conn);
		}
		return;
	}
	if ((events & BASE_LOOP_HUP) && !conn->want_read && conn->pending.len == 0) {
		/* a level-triggered event that nobody takes now: the next read tells */
		unwatch(conn);
		return;
	}
	if ((events & (BASE_LOOP_WRITE | BASE_LOOP_HUP)) && conn->pending.len > 0) {
		/* a broken connection shows at the next read */
		if (!pending_flush(conn)) {
			base_buf_clear(&conn->pending);
			conn->broken = true;
			events |= BASE_LOOP_READ;
		}
		watch(conn, interest_now(conn));
		if (conn->pending.len == 0) {
			/* may close conn: the read is for a later turn */
			if (events & (BASE_LOOP_READ | BASE_LOOP_HUP)) {
				tls_conn_again(conn);
			}
			ops->on_drained(conn->self);
			return;
		}
	}
	if (events & (BASE_LOOP_READ | BASE_LOOP_HUP)) {
		ops->on_read(conn->self);
	}
}

/* The oldest of a list that a worker has not and that showed no certificate of ours. */
static struct tls_conn *
oldest_stranger(const struct tls_server *server, enum tls_conn_state state)
{
	struct tls_conn *conn = server->lists[state].first;

	while (conn != NULL && (conn->in_job || conn->broken || conn->peer.verified)) {
		conn = conn->next;
	}
	return conn;
}

void
tls_conn_shed(struct tls_server *server)
{
	struct tls_conn *closed = oldest_stranger(server, TLS_CONN_LINGER);
	struct tls_conn *silent = oldest_stranger(server, TLS_CONN_HANDSHAKE);
	struct tls_conn *open = oldest_stranger(server, TLS_CONN_OPEN);

	if (closed != NULL) {
		tls_conn_free(closed);
	} else if (silent != NULL && (open == NULL || silent->since_us <= open->since_us)) {
		tls_conn_free(silent);
	} else if (open != NULL) {
		open->broken = true;
		base_buf_clear(&open->pending);
		open->ops->on_read(open->self);
	}
}

void
tls_conn_expire(struct tls_server *server, int64_t now_us)
{
	static const struct {
		enum tls_conn_state state;
		int64_t max_us;
	} rules[] = {{TLS_CONN_HANDSHAKE, LIMIT_HANDSHAKE_S * (int64_t)1000000},
	    {TLS_CONN_LINGER, TLS_LINGER_S * (int64_t)1000000}};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct tls_conn *conn = server->lists[rules[i].state].first;

		while (conn != NULL && now_us - conn->since_us > rules[i].max_us) {
			struct tls_conn *next = conn->next;

			tls_conn_free(conn);
			conn = next;
		}
	}
}
