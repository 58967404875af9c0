/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct tls_client {
	SSL_CTX *ctx;
	SSL *ssl;
	char *host;
	char *port;
	int64_t deadline_us;
	int fd;
};

void
tls_client_free(struct tls_client *client)
{
	if (client == NULL) {
		return;
	}
	if (client->ssl != NULL && SSL_is_init_finished(client->ssl)) {
		(void)SSL_shutdown(client->ssl);
	}
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
	if (client->fd >= 0) {
		(void)close(client->fd);
	}
	free(client->host);
	free(client->port);
	free(client);
	ERR_clear_error();
}

const char *
tls_client_host(const struct tls_client *client)
{
	return client->host;
}

/* "host:port" or "[v6]:port". */
static enum mc_err
split_address(struct tls_client *client, const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (colon == NULL || colon == address || colon[1] == '\0' ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
		return MC_FAIL(MC_EUSAGE, "%s is not an address; write host:port", address);
	}
	len = (size_t)(colon - address);
	if (address[0] == '[' && len > 2 && address[len - 1] == ']') {
		client->host = base_xstrndup(address + 1, len - 2);
	} else {
		client->host = base_xstrndup(address, len);
	}
	client->port = base_xstrdup(colon + 1);
	return MC_OK;
}

static enum mc_err
wait_fd(struct tls_client *client, short events)
{
	for (;;) {
		struct pollfd pfd = {.fd = client->fd, .events = events};
		int64_t left_us = client->deadline_us - base_clock_boot_us();
		int got;

		if (left_us <= 0) {
			return MC_FAIL(MC_EDEADLINE, "%s:%s did not answer in time; a sealed environment does not, "
			    "meshca status on the server says so", client->host, client->port);
		}
		got = poll(&pfd, 1, (int)(left_us / 1000 + 1));
		if (got > 0) {
			return MC_OK;
		}
		if (got < 0 && errno != EINTR) {
			return MC_FAIL(MC_EIO, "poll: %s", strerror(errno));
		}
	}
}

static enum mc_err
connect_one(struct tls_client *client, const struct addrinfo *ai)
{
	socklen_t len = sizeof(int);
	enum mc_err ret;
	int failure = 0;

	client->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0) {
		return MC_FAIL(MC_EIO, "socket: %s", strerror(errno));
	}
	if (connect(client->fd, ai->ai_addr, ai->ai_addrlen) == 0) {
		return MC_OK;
	}
	failure = errno;
	if (failure == EINPROGRESS) {
		ret = wait_fd(client, POLLOUT);
		if (ret != MC_OK) {
			return ret;
		}
		failure = 0;
		(void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
	}
	if (failure != 0) {
		return MC_FAIL(MC_EPEER, "%s:%s: %s", client->host, client->port,
		    strerror(failure));
	}
	return MC_OK;
}

static enum mc_err
connect_any(struct tls_client *client)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	enum mc_err ret = MC_EPEER;
	int bad = getaddrinfo(client->host, client->port, &hints, &list);

	if (bad != 0) {
		return MC_FAIL(MC_EPEER, "%s: %s", client->host, gai_strerror(bad));
	}
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		ret = connect_one(client, ai);
		if (ret == MC_OK) {
			break;
		}
		if (client->fd >= 0) {
			(void)close(client->fd);
			client->fd = -1;
		}
	}
	freeaddrinfo(list);
	return ret;
}

/* After an SSL call that returned ret <= 0: waits if it only wants the socket. */
static enum mc_err
ssl_wait(struct tls_client *client, int ret, const char *what)
{
	char text[160];
	long verify;

	switch (SSL_get_error(client->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return wait_fd(client, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_fd(client, POLLOUT);
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return MC_FAIL(MC_EPEER, "%s: the server closed the connection", what);
	default:
		break;
	}
	verify = SSL_get_verify_result(client->ssl);
	if (!SSL_is_init_finished(client->ssl) && verify != X509_V_OK) {
		ERR_clear_error();
		return MC_FAIL(MC_EPOLICY, "the server is not trusted: %s",
		    X509_verify_cert_error_string(verify));
	}
	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	return MC_FAIL(MC_EPEER, "%s: %s", what, text);
}

static enum mc_err
context_new(struct tls_client *client, const struct tls_client_options *options)
{
	client->ctx = SSL_CTX_new(TLS_client_method());
	if (client->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(client->ctx, TLS1_3_VERSION) != 1) {
		return MC_FAIL(MC_ECRYPTO, "no TLS context");
	}
	SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_file(client->ctx, options->ca_file) != 1) {
		ERR_clear_error();
		return MC_FAIL(MC_EIO, "%s holds no readable trust anchors", options->ca_file);
	}
	if (options->cert_file != NULL) {
		const char *key =
		    options->key_file != NULL ? options->key_file : options->cert_file;

		if (SSL_CTX_use_certificate_chain_file(client->ctx, options->cert_file) != 1 ||
		    SSL_CTX_use_PrivateKey_file(client->ctx, key, SSL_FILETYPE_PEM) != 1) {
			ERR_clear_error();
			return MC_FAIL(MC_EIO, "%s and %s are not a certificate and its key",
			    options->cert_file, key);
		}
	}
	return MC_OK;
}

static bool
set_server_name(SSL *ssl, const char *name)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	}
	/* The macro casts const away. */
	return SSL_set1_host(ssl, name) == 1 &&
	    SSL_set_tlsext_host_name(ssl, (void *)(uintptr_t)name) == 1;
}

static enum mc_err
handshake(struct tls_client *client, const char *server_name)
{
	static const unsigned char ALPN[] = {2, 'h', '2'};
	const unsigned char *chosen = NULL;
	unsigned int len = 0;

	client->ssl = SSL_new(client->ctx);
	if (client->ssl == NULL || SSL_set_fd(client->ssl, client->fd) != 1 ||
	    SSL_set_alpn_protos(client->ssl, ALPN, sizeof(ALPN)) != 0 ||
	    !set_server_name(client->ssl, server_name)) {
		return MC_FAIL(MC_ECRYPTO, "no TLS connection for %s", server_name);
	}
	for (;;) {
		int ret = SSL_connect(client->ssl);
		enum mc_err err;

		if (ret == 1) {
			break;
		}
		err = ssl_wait(client, ret, "TLS handshake");
		if (err != MC_OK) {
			return err;
		}
	}
	SSL_get0_alpn_selected(client->ssl, &chosen, &len);
	if (len != 2 || chosen[0] != 'h' || chosen[1] != '2') {
		return MC_FAIL(MC_EPOLICY, "the server does not speak HTTP/2 there");
	}
	return MC_OK;
}

struct tls_client *
tls_client_connect(const struct tls_client_options *options)
{
	struct tls_client *client = base_xcalloc(1, sizeof(*client));
	enum mc_err err;

	client->fd = -1;
	client->deadline_us = base_clock_boot_us() + (int64_t)options->timeout_ms * 1000;
	err = split_address(client, options->address);
	if (err == MC_OK) {
		err = context_new(client, options);
	}
	if (err == MC_OK) {
		err = connect_any(client);
	}
	if (err == MC_OK) {
		err = handshake(client,
		    options->server_name != NULL ? options->server_name : client->host);
	}
	if (err != MC_OK) {
		tls_client_free(client);
		return NULL;
	}
	return client;
}

enum mc_err
tls_client_write(struct tls_client *client, struct base_span bytes)
{
	while (bytes.len > 0) {
		int want = bytes.len > 16384 ? 16384 : (int)bytes.len;
		int done = SSL_write(client->ssl, bytes.ptr, want);

		if (done > 0) {
			bytes = base_span_of(bytes.ptr + done, bytes.len - (size_t)done);
		} else {
			enum mc_err err = ssl_wait(client, done, "sending");

			if (err != MC_OK) {
				return err;
			}
		}
	}
	return MC_OK;
}

enum mc_err
tls_client_read(struct tls_client *client, uint8_t *ptr, size_t max, size_t *len)
{
	int want = max > 16384 ? 16384 : (int)max;

	for (;;) {
		int got = SSL_read(client->ssl, ptr, want);
		enum mc_err err;

		if (got > 0) {
			*len = (size_t)got;
			return MC_OK;
		}
		if (SSL_get_error(client->ssl, got) == SSL_ERROR_ZERO_RETURN) {
			*len = 0;
			return MC_OK;
		}
		err = ssl_wait(client, got, "receiving");
		if (err != MC_OK) {
			return err;
		}
	}
}
