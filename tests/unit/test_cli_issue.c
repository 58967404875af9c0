/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "tests/unit/check_main.h"
#include "tests/unit/csr_answer.h"

#define ENVIRONMENTS                                                                         \
	OK("GET /v1/environments", "{\"environments\":[{\"name\":\"prod\",\"trust_domain\":\"no\"}," \
				   "{\"name\":\"production\",\"trust_domain\":\"mesh.example\"}]}")
#define POST "POST /v1/environments/production/certificates"
#define ISSUE(...) AS_ALICE("cert", "issue", "--environment", "production", __VA_ARGS__)
#define WORKLOAD "--namespace", "shop", "--service-account", "cart"

static json_t *
body_of(size_t n)
{
	json_t *body = json_loads(world_asked(n, POST)->body, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_ptr_nonnull(body);
	return body;
}

/* The URI names of the CSR in a body, one a line. */
static char *
names_of(const json_t *body)
{
	BIO *bio = BIO_new_mem_buf(json_string_value(json_object_get(body, "csr")), -1);
	X509_REQ *csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(csr);
	GENERAL_NAMES *names = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
	char *text = base_xstrdup("");

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const ASN1_IA5STRING *name = sk_GENERAL_NAME_value(names, i)->d.ia5;
		char *more = base_xasprintf("%s%.*s\n", text, ASN1_STRING_length(name),
		    (const char *)ASN1_STRING_get0_data(name));

		free(text);
		text = more;
	}
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	X509_REQ_free(csr);
	(void)BIO_free(bio);
	return text;
}

START_TEST(what_makes_no_sense_asks_nobody)
{
	world_start();
	REFUSES(ISSUE(WORKLOAD), CLI_USAGE, "--csr FILE is missing");
	REFUSES(ISSUE("--namespace", "shop", "--out", world_path("o")), CLI_USAGE,
	    "profile svid needs --namespace and --service-account");
	REFUSES(ISSUE("--service-account", "cart", "--out", world_path("o")), CLI_USAGE,
	    "profile svid needs");
	REFUSES(ISSUE(WORKLOAD, "--out", world_path("o"), "--ttl", "1x"), CLI_USAGE,
	    "--ttl is a duration such as 90s, 30m, 24h, not 1x");
	REFUSES(ISSUE(WORKLOAD, "--out", world_path("o"), "--key-type", "dsa"), CLI_USAGE,
	    "--key-type is p256 or rsa2048");
	REFUSES(ISSUE(WORKLOAD, "--csr", world_path("none")), CLI_FAILED, "none");
	ck_assert(!world_was_asked() && !world_has("o"));
	world_stop();
}
END_TEST

START_TEST(dns_names_are_bounded)
{
	const char *words[2 * (LIMIT_DNS_NAMES + 1) + 12] = {"meshca", "cert", "issue",
	    "--environment", "production", "--profile", "server", "--client"};
	size_t n = 8;

	world_start();
	words[n++] = world.client;
	words[n++] = "--out";
	words[n++] = world_path("o");
	for (size_t i = 0; i < LIMIT_DNS_NAMES; i++) {
		words[n++] = "--dns";
		words[n++] = "a.example";
	}
	ANSWERS(NULL, CERTIFIES(POST));
	ck_assert_int_eq(cli_run(words), CLI_OK);
	words[n++] = "--dns=a.example";
	REFUSES(cli_run(words), CLI_USAGE, "--dns names");
	world_stop();
}
END_TEST

START_TEST(a_key_is_made_here_and_kept_from_others)
{
	char *names;
	json_t *body;

	world_start();
	ANSWERS(NULL, ENVIRONMENTS, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE(WORKLOAD, "--out", world_path("o")), CLI_OK);
	ck_assert_str_eq(said.out, "");
	SAYS(said.err, "serial 1a, until 2027-01-01T00:00:00Z");
	ck_assert_uint_eq(world_mode("o"), 0700);
	ck_assert_uint_eq(world_mode("o/key.pem"), 0600);
	ck_assert_uint_eq(world_mode("o/cert-chain.pem"), 0644);
	ck_assert(world_pair("o/cert-chain.pem", "o/key.pem"));
	body = body_of(1);
	names = names_of(body);
	ck_assert_str_eq(names, "spiffe://mesh.example/ns/shop/sa/cart\n");
	ck_assert_str_eq(json_string_value(json_object_get(body, "profile")), "svid");
	ck_assert_str_eq(json_string_value(json_object_get(body, "namespace")), "shop");
	ck_assert_str_eq(json_string_value(json_object_get(body, "service_account")), "cart");
	ck_assert_ptr_null(json_object_get(body, "ttl_seconds"));
	ck_assert_ptr_null(json_object_get(body, "dns_names"));
	SAYS_NOT(rest_server_seen(world.server, 1)->body, "PRIVATE");
	json_decref(body);
	free(names);
	world_stop();
}
END_TEST

START_TEST(a_server_has_names_and_no_workload)
{
	char *names;
	json_t *body;

	world_start();
	ANSWERS(NULL, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE("--profile", "server", "--dns", "a.example", "--dns", "b.example",
			     "--ttl", "30m", "--idempotency-key", "k1", "--out", world_path("o")),
	    CLI_OK);
	body = body_of(0);
	names = names_of(body);
	ck_assert_str_eq(names, "a.example\nb.example\n");
	ck_assert_int_eq(json_integer_value(json_object_get(body, "ttl_seconds")), 1800);
	ck_assert_uint_eq(json_array_size(json_object_get(body, "dns_names")), 2);
	ck_assert_ptr_null(json_object_get(body, "namespace"));
	SAYS(rest_server_seen(world.server, 0)->head, "Idempotency-Key: k1\r\n");
	json_decref(body);
	free(names);
	world_stop();
}
END_TEST

/* The key stays with whoever made the request: only the chain is written. */
START_TEST(a_csr_of_ones_own)
{
	char *chain;

	world_start();
	folder_put(world.folder, "csr.pem", "the request");
	ANSWERS(world.key, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE(WORKLOAD, "--csr", world_path("csr.pem")), CLI_OK);
	SAYS(world_asked(0, POST)->body, "\"csr\":\"the request\"");
	SAYS(said.out, "-----BEGIN CERTIFICATE-----");
	ck_assert_int_eq(
	    ISSUE(WORKLOAD, "--csr", world_path("csr.pem"), "--out", world_path("chain.pem")),
	    CLI_OK);
	ck_assert_str_eq(said.out, "");
	chain = world_read("chain.pem");
	SAYS(strstr(chain, "-----END CERTIFICATE-----"), "-----BEGIN CERTIFICATE-----");
	ck_assert(world_pair("chain.pem", "alice.key"));
	free(chain);
	world_stop();
}
END_TEST

START_TEST(a_csr_is_bounded)
{
	static char text[LIMIT_CSR_PEM + 2];

	world_start();
	memset(text, 'x', LIMIT_CSR_PEM);
	folder_put(world.folder, "csr.pem", text);
	ANSWERS(world.key, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE(WORKLOAD, "--csr", world_path("csr.pem")), CLI_OK);
	text[LIMIT_CSR_PEM] = 'x';
	folder_put(world.folder, "csr.pem", text);
	REFUSES(ISSUE(WORKLOAD, "--csr", world_path("csr.pem")), CLI_FAILED, "csr.pem");
	ck_assert_ptr_null(rest_server_seen(world.server, 1));
	world_stop();
}
END_TEST

START_TEST(json_is_the_answer)
{
	world_start();
	ANSWERS(NULL, ENVIRONMENTS, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE(WORKLOAD, "--out", world_path("o"), "--json"), CLI_OK);
	SAYS(said.out, "\"serial\": \"1a\"");
	SAYS(said.out, "\"chain\": [");
	ck_assert(world_pair("o/cert-chain.pem", "o/key.pem"));
	folder_put(world.folder, "csr.pem", "the request");
	ANSWERS(world.key, CERTIFIES(POST));
	ck_assert_int_eq(ISSUE(WORKLOAD, "--csr", world_path("csr.pem"), "--json"), CLI_OK);
	ck_assert_ptr_eq(strstr(said.out, "{"), said.out); /* no PEM before it */
	world_stop();
}
END_TEST

START_TEST(a_refusal_leaves_nothing)
{
	world_start();
	ANSWERS(NULL, ENVIRONMENTS, PROBLEM(POST, 422, "policy"));
	REFUSES(ISSUE(WORKLOAD, "--out", world_path("o")), CLI_FAILED, "the detail");
	ck_assert(!world_has("o"));
	ANSWERS(NULL, OK("GET /v1/environments", "{\"environments\":[{\"name\":\"prod\"}]}"));
	REFUSES(ISSUE(WORKLOAD, "--out", world_path("o")), CLI_NOT_FOUND,
	    "there is no environment production");
	ANSWERS(NULL, PROBLEM("GET /v1/environments", 401, "unauthenticated"));
	REFUSES(ISSUE(WORKLOAD, "--out", world_path("o")), CLI_DENIED, "the detail");
	ck_assert(!world_has("o"));
	ck_assert_ptr_null(rest_server_seen(world.server, 1));
	world_stop();
}
END_TEST

CHECK_MAIN("cli_issue", what_makes_no_sense_asks_nobody, dns_names_are_bounded,
    a_key_is_made_here_and_kept_from_others, a_server_has_names_and_no_workload, a_csr_of_ones_own,
    a_csr_is_bounded, json_is_the_answer, a_refusal_leaves_nothing)
