/* SPDX-License-Identifier: Apache-2.0 */
/* What /readyz says of a front in each state. */
#include <jansson.h>
#include <stdio.h>

#include "tests/unit/probe_front.h"

static struct probe_part parts[3];

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
	ck_assert_ptr_nonnull(strstr(parts[1].reason, mc_err_text(MC_ENOTREADY)));
	snprintf(envs[0].signer_why, sizeof(envs[0].signer_why), "the clock stepped");
	ck_assert(!ready());
	ck_assert_str_eq(parts[1].reason, "signer: the clock stepped");
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
	ck_assert_ptr_nonnull(strstr(parts[0].reason, mc_err_text(MC_ESTORE)));
	snprintf(ledger.detail, sizeof(ledger.detail), "disk I/O error");
	ck_assert(!ready());
	ck_assert_str_eq(parts[0].reason, "store: disk I/O error");
	ck_assert_int_eq(strncmp(parts[0].reason, "store: ", 7), 0);
	all_is_well();
	ledger.asked_boot_us = 0;
	ck_assert(!ready());
	all_is_well();
	ck_assert(!probe_parts(&front, &ledger, 1000 + PROBE_STALE_US + 1, parts));
	ck_assert_ptr_nonnull(strstr(parts[0].reason, "lately"));
	ck_assert(probe_parts(&front, &ledger, 1000 + PROBE_STALE_US, parts));
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
	ck_assert(json_is_true(json_object_get(json_array_get(list, 0), "ready")));
	ck_assert(json_is_false(json_object_get(json_array_get(list, 1), "ready")));
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 1), "reason")),
	    parts[1].reason);
	ck_assert(json_is_true(json_object_get(json_array_get(list, 1), "required")));
	ck_assert(json_is_false(json_object_get(json_array_get(list, 2), "required")));
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 2), "name")),
	    CONFIG_OPERATORS);
	ck_assert_uint_eq(out.ptr[out.len - 1], '\n');
	json_decref(root);
	base_buf_clear(&out);
}
END_TEST

CHECK_MAIN("api_probe_ready", ready_when_every_part_is,
    a_sealed_environment_is_named_with_what_to_do,
    the_operators_do_not_make_the_mesh_unready,
    each_missing_piece_makes_it_unready,
    a_revoked_issuing_ca_is_named_until_another_is_at_work,
    the_answer_is_json_with_reasons)
