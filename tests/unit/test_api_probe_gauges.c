/* SPDX-License-Identifier: Apache-2.0 */
/* The gauges of a front in each state. */
#include <stdio.h>

#include "base/mem.h"
#include "tests/unit/probe_front.h"

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

static char *
gauges(int64_t now_at)
{
	struct base_buf out;

	base_buf_init(&out, 65536);
	probe_gauges(&front, &ledger, now_at, &out);
	ck_assert(!base_buf_failed(&out));
	return base_buf_take_str(&out);
}

/* Whether the text has exactly this line. */
static bool
has_line(const char *text, const char *line)
{
	char *whole = base_xasprintf("\n%s\n", line);
	bool found = strstr(text, whole) != NULL;

	free(whole);
	return found;
}

START_TEST(an_environments_state)
{
	static const struct {
		enum mc_err state;
		bool up;
		int ready, sealed;
	} cases[] = {{MC_OK, true, 1, 0}, {MC_OK, false, 0, 0}, {MC_ESEALED, true, 0, 1},
	    {MC_ENOTREADY, true, 0, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[100];
		char *text;

		all_is_well();
		envs[0].signer_state = cases[i].state;
		link_up = cases[i].up;
		text = gauges(1000);
		snprintf(want, sizeof(want), "meshca_signer_ready{environment=\"production\"} %d",
		    cases[i].ready);
		ck_assert_msg(has_line(text, want), "%s", want);
		snprintf(want, sizeof(want), "meshca_signer_sealed{environment=\"production\"} %d",
		    cases[i].sealed);
		ck_assert_msg(has_line(text, want), "%s", want);
		snprintf(want, sizeof(want), "meshca_ledger_up %d", cases[i].up);
		ck_assert_msg(has_line(text, want), "%s", want);
		free(text);
	}
}
END_TEST

/* Each number under its own name. */
START_TEST(numbers)
{
	static const char *const want[] = {
	    "meshca_signer_signatures_total{environment=\"production\"} 11",
	    "meshca_signer_refused_total{environment=\"production\"} 12",
	    "meshca_signer_cpu_seconds_total{environment=\"production\"} 13.500000",
	    "meshca_bundle_sequence{environment=\"production\"} 14",
	    "meshca_issuer_expiry_timestamp{environment=\"production\"} 5000",
	    "meshca_connections{environment=\"operators\"} 0",
	    "meshca_ledger_intents_total 21",
	    "meshca_ledger_signatures_total 22",
	    "meshca_ledger_unconfirmed 23",
	    "meshca_ledger_newest_intent_timestamp 24",
	    "meshca_ledger_commits_total 25",
	    "meshca_ledger_commit_seconds_total 0.000026",
	    "meshca_ledger_commit_seconds_last 0.000027",
	    "meshca_ledger_disk_free_bytes 28",
	    "meshca_ledger_blocked 1",
	    "meshca_ledger_cpu_seconds_total 0.000029",
	};
	char *text;

	all_is_well();
	envs[0].signed_count = 11;
	envs[0].refused_count = 12;
	envs[0].signer_cpu_us = 13500000;
	envs[0].bundle_sequence = 14;
	envs[1].tls = NULL;
	ledger = (struct probe_ledger){.intent_count = 21, .signed_count = 22,
	    .unconfirmed_count = 23, .newest_intent_at = 24, .commit_count = 25, .commit_us = 26,
	    .fsync_us_last = 27, .disk_free_bytes = 28, .blocked = true, .cpu_us = 29};
	text = gauges(1000);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert_msg(has_line(text, want[i]), "%s", want[i]);
	}
	ck_assert_ptr_nonnull(strstr(text, "\nmeshca_build_info{version=\""));
	free(text);
}
END_TEST

/* What is not known is 0, not a time in 1970 that would ring every alarm. */
START_TEST(what_is_not_known)
{
	static const char *const want[] = {
	    "citadel_server_root_cert_expiry_timestamp 0", "citadel_server_root_cert_expiry_seconds 0",
	    "citadel_server_cert_chain_expiry_timestamp 0",
	    "citadel_server_cert_chain_expiry_seconds 0",
	};
	char *text;

	all_is_well();
	envs[0].issuer_not_after_at = 0;
	envs[1].issuer_not_after_at = 4000; /* the operators' is not the mesh's */
	text = gauges(1000);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert_msg(has_line(text, want[i]), "%s", want[i]);
	}
	free(text);
}
END_TEST

/* By issuer; one that has no CRL yet has no age. */
START_TEST(crls)
{
	struct probe_issuer issuers[] = {
	    {.environment = "production", .profile = MSG_PROFILE_ISSUING, .issuer_id = {0xab},
		.crl_number = 7, .crl_this_update_at = 900, .crl_next_update_at = 1500},
	    {.environment = "production", .profile = MSG_PROFILE_ISSUING, .issuer_id = {0xcd}}};
	static const char zeros[] =
	    "00000000000000000000000000000000000000000000000000000000000000";
	char line[160];
	char *text;

	all_is_well();
	ledger.issuers = issuers;
	ledger.issuer_count = 2;
	text = gauges(1000);
	snprintf(line, sizeof(line), "meshca_crl_number{issuer=\"ab%s\"} 7", zeros);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "meshca_crl_age_seconds{issuer=\"ab%s\"} 100", zeros);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "meshca_crl_remaining_seconds{issuer=\"ab%s\"} 500", zeros);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "meshca_crl_number{issuer=\"cd%s\"} 0", zeros);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "_seconds{issuer=\"cd%s", zeros);
	ck_assert_ptr_null(strstr(text, line));
	free(text);
}
END_TEST

CHECK_MAIN("api_probe_gauges", expiry_tells_of_the_environment_that_ends_first,
    an_environments_state, numbers, what_is_not_known, crls)
