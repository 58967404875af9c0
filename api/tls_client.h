/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking TLS 1.3 client connection with a deadline, for the command only. ALPN
 * offers h2 and nothing else.
 */
#ifndef API_TLS_CLIENT_H
#define API_TLS_CLIENT_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct tls_client_options {
	const char *address;     /* host:port or [v6]:port */
	const char *server_name; /* verified DNS name or IP; NULL: the host of address */
	const char *ca_file;     /* trust anchors, PEM */
	const char *cert_file;   /* client certificate chain, PEM; NULL: none */
	const char *key_file;    /* its key; NULL: in cert_file */
	int timeout_ms;          /* for everything from connect to the last byte */
};

struct tls_client;

void tls_client_free(struct tls_client *client);
/* Connects and verifies the server. NULL with the failure recorded: MC_EUSAGE (address),
 * MC_EIO (files), MC_EPEER or MC_EDEADLINE (nobody there), MC_EPOLICY (not trusted, no h2). */
struct tls_client *tls_client_connect(const struct tls_client_options *options)
    MC_DEALLOC(tls_client_free);
/* Host part of the address, as given to the constructor. */
const char *tls_client_host(const struct tls_client *client);
/* Writes all. MC_OK, MC_EPEER or MC_EDEADLINE. */
enum mc_err tls_client_write(struct tls_client *client, struct base_span bytes) MC_MUST_CHECK;
/* Reads what is there, at least one byte; *len is 0 at the end of the stream.
 * MC_OK, MC_EPEER (also an alert of the server), MC_EDEADLINE. */
enum mc_err tls_client_read(struct tls_client *client, uint8_t *ptr, size_t max, size_t *len)
    MC_MUST_CHECK;

#endif
