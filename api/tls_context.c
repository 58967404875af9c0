/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenSSL context of a listener. It is made anew when the certificate or the anchors change;
 * open connections keep the one they began with. Ticket keys live outside of it, so
 * that tickets survive the change.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "api/tls_int.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/rd.h"

static void
ticket_key_make(struct tls_ticket_key *key)
{
	base_crypto_random(key->name, sizeof(key->name));
	base_crypto_random(key->aes, sizeof(key->aes));
	base_crypto_random(key->mac, sizeof(key->mac));
	key->set = true;
}

void
tls_tickets_init(struct tls_tickets *tickets, int64_t now_us)
{
	pthread_mutex_init(&tickets->lock, NULL);
	ticket_key_make(&tickets->now);
	tickets->made_us = now_us;
}

void
tls_tickets_clear(struct tls_tickets *tickets)
{
	OPENSSL_cleanse(&tickets->now, sizeof(tickets->now));
	OPENSSL_cleanse(&tickets->before, sizeof(tickets->before));
	pthread_mutex_destroy(&tickets->lock);
}

void
tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_us)
{
	if (now_us - tickets->made_us < TLS_TICKET_ROTATE_S * (int64_t)1000000) {
		return;
	}
	pthread_mutex_lock(&tickets->lock);
	tickets->before = tickets->now;
	ticket_key_make(&tickets->now);
	tickets->made_us = now_us;
	pthread_mutex_unlock(&tickets->lock);
}

static bool
mac_set(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end()};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* Returns 1 to go on, 2 to go on and renew the ticket, 0 for a ticket we do not know, -1. */
static int
ticket_key_use(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct tls_ticket_key key;
	int ret = 1;

	pthread_mutex_lock(&server->tickets.lock);
	key = server->tickets.now;
	if (!encrypt && memcmp(name, key.name, sizeof(key.name)) != 0) {
		key = server->tickets.before;
		ret = 2;
	}
	pthread_mutex_unlock(&server->tickets.lock);
	if (encrypt) {
		base_copy(name, key.name, sizeof(key.name));
		base_crypto_random(iv, 16);
		if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) != 1 ||
		    !mac_set(mac, &key)) {
			ret = -1;
		}
	} else if (!key.set || memcmp(name, key.name, sizeof(key.name)) != 0) {
		ret = 0;
	} else if (!mac_set(mac, &key) ||
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.aes, iv) != 1) {
		ret = -1;
	}
	OPENSSL_cleanse(&key, sizeof(key));
	return ret;
}

static int
alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	const struct tls_server *server = arg;
	const char *want = server->alpn == TLS_ALPN_H2 ? "h2" : "http/1.1";
	size_t want_len = strlen(want);

	(void)ssl;
	for (unsigned i = 0; i < in_len && i + 1u + in[i] <= in_len; i += 1u + in[i]) {
		if (in[i] == want_len && memcmp(in + i + 1, want, want_len) == 0) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A bad client certificate does not end the handshake: Istio's agents hold an old one beside a
 * valid token. The verdict stays with the session, and the service refuses by name. */
static int
client_verify(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	if (X509_verify_cert(store) != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
	}
	return 1;
}

/* certs: each le32 length, DER. Only self-signed ones end a chain: partial chains are not on. */
static bool
store_add(X509_STORE *store, struct base_span certs)
{
	struct base_rd rd;

	base_rd_init(&rd, certs);
	while (rd.left > 0 && !rd.failed) {
		struct base_span der = base_rd_bytes(&rd, base_rd_le32(&rd));
		const unsigned char *ptr = der.ptr;
		X509 *cert;
		int ok;

		if (rd.failed) {
			break;
		}
		cert = d2i_X509(NULL, &ptr, (long)der.len);
		ok = cert != NULL && X509_STORE_add_cert(store, cert);
		X509_free(cert);
		if (!ok) {
			return false;
		}
	}
	return !rd.failed;
}

static bool
ctx_clients(SSL_CTX *ctx, const struct tls_server *server)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL || !store_add(store, server->env->anchors) ||
	    !store_add(store, server->env->issuers)) {
		X509_STORE_free(store);
		return false;
	}
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, client_verify, NULL);
	SSL_CTX_set_verify_depth(ctx, 3);
	return true;
}

static bool
ctx_policy(SSL_CTX *ctx, struct tls_server *server)
{
	static const char label[] = "meshca-tls-session";
	struct base_span pieces[] = {base_span_of(label, sizeof(label)),
	    base_span_str(server->env->config->name)};
	uint8_t sid[BASE_SHA256_LEN];
	char groups[] = "X25519:P-256:P-384"; /* its macro casts const away */

	/* OpenSSL takes up to 32 bytes: a session of one environment never opens another's */
	base_crypto_sha256v(pieces, 2, sid);
	SSL_CTX_set_app_data(ctx, server);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TLS_TICKET_ROTATE_S);
	SSL_CTX_set_alpn_select_cb(ctx, alpn_select, server);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
	                                  "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	    SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	    SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	    SSL_CTX_set_session_id_context(ctx, sid, sizeof(sid)) == 1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key_use) == 1;
}

static bool
ctx_certificate(SSL_CTX *ctx, const struct tls_cert *cert)
{
	return SSL_CTX_use_certificate(ctx, cert->leaf) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, cert->key) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1 &&
	    SSL_CTX_add1_chain_cert(ctx, cert->issuer) == 1;
}

enum mc_err
tls_context_build(struct tls_server *server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || !ctx_policy(ctx, server) || !ctx_clients(ctx, server) ||
	    !ctx_certificate(ctx, &server->cert)) {
		unsigned long err = ERR_peek_last_error();
		const char *reason = ERR_reason_error_string(err);

		SSL_CTX_free(ctx);
		ERR_clear_error();
		return MC_FAIL(MC_ECRYPTO, "TLS context: %s", reason ? reason : "refused");
	}
	SSL_CTX_free(server->ctx);
	server->ctx = ctx;
	return MC_OK;
}
