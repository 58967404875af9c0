/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rest_int.h"
#include "base/applied.h"
#include "base/crypto.h"
#include "base/enc.h"
#include "tests/unit/api_fakes.h"
#include "tests/unit/check_main.h"

static const uint8_t serial[] = {0x0b, 0xad};
static const uint8_t der[] = {0x30, 0x03, 0x02, 0x01, 0x05};
#define DER_PEM "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n"

static void
fill(uint8_t *bytes, size_t len, uint8_t value)
{
	memset(bytes, value, len);
}

/* Releases json. want: the text of a value as jansson writes it. */
static void
expect(json_t *json, const char *want)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, want);
	free(text);
	json_decref(json);
}

static void
expect_member(const json_t *object, const char *name, const char *want)
{
	ck_assert_msg(json_object_get(object, name) != NULL, "no %s", name);
	expect(json_incref(json_object_get(object, name)), want);
}

START_TEST(text_is_text_or_hex)
{
	expect(rest_json_span(base_span_of(NULL, 0)), "null");
	expect(rest_json_span(base_span_str("a\"b")), "\"a\\\"b\"");
	expect(rest_json_span(base_span_str("\xc3\xa4")), "\"\xc3\xa4\"");
	expect(rest_json_span(base_span_str("a\xff")), "\"61ff\"");
	expect(rest_json_span(base_span_of("a\0b", 3)), "\"a\\u0000b\"");
	expect(rest_json_hex(base_span_of(NULL, 0)), "null");
	expect(rest_json_hex(base_span_of(serial, sizeof(serial))), "\"0bad\"");
}
END_TEST

START_TEST(times_are_utc_and_zero_is_none)
{
	expect(rest_json_time(0), "null");
	expect(rest_json_time(1), "\"1970-01-01T00:00:01Z\"");
	expect(rest_json_time(1700000000), "\"2023-11-14T22:13:20Z\"");
}
END_TEST

START_TEST(certificates_are_pem)
{
	json_t *json = rest_json_pem(base_span_of(der, sizeof(der)));
	static uint8_t large[LIMIT_FRAME];

	ck_assert_str_eq(json_string_value(json), DER_PEM);
	json_decref(json);
	expect(rest_json_pem(base_span_of(NULL, 0)), "null");
	json = rest_json_pem(base_span_of(large, sizeof(large))); /* nothing longer comes */
	ck_assert(json_is_string(json));
	json_decref(json);
}
END_TEST

static struct msg_cert_row
cert_row(void)
{
	struct msg_cert_row row = {.seq = INT64_MAX,
	    .profile = MSG_PROFILE_SERVER,
	    .state = MSG_STATE_SIGNED,
	    .reason = MSG_REASON_SUPERSEDED,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .environment = base_span_str("production"),
	    .cluster = base_span_str("east"),
	    .identity = base_span_str("spiffe://cluster.local/ns/a/sa/b"),
	    .requester = base_span_str("alice"),
	    .evidence = base_span_str("{\"role\":\"admin\"}"),
	    .recorded_at = 1700000000,
	    .not_before_at = 1700000001,
	    .not_after_at = 1700000002,
	    .cert = base_span_of(der, sizeof(der)),
	    .tbs = base_span_of(der, 3)};

	fill(row.issuer_id, sizeof(row.issuer_id), 0x11);
	fill(row.spki_sha256, sizeof(row.spki_sha256), 0x22);
	fill(row.request_id, sizeof(row.request_id), 0x33);
	fill(row.leaf_hash, sizeof(row.leaf_hash), 0x44);
	return row;
}

#define HEX16(b) b b b b b b b b b b b b b b b b
#define HEX32(b) HEX16(b) HEX16(b)

START_TEST(a_certificate_has_all_that_the_ledger_knows)
{
	struct msg_cert_row row = cert_row();

	expect(rest_json_cert(&row),
	    "{\"serial\":\"0bad\",\"environment\":\"production\",\"profile\":\"server\","
	    "\"state\":\"signed\",\"identity\":\"spiffe://cluster.local/ns/a/sa/b\","
	    "\"cluster\":\"east\",\"requester\":\"alice\",\"evidence\":{\"role\":\"admin\"},"
	    "\"issuer_id\":\"" HEX32("11") "\",\"spki_sha256\":\"" HEX32("22") "\","
	    "\"request_id\":\"" HEX16("33") "\",\"sequence\":9223372036854775807,"
	    "\"recorded_at\":\"2023-11-14T22:13:20Z\",\"not_before\":\"2023-11-14T22:13:21Z\","
	    "\"not_after\":\"2023-11-14T22:13:22Z\",\"revoked_at\":null,\"reason\":null,"
	    "\"leaf_hash\":\"" HEX32("44") "\"}");
}
END_TEST

START_TEST(a_reason_comes_with_a_revocation)
{
	struct msg_cert_row row = cert_row();
	json_t *json;

	row.state = MSG_STATE_REVOKED;
	row.revoked_at = 1700000003;
	json = rest_json_cert(&row);
	expect_member(json, "state", "\"revoked\"");
	expect_member(json, "revoked_at", "\"2023-11-14T22:13:23Z\"");
	expect_member(json, "reason", "\"superseded\"");
	json_decref(json);
	row.reason = 7; /* no reason has that number */
	json = rest_json_cert(&row);
	expect_member(json, "reason", "\"unspecified\"");
	json_decref(json);
}
END_TEST

START_TEST(evidence_that_is_not_json_is_shown_as_it_is)
{
	struct msg_cert_row row = cert_row();
	static const struct {
		const char *evidence, *want;
	} rows[] = {{"plain", "\"plain\""}, {"", "null"}, {"\xff", "\"ff\""}, {"7", "7"},
	    {"{\"a\":1} x", "\"{\\\"a\\\":1} x\""}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *json;

		row.evidence = base_span_str(rows[i].evidence);
		json = rest_json_cert(&row);
		expect_member(json, "evidence", rows[i].want);
		json_decref(json);
	}
}
END_TEST

START_TEST(the_whole_certificate_has_its_bytes_and_what_was_signed)
{
	struct msg_cert_row row = cert_row();
	char want[67];
	uint8_t hash[32];
	json_t *json;

	base_crypto_sha256(row.tbs, hash);
	want[0] = '"';
	base_enc_hex(hash, 32, want + 1);
	want[65] = '"';
	want[66] = '\0';
	json = rest_json_cert_full(&row);
	expect_member(json, "serial", "\"0bad\"");
	ck_assert_str_eq(json_string_value(json_object_get(json, "certificate")), DER_PEM);
	expect_member(json, "tbs_sha256", want);
	json_decref(json);
	row.cert = row.tbs = base_span_of(NULL, 0);
	json = rest_json_cert_full(&row);
	expect_member(json, "certificate", "null");
	expect_member(json, "tbs_sha256", "null");
	json_decref(json);
}
END_TEST

START_TEST(an_issuer_has_its_crl_once_there_is_one)
{
	struct msg_issuer_row row = {.profile = MSG_PROFILE_ISSUING,
	    .state = MSG_STATE_SIGNED,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .environment = base_span_str("production"),
	    .trust_domain = base_span_str("cluster.local"),
	    .subject = base_span_str("CN=x"),
	    .key_id = base_span_of(serial, 1),
	    .not_before_at = 1700000000,
	    .not_after_at = 1700000001};
	json_t *json;

	fill(row.issuer_id, sizeof(row.issuer_id), 0x11);
	expect(rest_json_issuer(&row),
	    "{\"id\":\"" HEX32("11") "\",\"serial\":\"0bad\",\"profile\":\"issuing\","
	    "\"state\":\"signed\",\"environment\":\"production\",\"trust_domain\":\"cluster.local\","
	    "\"subject\":\"CN=x\",\"key_id\":\"0b\",\"not_before\":\"2023-11-14T22:13:20Z\","
	    "\"not_after\":\"2023-11-14T22:13:21Z\",\"crl\":null,\"certificate\":null}");
	row.crl_number = 3;
	row.crl_this_update_at = 1700000000;
	row.crl_next_update_at = 1700000001;
	row.cert = base_span_of(der, sizeof(der));
	json = rest_json_issuer(&row);
	expect_member(json, "crl", "{\"number\":3,\"this_update\":\"2023-11-14T22:13:20Z\","
				   "\"next_update\":\"2023-11-14T22:13:21Z\"}");
	ck_assert_str_eq(json_string_value(json_object_get(json, "certificate")), DER_PEM);
	json_decref(json);
}
END_TEST

START_TEST(a_user_has_role_and_certificate)
{
	struct msg_user_row row = {.name = base_span_str("bob"),
	    .role = MSG_USER_OPERATOR,
	    .serial = base_span_of(serial, sizeof(serial)),
	    .added_at = 1700000000,
	    .added_by = base_span_str("alice"),
	    .not_after_at = 1700000001};

	fill(row.cert_sha256, sizeof(row.cert_sha256), 0x11);
	expect(rest_json_user(&row),
	    "{\"name\":\"bob\",\"role\":\"operator\",\"certificate_sha256\":\"" HEX32("11") "\","
	    "\"serial\":\"0bad\",\"added_at\":\"2023-11-14T22:13:20Z\",\"added_by\":\"alice\","
	    "\"not_after\":\"2023-11-14T22:13:21Z\"}");
}
END_TEST

START_TEST(an_event_says_who_what_when_and_whence)
{
	struct msg_event_row row = {.seq = 7,
	    .at = 1700000000,
	    .actor = base_span_str("alice"),
	    .action = base_span_str("certificate-revoked"),
	    .target = base_span_str("0bad"),
	    .from = base_span_str("192.0.2.7:1"),
	    .note = base_span_str("superseded")};

	fill(row.request_id, sizeof(row.request_id), 0x33);
	expect(rest_json_event(&row),
	    "{\"sequence\":7,\"at\":\"2023-11-14T22:13:20Z\",\"actor\":\"alice\","
	    "\"action\":\"certificate-revoked\",\"target\":\"0bad\",\"from\":\"192.0.2.7:1\","
	    "\"note\":\"superseded\",\"request_id\":\"" HEX16("33") "\"}");
}
END_TEST

START_TEST(a_registration_has_lists_and_what_the_environment_gives)
{
	struct msg_registration_row row = {.identity = base_span_str("spiffe://d/ns/a/sa/b"),
	    .ns = base_span_str("a"),
	    .sa = base_span_str("b"),
	    .owner = base_span_str("team"),
	    .state = BASE_APPLIED_SUSPENDED,
	    .max_ttl_s = 60,
	    .dns_names = base_span_str("x.example,y.example"),
	    .registered_at = 1700000000};
	json_t *json;

	row.key_types = base_applied_key_bit(base_span_str("p-256")) |
	    base_applied_key_bit(base_span_str("rsa-4096"));
	expect(rest_json_registration(&row),
	    "{\"identity\":\"spiffe://d/ns/a/sa/b\",\"namespace\":\"a\",\"service_account\":\"b\","
	    "\"owner\":\"team\",\"state\":\"suspended\",\"max_ttl_seconds\":60,"
	    "\"key_types\":[\"p-256\",\"rsa-4096\"],\"dns_names\":[\"x.example\",\"y.example\"],"
	    "\"registered_at\":\"2023-11-14T22:13:20Z\",\"last_issued_at\":null,"
	    "\"last_not_after\":null}");
	row.key_types = 0;
	row.max_ttl_s = 0;
	row.dns_names = base_span_of(NULL, 0);
	row.last_issued_at = 1700000001;
	row.last_not_after_at = 1700000002;
	json = rest_json_registration(&row);
	expect_member(json, "key_types", "[]");
	expect_member(json, "max_ttl_seconds", "null");
	expect_member(json, "dns_names", "[]");
	expect_member(json, "last_issued_at", "\"2023-11-14T22:13:21Z\"");
	expect_member(json, "last_not_after", "\"2023-11-14T22:13:22Z\"");
	json_decref(json);
}
END_TEST

CHECK_MAIN("api_rest_json", text_is_text_or_hex, times_are_utc_and_zero_is_none,
    certificates_are_pem, a_certificate_has_all_that_the_ledger_knows,
    a_reason_comes_with_a_revocation, evidence_that_is_not_json_is_shown_as_it_is,
    the_whole_certificate_has_its_bytes_and_what_was_signed,
    an_issuer_has_its_crl_once_there_is_one, a_user_has_role_and_certificate,
    an_event_says_who_what_when_and_whence,
    a_registration_has_lists_and_what_the_environment_gives)
