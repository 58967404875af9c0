/* SPDX-License-Identifier: Apache-2.0 */
/* What /readyz and the gauges say of a front in each state. */
#include "api/probe_int.h"

#include <jansson.h>
#include <string.h>

#include "api/tls_server.h"
#include "base/msg.h"
#include "tests/unit/check_main.h"

static bool link_up, certified;
static struct link *const some_link = (struct link *)&link_up;

bool
link_is_up(const struct link *link)
{
	(void)link;
	return link_up;
}

bool
tls_server_is_certified(const struct tls_server *server)
{
	(void)server;
	return certified;
}

unsigned
tls_server_connections(const struct tls_server *server)
{
	(void)server;
	return 12;
}

static char production[] = "production";
static char operators[] = CONFIG_OPERATORS;
static char pem[] = "-----BEGIN CERTIFICATE-----\n";
static struct config_environment configs[2];
static struct front_env envs[2];
static struct front front;
static struct probe_ledger ledger;
static struct probe_part parts[3];

static void
all_is_well(void)
{
	link_up = certified = true;
	configs[0].name = production;
	configs[1].name = operators;
	for (int i = 0; i < 2; i++) {
		envs[i] = (struct front_env){.config = &configs[i],
		    .signer = some_link,
		    .bundle_pem = pem,
		    .issuer_not_after_at = 5000,
		    .tls = (struct tls_server *)&certified};
	}
	front = (struct front){.ledger = some_link, .envs = envs, .env_count = 2};
	ledger = (struct probe_ledger){.asked_boot_us = 1000};
}

static bool
ready(void)
{
	return probe_parts(&front, &ledger, 2000, parts);
}

START_TEST(ready_when_every_part_is)
{
	all_is_well();
	ck_assert(ready());
	for (int i = 0; i < 3; i++) {
		ck_assert(parts[i].ready);
	}
	ck_assert_str_eq(parts[0].name, "ledger");
	ck_assert_str_eq(parts[1].name, "production");
	ck_assert(!parts[1].optional);
	ck_assert(parts[2].optional);
}
END_TEST

START_TEST(a_sealed_environment_is_named_with_what_to_do)
{
	all_is_well();
	envs[0].signer_state = MC_ESEALED;
	ck_assert(!ready());
	ck_assert(parts[0].ready);
	ck_assert(!parts[1].ready);
	ck_assert_ptr_nonnull(strstr(parts[1].reason, "run 'meshca unseal production'"));
}
END_TEST

START_TEST(the_operators_do_not_make_the_mesh_unready)
{
	all_is_well();
	envs[1].signer_state = MC_ESEALED;
	ck_assert(ready());
	ck_assert(!parts[2].ready);
}
END_TEST

START_TEST(each_missing_piece_makes_it_unready)
{
	all_is_well();
	envs[0].signer_state = MC_ENOTREADY;
	ck_assert(!ready());
	all_is_well();
	envs[0].bundle_pem = NULL;
	ck_assert(!ready());
	all_is_well();
	envs[0].tls = NULL;
	ck_assert(!ready());
	all_is_well();
	certified = false;
	ck_assert(!ready());
	all_is_well();
	link_up = false;
	ck_assert(!ready());
	all_is_well();
	ledger.blocked = true;
	ck_assert(!ready());
	ck_assert_ptr_nonnull(strstr(parts[0].reason, "disk"));
	all_is_well();
	ledger.status = MC_ESTORE;
	ck_assert(!ready());
	ck_assert_int_eq(strncmp(parts[0].reason, "store: ", 7), 0);
	all_is_well();
	ledger.asked_boot_us = 0;
	ck_assert(!ready());
	all_is_well();
	ck_assert(!probe_parts(&front, &ledger, 1000 + PROBE_STALE_US + 1, parts));
	all_is_well();
	front.draining = true;
	ck_assert(!ready());
}
END_TEST

START_TEST(a_revoked_issuing_ca_is_named_until_another_is_at_work)
{
	struct probe_issuer issuers[] = {
	    {.environment = "production", .profile = MSG_PROFILE_ISSUING, .revoked = true,
		.issuer_id = {1}},
	    {.environment = "production", .profile = MSG_PROFILE_ISSUING, .issuer_id = {2}}};

	all_is_well();
	ledger.issuers = issuers;
	ledger.issuer_count = 2;
	envs[0].issuer_id[0] = 1;
	ck_assert(!ready());
	ck_assert(parts[0].ready);
	ck_assert(!parts[1].ready);
	ck_assert_ptr_nonnull(
	    strstr(parts[1].reason, "meshca issuer rotate --environment production"));
	envs[0].issuer_id[0] = 2;
	ck_assert(ready());
}
END_TEST

START_TEST(the_answer_is_json_with_reasons)
{
	struct base_buf out;
	json_t *root;
	const json_t *list;

	all_is_well();
	envs[0].signer_state = MC_ESEALED;
	base_buf_init(&out, 4096);
	probe_ready_json(ready(), parts, 3, &out);
	root = json_loadb((const char *)out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert(json_is_false(json_object_get(root, "ready")));
	list = json_object_get(root, "parts");
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert_ptr_null(json_object_get(json_array_get(list, 0), "reason"));
	ck_assert(json_is_string(json_object_get(json_array_get(list, 1), "reason")));
	json_decref(root);
	base_buf_clear(&out);
}
END_TEST

START_TEST(expiry_tells_of_the_environment_that_ends_first)
{
	struct probe_issuer issuers[] = {
	    {.environment = "production", .profile = MSG_PROFILE_ENVIRONMENT, .not_after_at = 9000},
	    {.environment = "staging", .profile = MSG_PROFILE_ENVIRONMENT, .not_after_at = 8000,
		.crl_number = 4, .crl_this_update_at = 900, .crl_next_update_at = 1500},
	    {.environment = CONFIG_OPERATORS, .profile = MSG_PROFILE_ENVIRONMENT,
		.not_after_at = 2000}};
	struct base_buf out;
	char *text;

	all_is_well();
	ledger.issuers = issuers;
	ledger.issuer_count = 3;
	ledger.intent_count = 77;
	ledger.commit_us = 2500000;
	base_buf_init(&out, 65536);
	probe_gauges(&front, &ledger, 1000, &out);
	text = base_buf_take_str(&out);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(
	    strstr(text, "\ncitadel_server_root_cert_expiry_timestamp 8000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\ncitadel_server_root_cert_expiry_seconds 7000\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\ncitadel_server_cert_chain_expiry_timestamp 5000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\ncitadel_server_cert_chain_expiry_seconds 4000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_ledger_intents_total 77\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_ledger_commit_seconds_total 2.500000\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\nmeshca_connections{environment=\"production\"} 12\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_crl_age_seconds{issuer=\"0000"));
	ck_assert_ptr_nonnull(strstr(text, "} 100\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nprocess_resident_memory_bytes "));
	free(text);
}
END_TEST

CHECK_MAIN("api_probe", ready_when_every_part_is, a_sealed_environment_is_named_with_what_to_do,
    the_operators_do_not_make_the_mesh_unready, each_missing_piece_makes_it_unready,
    a_revoked_issuing_ca_is_named_until_another_is_at_work, the_answer_is_json_with_reasons,
    expiry_tells_of_the_environment_that_ends_first)
