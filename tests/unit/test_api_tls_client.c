/* SPDX-License-Identifier: Apache-2.0 */
/* The command's TLS client against a server made of OpenSSL calls, which runs on a thread of its own. */
#include "api/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "tests/unit/ca_make.h"
#include "tests/unit/check_main.h"
#include "tests/unit/folder_make.h"

#define DAY 86400
#define BIG (300 * 1024) /* many records, and more than a socket takes at once */

/* What the server does with its one client. */
static struct server {
	const char *san;
	bool no_alpn;
	bool old;     /* TLS 1.2 at most */
	bool ask;     /* for a client certificate */
	bool rude;    /* closes without goodbye */
	bool polite;  /* reads a byte, says goodbye */
	bool garble;  /* sends a record that does not decrypt */
	bool mute;    /* shakes hands, then says nothing until the client is gone */
	/* seen */
	char sni[64];
	char client[64]; /* its certificate's common name */
	/* */
	int fd;
	pthread_t thread;
	SSL_CTX *ctx;
} s;

static struct make_ca *ca, *other_ca;
static char *folder;
static char address[64], ca_file[128], other_file[128], pair_file[128], key_file[128],
    cert_file[128], junk_file[128];

static X509 *
leaf_make(EVP_PKEY *key, const char *san)
{
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 5);
	ASN1_TIME_set(X509_getm_notBefore(cert), base_clock_now() - 60);
	ASN1_TIME_set(X509_getm_notAfter(cert), base_clock_now() + DAY);
	X509_set_issuer_name(cert, X509_get_subject_name(ca->cert));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
	    (const unsigned char *)"leaf", -1, -1, 0);
	X509_set_pubkey(cert, key);
	make_ca_ext(cert, NID_subject_alt_name, san);
	ck_assert_int_gt(X509_sign(cert, ca->key, EVP_sha256()), 0);
	return cert;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	static const unsigned char offer[] = {2, 'h', '2'};

	(void)ssl;
	(void)arg;
	/* h2 and nothing else is offered */
	ck_assert_uint_eq(in_len, sizeof(offer));
	ck_assert_mem_eq(in, offer, sizeof(offer));
	*out = in + 1;
	*out_len = 2;
	return SSL_TLSEXT_ERR_OK;
}

static int
verify_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

/* Echoes until the client's end. */
static void
echo(SSL *ssl)
{
	static uint8_t bytes[16384];
	int n;

	while ((n = SSL_read(ssl, bytes, sizeof(bytes))) > 0) {
		if (SSL_write(ssl, bytes, n) != n) {
			return;
		}
	}
	(void)SSL_shutdown(ssl);
}

static void *
server_run(void *arg)
{
	int fd = accept(s.fd, NULL, NULL);
	SSL *ssl = SSL_new(s.ctx);
	char byte;

	(void)arg;
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		X509 *cert = SSL_get1_peer_certificate(ssl);

		snprintf(s.sni, sizeof(s.sni), "%s", name != NULL ? name : "");
		if (cert != NULL) {
			X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
			    s.client, sizeof(s.client));
		}
		X509_free(cert);
		if (s.mute) {
			(void)!read(fd, &byte, 1);
		} else if (s.rude) {
			(void)SSL_read(ssl, &byte, 1);
		} else if (s.polite) {
			(void)SSL_read(ssl, &byte, 1);
			(void)SSL_shutdown(ssl);
		} else if (s.garble) {
			(void)SSL_read(ssl, &byte, 1);
			(void)!write(fd, "\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef", 37);
		} else {
			echo(ssl);
		}
	}
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static int
listen_any(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static void
server_begin(void)
{
	EVP_PKEY *key = make_key("P-256");
	X509 *leaf = leaf_make(key, s.san);

	s.ctx = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate(s.ctx, leaf), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(s.ctx, key), 1);
	if (!s.no_alpn) {
		SSL_CTX_set_alpn_select_cb(s.ctx, on_alpn, NULL);
	}
	if (s.old) {
		SSL_CTX_set_max_proto_version(s.ctx, TLS1_2_VERSION);
	}
	if (s.ask) {
		SSL_CTX_set_verify(s.ctx, SSL_VERIFY_PEER, verify_any);
	}
	s.fd = listen_any();
	ck_assert_int_eq(listen(s.fd, 4), 0);
	ck_assert_int_eq(pthread_create(&s.thread, NULL, server_run, NULL), 0);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

static void
server_end(void)
{
	pthread_join(s.thread, NULL);
	close(s.fd);
	SSL_CTX_free(s.ctx);
}

static FILE *
file_open(char *path, size_t max, const char *name)
{
	FILE *file;

	snprintf(path, max, "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	return file;
}

static void
begin(void)
{
	EVP_PKEY *key = make_key("P-256");
	X509 *leaf;
	FILE *file;

	signal(SIGPIPE, SIG_IGN);
	memset(&s, 0, sizeof(s));
	s.san = "DNS:localhost,IP:127.0.0.1";
	folder = folder_make();
	ca = make_ca("P-256", "cluster.local", base_clock_now() + 30 * DAY);
	other_ca = make_ca("P-256", "cluster.local", base_clock_now() + 30 * DAY);
	leaf = leaf_make(key, "URI:spiffe://cluster.local/ns/a/sa/b");
	file = file_open(ca_file, sizeof(ca_file), "ca.pem");
	PEM_write_X509(file, ca->cert);
	fclose(file);
	file = file_open(other_file, sizeof(other_file), "other.pem");
	PEM_write_X509(file, other_ca->cert);
	fclose(file);
	file = file_open(pair_file, sizeof(pair_file), "pair.pem");
	PEM_write_X509(file, leaf);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	file = file_open(cert_file, sizeof(cert_file), "cert.pem");
	PEM_write_X509(file, leaf);
	fclose(file);
	file = file_open(key_file, sizeof(key_file), "key.pem");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	file = file_open(junk_file, sizeof(junk_file), "junk.pem");
	fputs("no PEM\n", file);
	fclose(file);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

static void
end(void)
{
	make_ca_free(ca);
	make_ca_free(other_ca);
	folder_drop(folder);
}

static struct tls_client_options
options_of(void)
{
	return (struct tls_client_options){.address = address, .server_name = "localhost",
	    .ca_file = ca_file, .timeout_ms = 10000};
}

/* A connection that fails, and why. */
static void
ck_fails(const struct tls_client_options *options, enum mc_err err, const char *word)
{
	ck_assert_ptr_null(tls_client_connect(options));
	ck_assert_msg(mc_err_last()->code == err && strstr(mc_err_last()->detail, word) != NULL,
	    "%s: %s", mc_err_word(mc_err_last()->code), mc_err_last()->detail);
}

START_TEST(addresses)
{
	static const char *const bad[] = {"", "localhost", ":443", "localhost:", "localhost:https",
	    "localhost:44 3", "localhost:-1", "::"};
	struct tls_client_options options;

	begin();
	options = options_of();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.address = bad[i];
		ck_fails(&options, MC_EUSAGE, "host:port");
	}
	/* good ones: of a v6 address the brackets go; nobody listens there */
	close(listen_any());
	options.address = address;
	ck_fails(&options, MC_EPEER, "127.0.0.1:");
	options.address = "[::1]:1";
	ck_assert_ptr_null(tls_client_connect(&options));
	ck_assert_ptr_null(strchr(mc_err_last()->detail, '['));
	end();
}
END_TEST

START_TEST(files)
{
	struct tls_client_options options;

	begin();
	options = options_of();
	options.address = "127.0.0.1:1";
	options.ca_file = "/nonexistent";
	ck_fails(&options, MC_EIO, "trust anchors");
	options.ca_file = junk_file;
	ck_fails(&options, MC_EIO, "trust anchors");
	options.ca_file = ca_file;
	options.cert_file = junk_file;
	ck_fails(&options, MC_EIO, "not a certificate and its key");
	options.cert_file = cert_file; /* no key in it */
	ck_fails(&options, MC_EIO, "not a certificate and its key");
	options.key_file = junk_file;
	ck_fails(&options, MC_EIO, "not a certificate and its key");
	end();
}
END_TEST

START_TEST(who_is_trusted)
{
	static const struct {
		const char *san, *name;
		bool other_ca, no_alpn, old;
		enum mc_err err;
	} cases[] = {
	    {"DNS:localhost", "localhost", false, false, false, MC_OK},
	    {"IP:127.0.0.1", NULL, false, false, false, MC_OK},
	    {"IP:127.0.0.1", "127.0.0.1", false, false, false, MC_OK},
	    {"DNS:localhost", NULL, false, false, false, MC_EPOLICY},
	    {"IP:127.0.0.2", NULL, false, false, false, MC_EPOLICY},
	    {"DNS:localhost", "localhost.example", false, false, false, MC_EPOLICY},
	    {"DNS:localhost", "localhost", true, false, false, MC_EPOLICY},
	    {"DNS:localhost", "localhost", false, true, false, MC_EPOLICY},
	    {"DNS:localhost", "localhost", false, false, true, MC_EPEER},
	};

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client_options options;
		struct tls_client *client;

		s.san = cases[i].san;
		s.no_alpn = cases[i].no_alpn;
		s.old = cases[i].old;
		server_begin();
		options = options_of();
		options.server_name = cases[i].name;
		options.ca_file = cases[i].other_ca ? other_file : ca_file;
		client = tls_client_connect(&options);
		ck_assert_msg((client != NULL) == (cases[i].err == MC_OK), "case %zu", i);
		if (client == NULL) {
			ck_assert_msg(mc_err_last()->code == cases[i].err, "case %zu: %s", i,
			    mc_err_last()->detail);
		} else {
			ck_assert_str_eq(tls_client_host(client), "127.0.0.1");
		}
		tls_client_free(client);
		server_end();
	}
	end();
}
END_TEST

/* Whom the server sees: a name where there is one, and the certificate that was given. */
START_TEST(what_the_server_sees)
{
	static const struct {
		bool pair, split;
		const char *name, *sni, *client;
	} cases[] = {{false, false, "localhost", "localhost", ""}, {true, false, "localhost",
	    "localhost", "leaf"}, {false, true, "127.0.0.1", "", "leaf"}};

	begin();
	s.ask = true;
	for (size_t i = 0; i < 3; i++) {
		struct tls_client_options options;
		struct tls_client *client;

		server_begin();
		options = options_of();
		options.server_name = cases[i].name;
		if (cases[i].pair) {
			options.cert_file = pair_file;
		} else if (cases[i].split) {
			options.cert_file = cert_file;
			options.key_file = key_file;
		}
		client = tls_client_connect(&options);
		ck_assert_ptr_nonnull(client);
		ck_assert_int_eq(tls_client_write(client, base_span_str("x")), MC_OK);
		tls_client_free(client);
		server_end();
		ck_assert_str_eq(s.sni, cases[i].sni);
		ck_assert_str_eq(s.client, cases[i].client);
		s.client[0] = '\0';
	}
	end();
}
END_TEST

START_TEST(bytes_go_and_come)
{
	static uint8_t bytes[BIG], got[BIG];
	struct tls_client_options options;
	struct tls_client *client;
	size_t at = 0;
	size_t len;

	begin();
	server_begin();
	options = options_of();
	client = tls_client_connect(&options);
	ck_assert_ptr_nonnull(client);
	for (size_t i = 0; i < BIG; i++) {
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	}
	for (size_t sent = 0; sent < BIG; sent += BIG / 4) {
		ck_assert_int_eq(tls_client_write(client, base_span_of(bytes + sent, BIG / 4)),
		    MC_OK);
		while (at < sent + BIG / 4) {
			ck_assert_int_eq(tls_client_read(client, got + at, BIG - at, &len), MC_OK);
			ck_assert_uint_gt(len, 0);
			at += len;
		}
	}
	ck_assert_mem_eq(bytes, got, BIG);
	/* no more than there is room for */
	ck_assert_int_eq(tls_client_write(client, base_span_str("hello")), MC_OK);
	ck_assert_int_eq(tls_client_read(client, got, 2, &len), MC_OK);
	ck_assert_uint_eq(len, 2);
	tls_client_free(client);
	server_end();
	end();
}
END_TEST

START_TEST(how_it_ends)
{
	struct tls_client_options options;
	struct tls_client *client;
	uint8_t byte;
	size_t len = 7;

	begin();
	/* without a goodbye: not the end of a stream, but a failure */
	s.rude = true;
	server_begin();
	options = options_of();
	client = tls_client_connect(&options);
	ck_assert_int_eq(tls_client_write(client, base_span_str("x")), MC_OK);
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_EPEER);
	ck_assert_uint_eq(len, 7);
	tls_client_free(client);
	server_end();
	/* bytes that are not the server's */
	s.rude = false;
	s.garble = true;
	server_begin();
	options = options_of();
	client = tls_client_connect(&options);
	ck_assert_int_eq(tls_client_write(client, base_span_str("x")), MC_OK);
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_EPEER);
	tls_client_free(client);
	server_end();
	/* with one: the end, and again */
	s.garble = false;
	s.polite = true;
	server_begin();
	options = options_of();
	client = tls_client_connect(&options);
	ck_assert_int_eq(tls_client_write(client, base_span_str("x")), MC_OK);
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_OK);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_OK);
	ck_assert_uint_eq(len, 0);
	tls_client_free(client);
	server_end();
	tls_client_free(NULL);
	end();
}
END_TEST

/* One time for everything: it is not begun anew by the handshake or a read. */
START_TEST(deadlines)
{
	struct tls_client_options options;
	struct tls_client *client;
	int64_t begin_us;
	uint8_t byte;
	size_t len;

	begin();
	s.fd = listen_any(); /* connects, and is never accepted */
	ck_assert_int_eq(listen(s.fd, 4), 0);
	options = options_of();
	options.timeout_ms = 60;
	begin_us = base_clock_boot_us();
	ck_fails(&options, MC_EDEADLINE, "did not answer in time");
	ck_assert_int_ge(base_clock_boot_us() - begin_us, 60000);
	close(s.fd);
	s.mute = true;
	server_begin();
	options.timeout_ms = 500;
	begin_us = base_clock_boot_us();
	client = tls_client_connect(&options);
	ck_assert_ptr_nonnull(client);
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_EDEADLINE);
	ck_assert_int_ge(base_clock_boot_us() - begin_us, 500000);
	begin_us = base_clock_boot_us();
	ck_assert_int_eq(tls_client_read(client, &byte, 1, &len), MC_EDEADLINE);
	ck_assert_int_lt(base_clock_boot_us() - begin_us, 400000);
	tls_client_free(client);
	server_end();
	end();
}
END_TEST

CHECK_MAIN("api_tls_client", addresses, files, who_is_trusted, what_the_server_sees,
    bytes_go_and_come, how_it_ends, deadlines)
