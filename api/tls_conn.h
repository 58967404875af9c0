/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS connection over the loop, after its handshake: non-blocking, bounded. */
#ifndef API_TLS_CONN_H
#define API_TLS_CONN_H

#include <sys/types.h>

#include "api/tls_server.h"

struct tls_conn_ops {
	/* There may be bytes: call tls_conn_read() until it gives 0, or tls_conn_again(). */
	void (*on_read)(void *self);
	/* What tls_conn_write() had to keep has gone out. */
	void (*on_drained)(void *self);
};

/* Adopts a connection in on_conn; on_read is called soon for bytes that came with the handshake. */
void tls_conn_adopt(struct tls_conn *conn, const struct tls_conn_ops *ops, void *self);
/* Returns the bytes read (> 0), 0 when there are none now, -1 at the end or after an error. */
ssize_t tls_conn_read(struct tls_conn *conn, void *buf, size_t len);
/* Calls on_read again in a later turn, so that one busy client does not hold the loop. */
void tls_conn_again(struct tls_conn *conn);
/* Takes all bytes: writes what the socket takes and keeps the rest, which the caller bounds by
 * writing no more while tls_conn_is_blocked(). Returns MC_OK or MC_EPEER. */
enum mc_err tls_conn_write(struct tls_conn *conn, const void *ptr, size_t len) MC_MUST_CHECK;
bool tls_conn_is_blocked(const struct tls_conn *conn);
/* Stops or resumes reading from the socket. */
void tls_conn_want_read(struct tls_conn *conn, bool want);
const struct tls_peer *tls_conn_peer(const struct tls_conn *conn);
/* The adopter is done: the rest goes out within a few seconds, then the connection is freed. No
 * callback comes any more. */
void tls_conn_close(struct tls_conn *conn);

#endif
