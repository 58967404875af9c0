/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/enc.h"
#include "base/limits.h"
#include "tests/unit/admin_server.h"
#include "tests/unit/approved.h"
#include "tests/unit/check_main.h"
#include "tests/unit/csr_answer.h"

#define ADD(name, ...) AS_ALICE("user", "add", name, "--out", world_path("o"), __VA_ARGS__)

START_TEST(a_name_is_a_file_name_too)
{
	static const char *const BAD[] = {"", ".hidden", "-x", "_x", "Bob", "a/b", "..", "a b",
	    "b\xc3\xb6", "a\n"};
	char name[LIMIT_USER_NAME + 2] = "";

	world_start();
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		REFUSES(CLI_RUN("user", "add", "--client", world.client, "--role", "viewer", "--out",
			    world_path("o"), "--", BAD[i]),
		    CLI_USAGE, "a name is a-z, 0-9");
		REFUSES(CLI_RUN("user", "remove", "--client", world.client, "--", BAD[i]), CLI_USAGE,
		    "a name is a-z, 0-9");
	}
	memset(name, 'a', sizeof(name) - 1);
	REFUSES(ADD(name, "--role", "viewer"), CLI_USAGE, "at most 64");
	ck_assert(!world_was_asked() && !world_has("o"));
	name[LIMIT_USER_NAME] = '\0';
	ANSWERS(NULL, CERTIFIES("POST /v1/users"));
	ck_assert_int_eq(ADD(name, "--role", "viewer"), CLI_OK);
	world_stop();
}
END_TEST

START_TEST(a_role_is_one_of_three)
{
	world_start();
	REFUSES(ADD("bob", "--role", "root"), CLI_USAGE,
	    "--role is viewer, operator or admin, not root");
	REFUSES(ADD("bob", "--role", "Admin"), CLI_USAGE, "--role is");
	ck_assert(!world_was_asked() && !world_has("o"));
	world_stop();
}
END_TEST

/* The approval is over the name, the role and the very key that is in the request. */
static void
is_asked_for(const char *role)
{
	json_t *body = json_loads(world_asked(0, "POST /v1/users")->body, 0, NULL);
	EVP_PKEY *key = csr_answer_key(world_asked(0, "POST /v1/users"));
	struct make_public pub = make_public(key);
	uint8_t hash[BASE_SHA256_LEN];
	char hex[2 * BASE_SHA256_LEN + 1];
	char *text;

	base_crypto_sha256(pub.key, hash);
	base_enc_hex(hash, sizeof(hash), hex);
	text = base_xasprintf("meshca-user-add-v1\nbob\n%s\n%s\n", role, hex);
	ck_assert(approved_by(world.key, json_object_get(body, "approval"), text));
	ck_assert_str_eq(json_string_value(json_object_get(body, "name")), "bob");
	ck_assert_str_eq(json_string_value(json_object_get(body, "role")), role);
	ck_assert_uint_eq(json_object_size(body), 4);
	free(text);
	make_public_free(&pub);
	EVP_PKEY_free(key);
	json_decref(body);
}

START_TEST(a_person_gets_a_folder_that_works)
{
	char *client;
	char *url;

	world_start();
	ANSWERS(NULL, CERTIFIES("POST /v1/users"), OK("GET /v1/users", "{\"users\":[]}"));
	ck_assert_int_eq(ADD("bob", "--role", "admin"), CLI_OK);
	SAYS(said.out, "bob is admin; wrote ");
	is_asked_for("admin");
	ck_assert_uint_eq(world_mode("o"), 0700);
	ck_assert_uint_eq(world_mode("o/bob.key"), 0600);
	ck_assert_uint_eq(world_mode("o/bob.crt"), 0644);
	ck_assert_uint_eq(world_mode("o/operators-ca.crt"), 0644);
	ck_assert_uint_eq(world_mode("o/client.json"), 0600);
	ck_assert(world_pair("o/bob.crt", "o/bob.key"));
	client = world_read("o/client.json");
	url = base_xasprintf("\"url\": \"https://127.0.0.1:%u\"", world.server->port);
	SAYS(client, url);
	SAYS(client, "\"key\": \"bob.key\"");
	/* bob comes in with it */
	ck_assert_int_eq(CLI_RUN("user", "list", "--client", world_path("o/client.json")), CLI_OK);
	free(url);
	free(client);
	world_stop();
}
END_TEST

START_TEST(a_key_that_is_there_is_never_replaced)
{
	char *key;

	world_start();
	folder_put(world.folder, "o/bob.key", "precious");
	REFUSES(ADD("bob", "--role", "viewer"), CLI_FAILED, "bob.key is there already");
	key = world_read("o/bob.key");
	ck_assert_str_eq(key, "precious");
	ck_assert(!world_was_asked());
	free(key);
	world_stop();
}
END_TEST

/* A key without a certificate would be in the way of the next try. */
START_TEST(a_refusal_leaves_no_key)
{
	world_start();
	ANSWERS(NULL, PROBLEM("POST /v1/users", 403, "denied"));
	REFUSES(ADD("bob", "--role", "viewer"), CLI_DENIED, "the detail");
	ck_assert(!world_has("o/bob.key"));
	folder_put(world.folder, "alice.key", "no key"); /* so nothing can be approved */
	REFUSES(ADD("bob", "--role", "viewer"), CLI_FAILED, "alice.key");
	ck_assert(!world_has("o/bob.key") && !world_has("o/client.json"));
	world_stop();
}
END_TEST

START_TEST(a_certificate_for_another_key_is_not_taken)
{
	world_start();
	ANSWERS(world.key, CERTIFIES("POST /v1/users"));
	REFUSES(ADD("bob", "--role", "viewer"), CLI_FAILED, "");
	ck_assert(!world_has("o/bob.crt") && !world_has("o/client.json"));
	ANSWERS(world.key, OK("POST /v1/users", "{}"));
	REFUSES(CLI_RUN("user", "add", "eve", "--role", "viewer", "--out", world_path("o"), "--client",
	    world.client), CLI_FAILED, "");
	ck_assert(!world_has("o/eve.crt"));
	world_stop();
}
END_TEST

START_TEST(default_is_in_the_home_with_whole_paths)
{
	char *client;
	const char *home = getenv("HOME");
	char *kept = home == NULL ? NULL : base_xstrdup(home);

	world_start();
	folder_put(world.folder, "home/x", "");
	ck_assert_int_eq(setenv("HOME", world_path("home"), 1), 0);
	ANSWERS(NULL, CERTIFIES("POST /v1/users"), OK("GET /v1/users", "{\"users\":[]}"));
	ck_assert_int_eq(ADD("bob", "--role", "viewer", "--default"), CLI_OK);
	ck_assert_uint_eq(world_mode("home/.config"), 0700);
	ck_assert_uint_eq(world_mode("home/.config/meshca"), 0700);
	ck_assert_uint_eq(world_mode("home/.config/meshca/client.json"), 0600);
	client = world_read("home/.config/meshca/client.json");
	SAYS(client, world_path("o/bob.key"));
	ck_assert_int_eq(CLI_RUN("user", "list"), CLI_OK); /* who am I? bob */
	ck_assert_int_eq(unsetenv("HOME"), 0);
	REFUSES(CLI_RUN("user", "add", "eve", "--role", "viewer", "--out", world_path("o"), "--default",
	    "--client", world.client), CLI_FAILED, "--default needs a home");
	if (kept != NULL) {
		(void)setenv("HOME", kept, 1);
	}
	free(kept);
	free(client);
	world_stop();
}
END_TEST

/* Without --client the daemon's socket is asked, which only root may. */
START_TEST(without_a_daemon_nothing_is_left)
{
	world_start();
	admin_put_config(world.folder);
	REFUSES(CLI_RUN("user", "add", "bob", "--role", "viewer", "--out", world_path("o"), "--config",
		    world_path("meshca.yaml")),
	    CLI_UNREACHABLE, "admin.sock");
	ck_assert(!world_has("o/bob.key"));
	REFUSES(CLI_RUN("user", "add", "bob", "--role", "viewer", "--out", world_path("o"), "--config",
		    world_path("none.yaml")),
	    CLI_FAILED, "none.yaml");
	ck_assert(!world_has("o/bob.key"));
	world_stop();
}
END_TEST

/* Sets what the daemon answers: a certificate for a key, its issuer, and so many bytes of the packed anchors. */
static void
daemon_certifies(EVP_PKEY *key, uint8_t *cert, uint8_t *anchors, size_t anchors_len)
{
	X509 *leaf = leaf_make(world.ca, key, NULL, 3600);
	struct base_span issuer = make_ca_der(world.ca);
	uint8_t *end = cert;
	int len = i2d_X509(leaf, &end);

	for (size_t i = 0; i < 4; i++) {
		anchors[i] = (uint8_t)(issuer.len >> (8 * i));
	}
	memcpy(anchors + 4, issuer.ptr, issuer.len);
	admin.answer = (struct msg_adm_ans){.cert = base_span_of(cert, (size_t)len),
	    .issuer = issuer,
	    .anchors = base_span_of(anchors, anchors_len == 0 ? 4 + issuer.len : anchors_len)};
	X509_free(leaf);
}

#define ADD_HERE(name)                                                                       \
	CLI_RUN("user", "add", name, "--role", "admin", "--out", world_path("o"), "--config",       \
	    world_path("meshca.yaml"))

static uint8_t daemon_cert[4096], daemon_anchors[4096];

/* For the key that is asked for. */
static void
daemon_makes(void)
{
	EVP_PKEY *key = EVP_PKEY_new();

	ck_assert_int_eq(EVP_PKEY_copy_parameters(key, world.key), 1);
	ck_assert_int_eq(EVP_PKEY_set1_encoded_public_key(key, admin.key, admin.key_len), 1);
	daemon_certifies(key, daemon_cert, daemon_anchors, 0);
	EVP_PKEY_free(key);
}

/* As root on the machine. */
START_TEST(the_daemon_is_asked_with_a_public_key)
{
	char *client;

	world_start();
	admin_put_config(world.folder);
	admin_start(world.folder);
	admin.make = daemon_makes;
	ck_assert_int_eq(ADD_HERE("bob"), CLI_OK);
	ck_assert_int_eq(admin.type, MSG_ADM_USER_ADD);
	ck_assert_str_eq(admin.environment, "bob");
	ck_assert_int_eq(admin.role, MSG_USER_ADMIN);
	ck_assert(world_pair("o/bob.crt", "o/bob.key"));
	ck_assert_uint_eq(world_mode("o/bob.key"), 0600);
	client = world_read("o/client.json");
	SAYS(client, "\"url\": \"https://localhost:8443\"");
	free(client);
	admin_stop();
	world_stop();
}
END_TEST

START_TEST(what_the_daemon_says_is_checked)
{
	world_start();
	admin_put_config(world.folder);
	admin_start(world.folder);
	daemon_certifies(world.key, daemon_cert, daemon_anchors, 0); /* not for the key of bob */
	REFUSES(ADD_HERE("bob"), CLI_FAILED, "meshca: ");
	ck_assert(!world_has("o/bob.crt"));
	for (size_t i = 0; i < 2; i++) { /* cut, and with more than there is of them */
		size_t len = i == 0 ? 7 : 4 + make_ca_der(world.ca).len + 2;

		daemon_certifies(world.key, daemon_cert, daemon_anchors, len);
		REFUSES(ADD_HERE("eve"), CLI_FAILED, "no trust anchors");
		ck_assert(!world_has("o/eve.key") && !world_has("o/eve.crt"));
	}
	admin.answer = (struct msg_adm_ans){.status = (uint32_t)MC_ECONFLICT,
	    .detail = base_span_str("mallory")};
	REFUSES(ADD_HERE("mallory"), CLI_FAILED, "(mallory)");
	ck_assert(!world_has("o/mallory.key"));
	admin_stop();
	world_stop();
}
END_TEST

START_TEST(people_are_a_table)
{
	world_start();
	ROUTES(OK("GET /v1/users",
	    "{\"users\":[{\"name\":\"bob\",\"role\":\"viewer\",\"not_after\":\"2027-01-01T00:00:00Z\","
	    "\"added_at\":\"2026-01-01T00:00:00Z\",\"added_by\":\"alice\",\"serial\":\"1a\"}]}"));
	ck_assert_int_eq(AS_ALICE("user", "list"), CLI_OK);
	SAYS(said.out, "ADDED BY");
	SAYS(said.out, "bob");
	SAYS(said.out, "2027-01-01T00:00:00Z");
	SAYS(said.out, "alice");
	ck_assert_int_eq(AS_ALICE("user", "list", "--json"), CLI_OK);
	SAYS(said.out, "\"added_by\": \"alice\"");
	ROUTES(PROBLEM("GET /v1/users", 403, "denied"));
	REFUSES(AS_ALICE("user", "list"), CLI_DENIED, "the detail");
	world_stop();
}
END_TEST

START_TEST(a_removal_is_approved)
{
	json_t *body;

	world_start();
	ROUTES(OK("POST /v1/users/bob/remove", "{}"), PROBLEM("POST /v1/users/eve/remove", 404, "no"));
	ck_assert_int_eq(AS_ALICE("user", "remove", "bob"), CLI_OK);
	ck_assert_str_eq(said.out, "bob is removed, the certificate revoked\n");
	body = json_loads(world_asked(0, "POST /v1/users/bob/remove")->body, 0, NULL);
	ck_assert(approved_by(world.key, json_object_get(body, "approval"),
	    "meshca-user-remove-v1\nbob\n"));
	json_decref(body);
	REFUSES(AS_ALICE("user", "remove", "eve"), CLI_NOT_FOUND, "the detail");
	world_stop();
}
END_TEST

CHECK_MAIN("cli_user", a_name_is_a_file_name_too, a_role_is_one_of_three,
    a_person_gets_a_folder_that_works, a_key_that_is_there_is_never_replaced, a_refusal_leaves_no_key,
    a_certificate_for_another_key_is_not_taken, default_is_in_the_home_with_whole_paths,
    without_a_daemon_nothing_is_left,
    the_daemon_is_asked_with_a_public_key, what_the_daemon_says_is_checked, people_are_a_table, a_removal_is_approved)
