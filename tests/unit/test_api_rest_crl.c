/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

#include "base/clock.h"
#include "base/crypto.h"

#define ISSUERS_MAX 128 /* says the refusal */
#define ID_AA       "00000000000000000000000000000000000000000000000000000000000000aa"

static const char crl_path[] = "/v1/issuers/" ID_AA "/crl";
static const char all_path[] = "/v1/environments/production/crl";

/* The ledger's CRL. */
static uint8_t crl[100000];
static uint64_t crl_number;
static size_t crl_len;
static struct msg_crl_ans twist; /* set members replace those of the next answers */
static unsigned replace_left; /* so many times the CRL is replaced after its first chunk */
/* its issuers */
static struct msg_issuer_row issuers[ISSUERS_MAX + 1];
static size_t issuer_count;
static char list_environment[64];
/* what was asked */
static unsigned chunk_count;
static uint8_t asked_ids[ISSUERS_MAX + 1][32];

static void
on_chunk(struct call *call)
{
	struct msg_crl_get ask;
	struct msg_crl_ans ans = {.number = crl_number, .total = crl_len};

	asked(call, &ledger, MSG_CRL_GET, &msg_crl_get_table, &ask);
	base_copy(asked_ids[chunk_count % (ISSUERS_MAX + 1)], ask.issuer_id, 32);
	chunk_count++;
	if (crl_number == 0 || (ask.number != 0 && ask.number != crl_number)) {
		ck_assert(crl_number == 0 || ask.offset > 0);
		ans = (struct msg_crl_ans){.status = MC_ENOTFOUND};
	} else {
		ans.offset = ask.offset;
		ans.bytes = base_span_of(crl + ask.offset, crl_len - ask.offset);
		if (ans.bytes.len > LIMIT_BULK_CHUNK) {
			ans.bytes.len = LIMIT_BULK_CHUNK;
		}
	}
	if (replace_left > 0 && ask.offset == 0) {
		replace_left--;
		crl_number++;
		crl[0]++;
	}
	ans.number = twist.number != 0 ? twist.number : ans.number;
	ans.total = twist.total != 0 ? twist.total : ans.total;
	ans.offset = twist.offset != 0 ? twist.offset : ans.offset;
	answer(call, &msg_crl_ans_table, &ans, false);
}

static void
on_call(struct call *call)
{
	struct msg_issuer_list ask;

	if (call->type == MSG_CRL_GET) {
		on_chunk(call);
		return;
	}
	asked(call, &ledger, MSG_ISSUER_LIST, &msg_issuer_list_table, &ask);
	keep(ask.environment, list_environment, sizeof(list_environment));
	for (size_t i = 0; i < issuer_count; i++) {
		answer(call, &msg_issuer_row_table, &issuers[i], true);
	}
	answer_end(call, 0);
}

static void
set_up(void)
{
	for (size_t i = 0; i < sizeof(crl); i++) {
		crl[i] = (uint8_t)(i * 31 + i / 256);
	}
	crl_number = 5;
	crl_len = sizeof(crl);
	twist = (struct msg_crl_ans){0};
	replace_left = chunk_count = 0;
	issuer_count = 0;
	begin(MSG_USER_INVALID, on_call);
	peer.cert = base_span_of(NULL, 0); /* CRLs are public */
}

static struct msg_issuer_row *
add_issuer(enum msg_profile profile)
{
	struct msg_issuer_row *row = &issuers[issuer_count];

	*row = (struct msg_issuer_row){.profile = (uint8_t)profile,
	    .state = MSG_STATE_SIGNED,
	    .not_after_at = base_clock_now() + 1000,
	    .crl_number = 1};
	row->issuer_id[0] = (uint8_t)issuer_count++;
	row->issuer_id[31] = 0xee;
	return row;
}

START_TEST(a_large_crl_is_gathered_whole)
{
	struct reply reply;

	set_up();
	reply = get(crl_path);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(reply.body_len, sizeof(crl));
	ck_assert_mem_eq(reply.body, crl, sizeof(crl));
	drop(&reply);
	ck_assert_uint_eq(chunk_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(asked_ids[i][31], 0xaa);
	}
	ck_assert_uint_eq(service->bulk_count, 0);
	end();
}
END_TEST

START_TEST(a_crl_of_exactly_one_chunk_needs_no_second)
{
	struct reply reply;

	set_up();
	crl_len = LIMIT_BULK_CHUNK;
	reply = get(crl_path);
	ck_assert_uint_eq(reply.body_len, LIMIT_BULK_CHUNK);
	expect_status(reply, 200);
	ck_assert_uint_eq(chunk_count, 1);
	end();
}
END_TEST

START_TEST(a_crl_that_is_replaced_meanwhile_is_read_anew)
{
	struct reply reply;

	set_up();
	replace_left = 3;
	reply = get(crl_path);
	ck_assert_msg(reply.status == 200, "%s", reply.body);
	ck_assert(has_header(&reply, "ETag: \"8.der\""));
	ck_assert_uint_eq(reply.body_len, sizeof(crl));
	ck_assert_mem_eq(reply.body, crl, sizeof(crl));
	drop(&reply);
	chunk_count = 0;
	replace_left = 100;
	expect_problem(get(crl_path), 404, "not-found"); /* not for ever */
	ck_assert_uint_eq(chunk_count, 8);
	ck_assert_uint_eq(service->bulk_count, 0);
	end();
}
END_TEST

START_TEST(an_issuer_without_a_crl_is_not_found_at_once)
{
	set_up();
	crl_number = 0;
	expect_problem(get(crl_path), 404, "not-found");
	ck_assert_uint_eq(chunk_count, 1);
	end();
}
END_TEST

START_TEST(chunks_that_do_not_fit_together_are_an_error_of_ours)
{
	static const struct msg_crl_ans bad[] = {
	    {.total = 10},                    /* more bytes than there are */
	    {.total = LIMIT_CRL + 1}, /* above our ceiling */
	    {.offset = 1},                    /* a gap */
	};

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		twist = bad[i];
		chunk_count = 0;
		expect_problem_says(get(crl_path), 500, "internal", "do not fit together");
		ck_assert_uint_eq(chunk_count, 1); /* it was seen at once */
	}
	twist = (struct msg_crl_ans){0};
	crl_len = 0; /* no bytes */
	expect_problem_says(get(crl_path), 500, "internal", "do not fit together");
	ck_assert_uint_eq(service->bulk_count, 0);
	end();
}
END_TEST

static struct call held;
static unsigned held_count;

static void
hold(struct call *call)
{
	held = *call;
	held_count++;
	base_buf_init(&call->payload, 0); /* held has it */
}

/* Sends a request and turns until it is asked for. */
static int
ask_held(const char *path)
{
	char *text = base_xasprintf("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	unsigned before = held_count;
	int fd = connect_client();

	serve = hold;
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	for (int i = 0; i < 50 && held_count == before; i++) {
		turn();
	}
	ck_assert_uint_eq(held_count, before + 1);
	base_buf_clear(&held.payload);
	free(text);
	return fd;
}

START_TEST(chunks_of_two_numbers_are_not_joined)
{
	struct msg_crl_ans ans = {.number = 5, .total = 4, .bytes = base_span_str("ab")};
	int fd;

	set_up();
	fd = ask_held(crl_path);
	answer(&held, &msg_crl_ans_table, &ans, false);
	turn();
	ans.number = 6;
	ans.offset = 2;
	base_buf_clear(&held.payload);
	answer(&held, &msg_crl_ans_table, &ans, false);
	expect_problem_says(exchange(fd, "", 0), 500, "internal", "do not fit together");
	base_buf_clear(&held.payload);
	close(fd);
	end();
}
END_TEST

START_TEST(a_few_are_gathered_at_once)
{
	struct msg_crl_ans none = {.status = MC_ENOTFOUND};
	int fds[LIMIT_REST_BULK];

	set_up();
	for (unsigned i = 0; i < LIMIT_REST_BULK; i++) {
		fds[i] = ask_held(crl_path);
		ck_assert_uint_eq(service->bulk_count, i + 1);
	}
	expect_problem(get(crl_path), 503, "busy");
	answer(&held, &msg_crl_ans_table, &none, false);
	expect_problem(exchange(fds[LIMIT_REST_BULK - 1], "", 0), 404, "not-found");
	turn();
	ck_assert_uint_eq(service->bulk_count, LIMIT_REST_BULK - 1);
	serve = on_call;
	expect_status(get(crl_path), 200);
	end();
	for (unsigned i = 0; i < LIMIT_REST_BULK; i++) {
		close(fds[i]);
	}
}
END_TEST

/* --- an environment's --- */

START_TEST(an_environments_crls_are_of_its_unexpired_authorities)
{
	struct base_buf want;
	struct reply reply;
	uint8_t hash[32];
	char hex[65];

	set_up();
	crl_len = 20;
	add_issuer(MSG_PROFILE_ROOT);
	add_issuer(MSG_PROFILE_ENVIRONMENT);
	add_issuer(MSG_PROFILE_LINEAGE);
	add_issuer(MSG_PROFILE_ISSUING);
	add_issuer(MSG_PROFILE_ISSUING)->crl_number = 0;
	add_issuer(MSG_PROFILE_ISSUING)->not_after_at = base_clock_now() - 1;
	add_issuer(MSG_PROFILE_ISSUING)->state = MSG_STATE_REVOKED;
	reply = get(all_path);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(list_environment, "production");
	ck_assert_uint_eq(chunk_count, 3);
	ck_assert_uint_eq(asked_ids[0][0], 1);
	ck_assert_uint_eq(asked_ids[1][0], 3);
	ck_assert_uint_eq(asked_ids[2][0], 6);
	ck_assert_uint_eq(asked_ids[2][31], 0xee);
	base_buf_init(&want, 4096);
	for (int i = 0; i < 3; i++) {
		base_enc_pem(&want, "X509 CRL", base_span_of(crl, crl_len));
	}
	ck_assert_uint_eq(reply.body_len, want.len);
	ck_assert_mem_eq(reply.body, want.ptr, want.len);
	base_crypto_sha256(base_buf_span(&want), hash);
	base_enc_hex(hash, sizeof(hash), hex);
	ck_assert_ptr_nonnull(strstr(reply.head, hex));
	ck_assert(has_header(&reply, "Content-Type: application/x-pem-file"));
	ck_assert(has_header(&reply, "Cache-Control: public, no-cache"));
	drop(&reply);
	base_buf_clear(&want);
	ck_assert_uint_eq(service->bulk_count, 0);
	end();
}
END_TEST

START_TEST(the_whole_is_cached_by_its_bytes)
{
	char line[128];
	struct reply reply;
	const char *at;

	set_up();
	crl_len = 20;
	add_issuer(MSG_PROFILE_ISSUING);
	reply = get(all_path);
	at = strcasestr(reply.head, "\r\nETag: ") + 8;
	snprintf(line, sizeof(line), "If-None-Match: %.66s\r\n", at);
	drop(&reply);
	reply = request("GET", all_path, line, NULL);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nETag: "));
	ck_assert_uint_eq(reply.body_len, 0);
	expect_status(reply, 304);
	crl[3]++;
	expect_status(request("GET", all_path, line, NULL), 200);
	end();
}
END_TEST

START_TEST(an_environment_without_crls_is_not_found)
{
	set_up();
	expect_problem_says(get(all_path), 404, "not-found", "no CRL yet");
	add_issuer(MSG_PROFILE_ROOT);
	expect_problem(get(all_path), 404, "not-found");
	expect_problem_says(get("/v1/environments/nowhere/crl"), 404, "not-found", "no such environment");
	ck_assert_uint_eq(chunk_count, 0);
	end();
}
END_TEST

START_TEST(one_crl_that_cannot_be_had_fails_the_whole)
{
	set_up();
	add_issuer(MSG_PROFILE_ISSUING);
	crl_number = 0;
	expect_problem(get(all_path), 404, "not-found");
	end();
}
END_TEST

START_TEST(an_environment_has_at_most_128_issuers_with_crls)
{
	set_up();
	crl_len = 20;
	for (unsigned i = 0; i < ISSUERS_MAX; i++) {
		add_issuer(MSG_PROFILE_ISSUING);
	}
	expect_status(get(all_path), 200);
	ck_assert_uint_eq(chunk_count, ISSUERS_MAX);
	add_issuer(MSG_PROFILE_ISSUING);
	expect_problem_says(get(all_path), 500, "internal", "128");
	end();
}
END_TEST

CHECK_MAIN("api_rest_crl", a_large_crl_is_gathered_whole, a_crl_of_exactly_one_chunk_needs_no_second,
    a_crl_that_is_replaced_meanwhile_is_read_anew, an_issuer_without_a_crl_is_not_found_at_once,
    chunks_that_do_not_fit_together_are_an_error_of_ours, chunks_of_two_numbers_are_not_joined,
    a_few_are_gathered_at_once, an_environments_crls_are_of_its_unexpired_authorities,
    the_whole_is_cached_by_its_bytes, an_environment_without_crls_is_not_found,
    one_crl_that_cannot_be_had_fails_the_whole, an_environment_has_at_most_128_issuers_with_crls)
