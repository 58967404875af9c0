/* SPDX-License-Identifier: Apache-2.0 */
/* What a service is told of a client's certificate. The verdict itself: test_api_tls_context.c. */
#include "api/tls_int.h"
#include "tests/unit/tls_world.h"

static struct tls_world w;
static struct tls_service service;
static struct tls_server *server;
static uint16_t port;
static EVP_PKEY *key;

static void
begin(void)
{
	tls_world_start(&w);
	memset(&service, 0, sizeof(service));
	key = make_key("P-256");
	server = tls_server_new(&(struct tls_server_options){.front = &w.front, .env = &w.env,
	    .listen_fd = tls_world_listen(&port), .alpn = TLS_ALPN_H2, .connections_max = 8,
	    .on_conn = tls_service_on_conn, .self = &service});
	TLS_WORLD_UNTIL(w.loop, tls_server_is_certified(server));
}

static void
end(void)
{
	tls_service_close(&service);
	tls_server_free(server);
	EVP_PKEY_free(key);
	tls_world_stop(&w);
}

/* Who the client with this certificate is, as the service sees it. */
static const struct tls_peer *
peer_of(X509 *cert)
{
	struct tls_end *client = tls_end_new(tls_world_connect(port), &(struct tls_end_options){
	    .alpn = "\x02h2", .cert = cert, .key = key});
	unsigned seat = service.count;

	ck_assert(tls_end_shake(w.loop, client));
	TLS_WORLD_UNTIL(w.loop, service.count > seat);
	tls_end_free(client);
	return tls_conn_peer(service.seats[seat].conn);
}

static X509 *
leaf_of(const char *san)
{
	return tls_world_leaf(w.ca, key, san, "serverAuth,clientAuth", TLS_WORLD_DAY);
}

static void
sign_again(X509 *cert)
{
	ck_assert_int_gt(X509_sign(cert, w.ca->key, EVP_sha256()), 0);
}

START_TEST(nobody_is_nobody)
{
	const struct tls_peer *peer;

	begin();
	peer = peer_of(NULL);
	ck_assert_uint_eq(peer->cert.len, 0);
	ck_assert(!peer->verified);
	ck_assert_uint_eq(peer->uri.len, 0);
	ck_assert_uint_eq(peer->serial.len, 0);
	end();
}
END_TEST

START_TEST(all_that_the_certificate_says)
{
	static const char id[] = "spiffe://cluster.local/ns/a/sa/b";
	const struct tls_peer *peer;
	unsigned char *der = NULL;
	uint8_t sha256[32];
	X509 *cert;
	int len;

	begin();
	cert = leaf_of("URI:spiffe://cluster.local/ns/a/sa/b,DNS:b.a");
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 0x1267);
	ASN1_TIME_set(X509_getm_notBefore(cert), 1700000000);
	ASN1_TIME_set(X509_getm_notAfter(cert), 2700000000);
	sign_again(cert);
	len = i2d_X509(cert, &der);
	base_crypto_sha256(base_span_of(der, (size_t)len), sha256);
	peer = peer_of(cert);
	ck_assert(peer->verified);
	ck_assert(base_span_equal(peer->cert, base_span_of(der, (size_t)len)));
	ck_assert_mem_eq(peer->sha256, sha256, 32);
	ck_assert(base_span_equal_str(peer->uri, id));
	ck_assert(base_span_equal(peer->serial, base_span_of("\x12\x67", 2)));
	ck_assert_int_eq(peer->not_before_at, 1700000000);
	ck_assert_int_eq(peer->not_after_at, 2700000000);
	OPENSSL_free(der);
	X509_free(cert);
	end();
}
END_TEST

/* One URI is an identity; none or two are not, nor one above the limit. */
START_TEST(one_uri_or_none)
{
	static char at_limit[LIMIT_SPIFFE_ID + 5], above[LIMIT_SPIFFE_ID + 6];
	const struct {
		const char *san;
		size_t len;
	} cases[] = {
	    {NULL, 0},
	    {"DNS:localhost", 0},
	    {"URI:spiffe://a/b", 12},
	    {"URI:spiffe://a/b,URI:spiffe://a/b", 0},
	    {"URI:spiffe://a/b,DNS:c,URI:https://a/c", 0},
	    {at_limit, LIMIT_SPIFFE_ID},
	    {above, 0},
	};

	memset(at_limit, 'a', sizeof(at_limit) - 1);
	memset(above, 'a', sizeof(above) - 1);
	base_copy(at_limit, "URI:spiffe://", 13);
	base_copy(above, "URI:spiffe://", 13);
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		X509 *cert = leaf_of(cases[i].san);
		const struct tls_peer *peer = peer_of(cert);

		ck_assert_uint_gt(peer->cert.len, 0);
		ck_assert_msg(peer->uri.len == cases[i].len, "case %zu", i);
		X509_free(cert);
	}
	end();
}
END_TEST

START_TEST(serials_up_to_twenty_bytes)
{
	uint8_t bytes[LIMIT_SERIAL + 1];

	begin();
	memset(bytes, 0x55, sizeof(bytes));
	for (size_t len = LIMIT_SERIAL; len <= LIMIT_SERIAL + 1; len++) {
		X509 *cert = leaf_of("URI:spiffe://a/b");
		const struct tls_peer *peer;

		ASN1_STRING_set(X509_get_serialNumber(cert), bytes, (int)len);
		sign_again(cert);
		peer = peer_of(cert);
		ck_assert_uint_gt(peer->cert.len, 0);
		ck_assert_uint_eq(peer->serial.len, len == LIMIT_SERIAL ? len : 0);
		if (len == LIMIT_SERIAL) {
			ck_assert_mem_eq(peer->serial.ptr, bytes, len);
		}
		X509_free(cert);
	}
	end();
}
END_TEST

/* A certificate above the limit is as if none had come. */
START_TEST(certificates_up_to_their_limit)
{
	static char pad[LIMIT_CERT + 64];
	X509 *probe;
	int base_len;

	begin();
	probe = leaf_of("URI:spiffe://a/b");
	memset(pad, 'a', 8000);
	make_ca_ext(probe, NID_netscape_comment, pad);
	sign_again(probe);
	base_len = i2d_X509(probe, NULL);
	X509_free(probe);
	for (int above = 0; above <= 1; above++) {
		size_t pad_len = (size_t)(8000 + LIMIT_CERT + above - base_len);
		const struct tls_peer *peer;
		X509 *cert = leaf_of("URI:spiffe://a/b");

		memset(pad, 0, sizeof(pad));
		memset(pad, 'a', pad_len);
		make_ca_ext(cert, NID_netscape_comment, pad);
		do { /* a signature is a byte longer or shorter */
			sign_again(cert);
		} while (i2d_X509(cert, NULL) != LIMIT_CERT + above);
		peer = peer_of(cert);
		ck_assert_uint_eq(peer->cert.len, above == 0 ? LIMIT_CERT : 0);
		ck_assert(peer->verified == (above == 0));
		ck_assert_uint_eq(peer->uri.len, above == 0 ? 12 : 0);
		X509_free(cert);
	}
	end();
}
END_TEST

CHECK_MAIN("api_tls_peer", nobody_is_nobody, all_that_the_certificate_says, one_uri_or_none,
    serials_up_to_twenty_bytes, certificates_up_to_their_limit)
