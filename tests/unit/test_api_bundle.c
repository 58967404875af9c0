/* SPDX-License-Identifier: Apache-2.0 */
#include "api/bundle.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "tests/unit/check_main.h"

static struct base_buf anchors, out;

static void
add(const char *name)
{
	char path[256], text[8192];
	struct base_buf der;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/bundle/%s.pem", TEST_DATA, name);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	base_buf_init(&der, 4096);
	ck_assert_int_eq(base_enc_unpem(&der, "CERTIFICATE", base_span_of(text, len), NULL), MC_OK);
	base_buf_append_le32(&anchors, (uint32_t)der.len);
	base_buf_append(&anchors, der.ptr, der.len);
	base_buf_clear(&der);
}

static struct msg_bundle_ans
bundle(void)
{
	return (struct msg_bundle_ans){.sequence = 7, .anchors = base_buf_span(&anchors)};
}

static void
begin(void)
{
	base_buf_init(&anchors, 65536);
	base_buf_init(&out, 65536);
}

static void
end(void)
{
	base_buf_clear(&anchors);
	base_buf_clear(&out);
}

START_TEST(pem_holds_every_anchor_in_order)
{
	struct msg_bundle_ans ans;
	struct base_buf der;
	struct base_span rest;

	begin();
	add("p256");
	add("rsa2048");
	ans = bundle();
	ck_assert_int_eq(bundle_pem(&ans, &out), MC_OK);
	base_buf_init(&der, 65536);
	base_buf_append_le32(&der, 0);
	base_buf_reset(&der);
	ck_assert_int_eq(base_enc_unpem(&der, "CERTIFICATE", base_buf_span(&out), &rest), MC_OK);
	ck_assert_mem_eq(der.ptr, anchors.ptr + 4, der.len);
	base_buf_reset(&der);
	ck_assert_int_eq(base_enc_unpem(&der, "CERTIFICATE", rest, NULL), MC_OK);
	ck_assert_mem_eq(der.ptr, anchors.ptr + anchors.len - der.len, der.len);
	base_buf_clear(&der);
	end();
}
END_TEST

START_TEST(spiffe_keys_have_the_required_members_and_no_kid)
{
	static const char *const want[][5] = {
	    {"EC", "P-256", "x", "y", NULL},
	    {"EC", "P-384", "x", "y", NULL},
	    {"RSA", NULL, "n", "e", NULL},
	};
	struct msg_bundle_ans ans;
	json_t *root, *keys, *jwk;
	size_t at;

	begin();
	add("p256");
	add("p384");
	add("rsa2048");
	ans = bundle();
	ck_assert_int_eq(bundle_spiffe(&ans, &out), MC_OK);
	root = json_loadb((const char *)out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "spiffe_sequence")), 7);
	ck_assert_int_gt(json_integer_value(json_object_get(root, "spiffe_refresh_hint")), 0);
	keys = json_object_get(root, "keys");
	ck_assert_uint_eq(json_array_size(keys), 3);
	json_array_foreach(keys, at, jwk) {
		const json_t *curve = json_object_get(jwk, "crv");

		ck_assert_str_eq(json_string_value(json_object_get(jwk, "use")), "x509-svid");
		ck_assert_ptr_null(json_object_get(jwk, "kid"));
		ck_assert_uint_eq(json_array_size(json_object_get(jwk, "x5c")), 1);
		ck_assert_str_eq(json_string_value(json_object_get(jwk, "kty")), want[at][0]);
		ck_assert_pstr_eq(json_string_value(curve), want[at][1]);
		ck_assert(json_is_string(json_object_get(jwk, want[at][2])));
		ck_assert(json_is_string(json_object_get(jwk, want[at][3])));
	}
	/* RFC 7518 6.3.1.2: 65537 */
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(keys, 2), "e")), "AQAB");
	/* 32 bytes are 43 characters, 48 are 64, 256 are 342 */
	ck_assert_uint_eq(json_string_length(json_object_get(json_array_get(keys, 0), "x")), 43);
	ck_assert_uint_eq(json_string_length(json_object_get(json_array_get(keys, 1), "y")), 64);
	ck_assert_uint_eq(json_string_length(json_object_get(json_array_get(keys, 2), "n")), 342);
	json_decref(root);
	end();
}
END_TEST

START_TEST(an_empty_bundle_is_one_without_keys)
{
	struct msg_bundle_ans ans = {.sequence = 1};

	begin();
	ck_assert_int_eq(bundle_spiffe(&ans, &out), MC_OK);
	ck_assert_int_eq(strncmp((const char *)out.ptr, "{\"keys\":[],", 11), 0);
	end();
}
END_TEST

START_TEST(malformed_anchors_are_refused)
{
	struct msg_bundle_ans ans;

	begin();
	add("p256");
	ans = bundle();
	ans.anchors.len--;
	ck_assert_int_eq(bundle_pem(&ans, &out), MC_EFRAME);
	ck_assert_int_eq(bundle_spiffe(&ans, &out), MC_EFRAME);
	anchors.ptr[4] ^= 1; /* no longer a SEQUENCE */
	ans = bundle();
	ck_assert_int_eq(bundle_spiffe(&ans, &out), MC_EENCODING);
	end();
}
END_TEST

CHECK_MAIN("api_bundle", pem_holds_every_anchor_in_order,
    spiffe_keys_have_the_required_members_and_no_kid, an_empty_bundle_is_one_without_keys,
    malformed_anchors_are_refused)
