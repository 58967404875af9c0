/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/csr_answer.h"
#include "tests/unit/grpc_server.h"

#define URI "URI:spiffe://cluster.local/ns/shop/sa/cart"

static char address[32];

static void
start(void)
{
	grpc_server_start();
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", world.server->port);
	folder_put(world.folder, "token", "the.token\n \n");
}

#define FETCH_AT(at, ...)                                                                    \
	CLI_RUN("svid", "fetch", "--address", at, "--ca", world_path("ca.crt"), "--namespace",     \
	    "shop", "--service-account", "cart", "--out", world_path("o"), __VA_ARGS__)
#define FETCH(...) FETCH_AT(address, __VA_ARGS__)
#define TOKEN "--token-file", world_path("token")

static char asked[256]; /* the name of the last CSR */

/* The caller frees it. */
static EVP_PKEY *
key_of(const char *csr)
{
	BIO *bio = BIO_new_mem_buf(csr, -1);
	X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *key = X509_REQ_get_pubkey(req);
	STACK_OF(X509_EXTENSION) *csr_names;
	const ASN1_IA5STRING *asked_for;
	GENERAL_NAMES *names;

	ck_assert_int_eq(X509_REQ_verify(req, key), 1);
	csr_names = X509_REQ_get_extensions(req);
	names = X509V3_get_d2i(csr_names, NID_subject_alt_name, NULL, NULL);
	ck_assert_int_eq(sk_GENERAL_NAME_num(names), 1);
	asked_for = sk_GENERAL_NAME_value(names, 0)->d.ia5;
	(void)snprintf(asked, sizeof(asked), "%.200s", (const char *)ASN1_STRING_get0_data(asked_for));
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(csr_names, X509_EXTENSION_free);
	X509_REQ_free(req);
	(void)BIO_free(bio);
	return key;
}

static void
certify(const char *csr, const char *san, EVP_PKEY *other, char *chain[5])
{
	EVP_PKEY *key = key_of(csr);
	X509 *cert = leaf_make(world.ca, other != NULL ? other : key, san, 3600);

	chain[0] = leaf_pem(cert);
	chain[1] = leaf_pem(world.ca->cert);
	chain[2] = leaf_pem(world.ca->cert);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
right(const char *csr, char *chain[5])
{
	certify(csr, URI, NULL, chain);
}

static void
of_another_key(const char *csr, char *chain[5])
{
	certify(csr, URI, world.key, chain);
}

static void
of_somebody_else(const char *csr, char *chain[5])
{
	certify(csr, "URI:spiffe://cluster.local/ns/shop/sa/desk", NULL, chain);
}

static void
without_anchors(const char *csr, char *chain[5])
{
	certify(csr, URI, NULL, chain);
	free(chain[1]);
	free(chain[2]);
	chain[1] = chain[2] = NULL;
}

static void
with_two(const char *csr, char *chain[5])
{
	certify(csr, URI, NULL, chain);
	free(chain[2]);
	chain[2] = NULL;
}

START_TEST(what_makes_no_sense_asks_nobody)
{
	start();
	REFUSES(FETCH(TOKEN, "--key-type", "dsa"), CLI_USAGE,
	    "--key-type is p256 or rsa2048, not dsa");
	REFUSES(FETCH("--cluster", "one"), CLI_USAGE, "--token-file, or --client-cert");
	REFUSES(FETCH(TOKEN, "--ttl", "soon"), CLI_USAGE, "--ttl is a duration");
	REFUSES(FETCH_AT("nowhere", TOKEN), CLI_USAGE, "nowhere");
	REFUSES(FETCH("--token-file", world_path("none")), CLI_FAILED, "none");
	ck_assert(!world_was_asked() && !world_has("o"));
	world_stop();
}
END_TEST

START_TEST(a_token_is_bounded)
{
	char *text = base_xcalloc(1, LIMIT_TOKEN + 2);

	start();
	grpc_answer = (struct grpc_answer){"0", NULL, right};
	memset(text, 'x', LIMIT_TOKEN + 1);
	folder_put(world.folder, "token", text);
	REFUSES(FETCH(TOKEN), CLI_FAILED, "token");
	ck_assert(!world_was_asked());
	free(text);
	world_stop();
}
END_TEST

START_TEST(an_agent_gets_its_files)
{
	const struct rest_seen *seen;
	char *text;

	start();
	grpc_answer = (struct grpc_answer){"0", NULL, right};
	ck_assert_msg(FETCH(TOKEN) == CLI_OK, "%s", said.err);
	SAYS(said.out, "spiffe://cluster.local/ns/shop/sa/cart\nserial   ");
	ck_assert_uint_eq(world_mode("o"), 0700);
	ck_assert_uint_eq(world_mode("o/key.pem"), 0600);
	ck_assert_uint_eq(world_mode("o/cert-chain.pem"), 0644);
	ck_assert_uint_eq(world_mode("o/root-cert.pem"), 0644);
	ck_assert(world_pair("o/cert-chain.pem", "o/key.pem"));
	text = world_read("o/cert-chain.pem");
	SAYS(strstr(text, "-----END CERTIFICATE-----"), "-----BEGIN"); /* leaf and issuer */
	free(text);
	seen = rest_server_seen(world.server, 0);
	ck_assert_str_eq(asked, "spiffe://cluster.local/ns/shop/sa/cart");
	SAYS(seen->head, ":path: /istio.v1.auth.IstioCertificateService/CreateCertificate\r\n");
	SAYS(seen->head, "authorization: Bearer the.token\r\n");
	SAYS(seen->head, "clusterid: Kubernetes\r\n");
	ck_assert(!seen->has_cert);
	world_stop();
}
END_TEST

START_TEST(json_says_where_it_is)
{
	start();
	grpc_answer = (struct grpc_answer){"0", NULL, with_two};
	ck_assert_int_eq(FETCH(TOKEN, "--json", "--key-type", "rsa2048", "--ttl", "1h"), CLI_OK);
	SAYS(said.out, "\"identity\": \"spiffe://cluster.local/ns/shop/sa/cart\"");
	SAYS(said.out, "\"directory\": \"/tmp/");
	ck_assert(world_pair("o/cert-chain.pem", "o/key.pem"));
	world_stop();
}
END_TEST

START_TEST(a_renewal_shows_the_certificate_instead)
{
	const struct rest_seen *seen;

	start();
	grpc_answer = (struct grpc_answer){"0", NULL, right};
	ck_assert_int_eq(FETCH("--client-cert", world_path("alice.crt"), "--client-key",
			     world_path("alice.key"), "--cluster", "two", "--trust-domain", "cluster.local"),
	    CLI_OK);
	seen = rest_server_seen(world.server, 0);
	ck_assert(seen->has_cert);
	SAYS(seen->head, "clusterid: two\r\n");
	SAYS_NOT(seen->head, "authorization");
	world_stop();
}
END_TEST

/* What does not fit the key and the name is not written: a workload would take it up. */
START_TEST(a_wrong_answer_leaves_nothing)
{
	static void (*const WRONG[])(const char *, char *[5]) = {of_another_key, of_somebody_else, NULL};

	start();
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		grpc_answer = (struct grpc_answer){"0", NULL, WRONG[i]};
		REFUSES(FETCH(TOKEN), CLI_FAILED, "meshca: ");
		ck_assert_ptr_nonnull(rest_server_seen(world.server, i));
		ck_assert(!world_has("o"));
	}
	SAYS(said.err, "the answer has 0 elements");
	grpc_answer = (struct grpc_answer){"0", NULL, without_anchors};
	REFUSES(FETCH(TOKEN), CLI_FAILED, "the answer has 1 elements");
	world_stop();
}
END_TEST

START_TEST(a_status_is_told_by_name)
{
	static const struct {
		const char *status;
		enum cli_exit code;
		const char *name;
	} CASES[] = {{"16", CLI_DENIED, "UNAUTHENTICATED"}, {"7", CLI_DENIED, "PERMISSION_DENIED"},
	    {"14", CLI_UNREACHABLE, "UNAVAILABLE"}, {"4", CLI_UNREACHABLE, "DEADLINE_EXCEEDED"},
	    {"3", CLI_FAILED, "INVALID_ARGUMENT"}};

	start();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		grpc_answer = (struct grpc_answer){CASES[i].status, "not%20you", NULL};
		REFUSES(FETCH(TOKEN, "--json"), CASES[i].code, CASES[i].name);
		SAYS(said.err, "not you");
		ck_assert(!world_has("o"));
	}
	world_stop();
}
END_TEST

START_TEST(who_is_there_must_be_right)
{
	struct make_ca *other = make_ca("P-256", "other.local", time(NULL) + 86400);
	unsigned port = 0;
	int fd = rest_server_bind(&port);
	char nobody[32];

	start();
	(void)snprintf(nobody, sizeof(nobody), "127.0.0.1:%u", port);
	REFUSES(FETCH_AT(nobody, TOKEN), CLI_UNREACHABLE, "meshca: ");
	REFUSES(FETCH(TOKEN, "--server-name", "other.example"), CLI_FAILED, "meshca: ");
	world_put_cert("ca.crt", other->cert);
	REFUSES(FETCH(TOKEN), CLI_FAILED, "meshca: ");
	ck_assert(!world_was_asked() && !world_has("o"));
	(void)close(fd);
	make_ca_free(other);
	world_stop();
}
END_TEST

CHECK_MAIN("cli_svid", what_makes_no_sense_asks_nobody, a_token_is_bounded, an_agent_gets_its_files,
    json_says_where_it_is, a_renewal_shows_the_certificate_instead, a_wrong_answer_leaves_nothing,
    a_status_is_told_by_name, who_is_there_must_be_right)
