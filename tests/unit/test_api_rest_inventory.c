/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rest_fixture.h"

#include "base/applied.h"
#include "base/crypto.h"

#define PATH "/v1/environments/production/inventory"
#define TYPE "Content-Type: application/vnd.meshca.inventory\r\n"
#define UNTIL "Approval-Expires-At: 2026-11-23T20:41:00Z\r\n"
#define SIGNATURE "Approval-Signature: c2lnbmVk\r\n"
#define NONE "Approval-Replaces: none\r\n"
#define ACCEPT "Accept: application/vnd.meshca.inventory\r\n"

static uint8_t document[LIMIT_BULK_CHUNK + 10]; /* as the ledger has it, and as it comes */
static struct make_ca *admin;
static struct msg_inventory_row row; /* the ledger's answers begin so */
static enum mc_err chunk_status;
/* what was asked */
static unsigned chunk_count, put_count, get_count, list_count;
static struct base_buf sent; /* the chunks' bytes */
static uint8_t sent_ids[4][16];
static struct msg_inventory_put put;
static char put_environment[64], put_from[64], put_sig[32];
static uint8_t put_spki[LIMIT_P256_SPKI];
static struct msg_inventory_get got[4];
static char got_environment[64];
static struct msg_registration_list listed;
static char listed_environment[64];

static void
on_chunk(struct call *call)
{
	struct msg_inventory_chunk chunk;

	asked(call, &ledger, MSG_INVENTORY_CHUNK, &msg_inventory_chunk_table, &chunk);
	ck_assert_uint_eq(chunk.offset, sent.len);
	ck_assert_uint_eq(put_count, 0); /* the pieces come first */
	base_copy(sent_ids[chunk_count++ % 4], chunk.request_id, 16);
	base_buf_append_span(&sent, chunk.bytes);
	answer(call, &msg_status_ans_table, &(struct msg_status_ans){.status = chunk_status}, false);
}

static void
on_put(struct call *call)
{
	asked(call, &ledger, MSG_INVENTORY_PUT, &msg_inventory_put_table, &put);
	keep(put.environment, put_environment, sizeof(put_environment));
	keep(put.from, put_from, sizeof(put_from));
	keep(put.approval_sig, put_sig, sizeof(put_sig));
	ck_assert_uint_eq(put.approver_spki.len, sizeof(put_spki));
	base_copy(put_spki, put.approver_spki.ptr, sizeof(put_spki));
	put_count++;
	answer(call, &msg_inventory_row_table, &row, false);
}

static void
on_get(struct call *call)
{
	struct msg_inventory_get *ask = &got[get_count++ % 4];
	struct msg_inventory_row ans = row;

	asked(call, &ledger, MSG_INVENTORY_GET, &msg_inventory_get_table, ask);
	keep(ask->environment, got_environment, sizeof(got_environment));
	if (ask->with_document != 0 && ans.status == MC_OK) {
		ans.offset = row.offset != 0 ? row.offset : ask->offset;
		ans.bytes = base_span_of(document + ask->offset, sizeof(document) - ask->offset);
		if (ans.bytes.len > LIMIT_BULK_CHUNK) {
			ans.bytes.len = LIMIT_BULK_CHUNK;
		}
	}
	answer(call, &msg_inventory_row_table, &ans, false);
}

static void
on_call(struct call *call)
{
	const struct msg_registration_row registration = {.ns = base_span_str("a"),
	    .state = BASE_APPLIED_ACTIVE};

	if (call->type == MSG_INVENTORY_CHUNK) {
		on_chunk(call);
	} else if (call->type == MSG_INVENTORY_PUT) {
		on_put(call);
	} else if (call->type == MSG_INVENTORY_GET) {
		on_get(call);
	} else {
		asked(call, &ledger, MSG_REGISTRATION_LIST, &msg_registration_list_table, &listed);
		keep(listed.environment, listed_environment, sizeof(listed_environment));
		list_count++;
		answer(call, &msg_registration_row_table, &registration, true);
		answer_end(call, 3);
	}
}

static void
set_up(enum msg_user_role role)
{
	for (size_t i = 0; i < sizeof(document); i++) {
		document[i] = (uint8_t)(i * 31 + i / 256);
	}
	row = (struct msg_inventory_row){.seq = 4,
	    .registered_only = 1,
	    .count = 25,
	    .sha256 = {0xab},
	    .total = sizeof(document),
	    .applied_at = 1700000000,
	    .applied_by = base_span_str("carol"),
	    .changed = 1,
	    .added = 1,
	    .removed = 2,
	    .altered = 3};
	chunk_status = MC_OK;
	chunk_count = put_count = get_count = list_count = 0;
	base_buf_init(&sent, sizeof(document));
	admin = make_ca("P-256", "operators", 2000000000);
	begin(role, on_call);
	peer.cert = make_ca_der(admin);
}

static void
tear_down(void)
{
	end();
	base_buf_clear(&sent);
	make_ca_free(admin);
}

static struct reply
apply(const char *headers, size_t len)
{
	return request_typed("PUT", PATH, headers, (const char *)document, len);
}

/* --- apply --- */

START_TEST(a_document_is_passed_on_in_pieces_and_then_applied)
{
	uint8_t spki[LIMIT_P256_SPKI], sha256[32], zero[32] = {0};
	uint8_t *to = spki;
	struct reply reply;
	char id[33];

	set_up(MSG_USER_ADMIN);
	ck_assert_int_eq(i2d_PUBKEY(admin->key, &to), LIMIT_P256_SPKI);
	base_crypto_sha256(make_ca_der(admin), sha256);
	reply = apply(TYPE UNTIL SIGNATURE NONE "From: mallory\r\n", sizeof(document));
	ck_assert_msg(reply.status == 200, "%s", reply.body);
	ck_assert_str_eq(member(&reply, "environment"), "production");
	ck_assert_str_eq(member(&reply, "registration"), "registered-only");
	ck_assert_str_eq(member(&reply, "applied_by"), "carol"); /* as the ledger says */
	ck_assert(json_is_true(json_object_get(reply.json, "changed")));
	ck_assert_int_eq(number(&reply, "sequence"), 4);
	ck_assert_int_eq(number(&reply, "registrations"), 25);
	ck_assert_int_eq(number(&reply, "added"), 1);
	ck_assert_int_eq(number(&reply, "removed"), 2);
	ck_assert_int_eq(number(&reply, "altered"), 3);
	ck_assert_uint_eq(chunk_count, 2);
	ck_assert_uint_eq(sent.len, sizeof(document));
	ck_assert_mem_eq(sent.ptr, document, sizeof(document));
	ck_assert_uint_eq(put_count, 1);
	ck_assert_str_eq(put_environment, "production");
	ck_assert_str_eq(put_from, "192.0.2.7:1234");
	ck_assert_str_eq(put_sig, "signed");
	ck_assert_int_eq(put.approval_expires_at, 1795466460);
	ck_assert_mem_eq(put.replaces, zero, 32);
	ck_assert_mem_eq(put_spki, spki, sizeof(spki));
	ck_assert_mem_eq(put.approver_sha256, sha256, 32);
	base_enc_hex(put.request_id, 16, id);
	ck_assert_ptr_nonnull(strstr(reply.head, id));
	ck_assert_mem_eq(sent_ids[0], put.request_id, 16);
	ck_assert_mem_eq(sent_ids[1], put.request_id, 16);
	drop(&reply);
	ck_assert_uint_eq(service->upload_count, 0);
	tear_down();
}
END_TEST

START_TEST(a_document_of_exactly_one_piece_is_one)
{
	set_up(MSG_USER_ADMIN);
	expect_status(apply(TYPE UNTIL SIGNATURE NONE, LIMIT_BULK_CHUNK), 200);
	ck_assert_uint_eq(chunk_count, 1);
	ck_assert_uint_eq(sent.len, LIMIT_BULK_CHUNK);
	tear_down();
}
END_TEST

START_TEST(what_it_replaces_is_none_or_a_hash)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
	    {"00000000000000000000000000000000000000000000000000000000000000Aa", 200},
	    {"00000000000000000000000000000000000000000000000000000000000000", 400},
	    {"0000000000000000000000000000000000000000000000000000000000000000aa", 400},
	    {"None", 400}, {"x", 400}, {"", 400}};
	char headers[512];

	set_up(MSG_USER_ADMIN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;

		snprintf(headers, sizeof(headers), TYPE UNTIL SIGNATURE "Approval-Replaces: %s\r\n",
		    rows[i].text);
		reply = apply(headers, 10);
		ck_assert_msg(reply.status == rows[i].status, "%s: %d", rows[i].text, reply.status);
		drop(&reply);
	}
	ck_assert_uint_eq(put_count, 1);
	ck_assert_uint_eq(put.replaces[31], 0xaa);
	ck_assert_uint_eq(put.replaces[0], 0);
	tear_down();
}
END_TEST

START_TEST(nothing_is_applied_without_a_whole_approval)
{
	struct make_ca *other = make_ca("P-384", "operators", 2000000000);

	set_up(MSG_USER_ADMIN);
	expect_problem(apply(TYPE SIGNATURE NONE, 10), 403, "approval");
	expect_problem(apply(TYPE UNTIL NONE, 10), 403, "approval");
	expect_problem(apply(TYPE UNTIL SIGNATURE, 10), 403, "approval");
	expect_problem(apply(TYPE "Approval-Expires-At: soon\r\n" SIGNATURE NONE, 10), 400, "usage");
	expect_problem(apply(TYPE UNTIL "Approval-Signature: c2lnbg\r\n" NONE, 10), 400, "usage");
	peer.cert = make_ca_der(other);
	expect_problem(apply(TYPE UNTIL SIGNATURE NONE, 10), 403, "approval");
	ck_assert_uint_eq(chunk_count, 0);
	ck_assert_uint_eq(service->upload_count, 0);
	tear_down();
	make_ca_free(other);
}
END_TEST

START_TEST(what_cannot_be_applied_is_refused_first)
{
	set_up(MSG_USER_ADMIN);
	expect_problem(apply(TYPE UNTIL SIGNATURE NONE, 0), 400, "usage");
	expect_problem(request_typed("PUT", "/v1/environments/nowhere/inventory",
			   TYPE UNTIL SIGNATURE NONE, "x", 1), 404, "not-found");
	expect_problem(request_typed("PUT", "/v1/environments/operators/inventory",
			   TYPE UNTIL SIGNATURE NONE, "x", 1), 404, "not-found");
	expect_problem(apply("Content-Type: application/json\r\n" UNTIL SIGNATURE NONE, 10), 415,
	    "media-type");
	ck_assert_uint_eq(chunk_count, 0);
	tear_down();
}
END_TEST

START_TEST(the_ledgers_refusal_ends_it)
{
	set_up(MSG_USER_ADMIN);
	chunk_status = MC_ECONFLICT;
	expect_problem(apply(TYPE UNTIL SIGNATURE NONE, sizeof(document)), 409, "conflict");
	ck_assert_uint_eq(chunk_count, 1);
	ck_assert_uint_eq(put_count, 0);
	chunk_status = MC_OK;
	base_buf_reset(&sent);
	row = (struct msg_inventory_row){.status = MC_EAPPROVAL, .detail = base_span_str("spent")};
	expect_problem_says(apply(TYPE UNTIL SIGNATURE NONE, 10), 403, "approval", "spent");
	ck_assert_uint_eq(put_count, 1);
	tear_down();
}
END_TEST

static void
hold(struct call *call)
{
	(void)call;
}

START_TEST(a_client_applies_one_at_a_time)
{
	static const char whole[] = "PUT " PATH " HTTP/1.1\r\nHost: a\r\n" TYPE UNTIL SIGNATURE NONE
				    "Content-Length: 1\r\n\r\nx";
	int fd;

	set_up(MSG_USER_ADMIN);
	serve = hold;
	fd = connect_client();
	ck_assert_int_eq(send(fd, whole, strlen(whole), MSG_NOSIGNAL), (ssize_t)strlen(whole));
	for (int i = 0; i < 50 && service->upload_count == 0; i++) {
		turn();
	}
	ck_assert_uint_eq(service->upload_count, 1);
	turn(); /* its piece is asked, and stays so */
	serve = on_call;
	expect_problem(apply(TYPE UNTIL SIGNATURE NONE, 10), 503, "busy");
	peer.sha256[0]++;
	expect_status(apply(TYPE UNTIL SIGNATURE NONE, 10), 200);
	tear_down();
	close(fd);
}
END_TEST

/* --- show --- */

START_TEST(a_description_does_not_fetch_the_document)
{
	struct reply reply;

	set_up(MSG_USER_VIEWER);
	reply = get(PATH);
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has_header(&reply, "ETag: "
	    "\"ab00000000000000000000000000000000000000000000000000000000000000.json\""));
	ck_assert_str_eq(member(&reply, "registration"), "registered-only");
	ck_assert_str_eq(member(&reply, "applied_at"), "2023-11-14T22:13:20Z");
	ck_assert_int_eq(number(&reply, "bytes"), sizeof(document));
	ck_assert_ptr_null(json_object_get(reply.json, "changed"));
	drop(&reply);
	ck_assert_uint_eq(get_count, 1);
	ck_assert_uint_eq(got[0].with_document, 0);
	ck_assert_uint_eq(got[0].seq, 0);
	ck_assert_str_eq(got_environment, "production");
	row.registered_only = 0;
	reply = get(PATH);
	ck_assert_str_eq(member(&reply, "registration"), "open");
	drop(&reply);
	tear_down();
}
END_TEST

START_TEST(the_document_itself_is_gathered_from_one_copy)
{
	struct reply reply;

	set_up(MSG_USER_VIEWER);
	reply = request("GET", PATH, ACCEPT, NULL);
	ck_assert_int_eq(reply.status, 200);
	ck_assert(has_header(&reply, "Content-Type: application/vnd.meshca.inventory"));
	ck_assert(has_header(&reply, "ETag: "
	    "\"ab00000000000000000000000000000000000000000000000000000000000000\""));
	ck_assert_uint_eq(reply.body_len, sizeof(document));
	ck_assert_mem_eq(reply.body, document, sizeof(document));
	drop(&reply);
	ck_assert_uint_eq(get_count, 2);
	ck_assert_uint_eq(got[0].seq, 0);
	ck_assert_uint_eq(got[1].seq, 4);
	ck_assert_uint_eq(got[1].offset, LIMIT_BULK_CHUNK);
	ck_assert_uint_eq(service->bulk_count, 0);
	tear_down();
}
END_TEST

START_TEST(each_form_is_cached_by_itself)
{
	static const char json_tag[] = "If-None-Match: "
	    "\"ab00000000000000000000000000000000000000000000000000000000000000.json\"\r\n";
	static const char document_tag[] = ACCEPT "If-None-Match: "
	    "\"ab00000000000000000000000000000000000000000000000000000000000000\"\r\n";
	struct reply reply;

	set_up(MSG_USER_VIEWER);
	reply = request("GET", PATH, json_tag, NULL);
	ck_assert_uint_eq(reply.body_len, 0);
	ck_assert_ptr_nonnull(strcasestr(reply.head, "\r\nETag: "));
	expect_status(reply, 304);
	expect_status(request("GET", PATH, document_tag, NULL), 304);
	expect_status(request("GET", PATH, document_tag + strlen(ACCEPT), NULL), 200);
	row.sha256[0]++;
	expect_status(request("GET", PATH, json_tag, NULL), 200);
	tear_down();
}
END_TEST

START_TEST(pieces_that_do_not_fit_together_are_an_error_of_ours)
{
	set_up(MSG_USER_VIEWER);
	row.total = LIMIT_BULK_CHUNK - 1;
	expect_problem_says(request("GET", PATH, ACCEPT, NULL), 500, "internal", "do not fit");
	row.total = LIMIT_APPLIED + 1;
	expect_problem_says(request("GET", PATH, ACCEPT, NULL), 500, "internal", "do not fit");
	row.total = sizeof(document);
	row.offset = 1;
	expect_problem_says(request("GET", PATH, ACCEPT, NULL), 500, "internal", "do not fit");
	ck_assert_uint_eq(get_count, 3); /* each was seen at once */
	ck_assert_uint_eq(service->bulk_count, 0);
	tear_down();
}
END_TEST

static unsigned piece_count;

/* Another copy is applied between two pieces, and the ledger does not say so. */
static void
on_get_of_two_copies(struct call *call)
{
	const struct msg_inventory_row piece = {.seq = 4 + piece_count,
	    .total = 2,
	    .offset = piece_count,
	    .bytes = base_span_of(document, 1)};

	piece_count++;
	answer(call, &msg_inventory_row_table, &piece, false);
}

START_TEST(pieces_of_two_copies_are_not_joined)
{
	set_up(MSG_USER_VIEWER);
	piece_count = 0;
	serve = on_get_of_two_copies;
	expect_problem_says(request("GET", PATH, ACCEPT, NULL), 500, "internal", "do not fit");
	ck_assert_uint_eq(piece_count, 2);
	tear_down();
}
END_TEST

START_TEST(a_document_counts_among_the_large_answers)
{
	set_up(MSG_USER_VIEWER);
	service->bulk_count = LIMIT_REST_BULK;
	expect_problem(request("GET", PATH, ACCEPT, NULL), 503, "busy");
	expect_status(get(PATH), 200);
	service->bulk_count = LIMIT_REST_BULK - 1;
	expect_status(request("GET", PATH, ACCEPT, NULL), 200);
	ck_assert_uint_eq(service->bulk_count, LIMIT_REST_BULK - 1);
	tear_down();
}
END_TEST

START_TEST(none_is_shown_where_none_is)
{
	set_up(MSG_USER_VIEWER);
	expect_problem(get("/v1/environments/nowhere/inventory"), 404, "not-found");
	expect_problem(get("/v1/environments/operators/inventory"), 404, "not-found");
	ck_assert_uint_eq(get_count, 0);
	row = (struct msg_inventory_row){.status = MC_ENOTFOUND};
	expect_problem(get(PATH), 404, "not-found");
	expect_problem(request("GET", PATH, ACCEPT, NULL), 404, "not-found");
	tear_down();
}
END_TEST

/* --- registrations --- */

START_TEST(registrations_are_paged)
{
	struct reply reply;

	set_up(MSG_USER_VIEWER);
	reply = get("/v1/environments/production/registrations?limit=1&cursor=BwAAAAAAAAA");
	ck_assert_int_eq(reply.status, 200);
	ck_assert_uint_eq(json_array_size(json_object_get(reply.json, "registrations")), 1);
	ck_assert_str_eq(member(&reply, "next"), "AwAAAAAAAAA");
	drop(&reply);
	ck_assert_str_eq(listed_environment, "production");
	ck_assert_uint_eq(listed.limit, 1);
	ck_assert_uint_eq(listed.after, 7);
	expect_problem(get("/v1/environments/nowhere/registrations"), 404, "not-found");
	expect_problem(get("/v1/environments/operators/registrations"), 404, "not-found");
	expect_problem(get("/v1/environments/production/registrations?limit=0"), 400, "usage");
	ck_assert_uint_eq(list_count, 1);
	tear_down();
}
END_TEST

CHECK_MAIN("api_rest_inventory", a_document_is_passed_on_in_pieces_and_then_applied,
    a_document_of_exactly_one_piece_is_one, what_it_replaces_is_none_or_a_hash,
    nothing_is_applied_without_a_whole_approval, what_cannot_be_applied_is_refused_first,
    the_ledgers_refusal_ends_it, a_client_applies_one_at_a_time,
    a_description_does_not_fetch_the_document, the_document_itself_is_gathered_from_one_copy,
    each_form_is_cached_by_itself, pieces_that_do_not_fit_together_are_an_error_of_ours,
    pieces_of_two_copies_are_not_joined, a_document_counts_among_the_large_answers,
    none_is_shown_where_none_is, registrations_are_paged)
