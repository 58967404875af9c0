/* SPDX-License-Identifier: Apache-2.0 */
#include <microhttpd.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http_loop.h"
#include "api/metrics.h"
#include "api/problem.h"
#include "api/rest_int.h"
#include "base/enc.h"
#include "base/mem.h"
#include "base/rd.h"

/* Wakes the connection; its handler then queues req->response. Not before the last item of an answer
 * has come: the request is gone afterwards. */
static void
finish(struct rest_request *req)
{
	if (req->suspended && !req->asking) {
		req->suspended = false;
		MHD_resume_connection(req->connection);
		http_loop_kick(req->service->http);
	}
}

static void
reply(struct rest_request *req, unsigned status, const char *type, void *bytes, size_t len)
{
	if (req->response != NULL) { /* a handler's bug: the first answer stands */
		free(bytes);
		return;
	}
	req->response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
	if (req->response == NULL) {
		free(bytes);
		abort(); /* out of memory, as everywhere */
	}
	req->status = status;
	if (type != NULL) {
		rest_reply_header(req, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	}
	finish(req);
}

void
rest_reply_header(struct rest_request *req, const char *name, const char *value)
{
	(void)MHD_add_response_header(req->response, name, value);
}

void
rest_reply_json(struct rest_request *req, unsigned status, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL) {
		rest_fail(req, MC_EINTERNAL, "the answer cannot be written as JSON");
		return;
	}
	reply(req, status, REST_JSON, text, strlen(text));
}

void
rest_reply_buf(struct rest_request *req, unsigned status, const char *type,
    struct base_buf *buf)
{
	size_t len = buf->len;
	char *bytes = base_buf_take_str(buf);

	if (bytes == NULL) {
		rest_fail(req, MC_EINTERNAL, "the answer is larger than its ceiling");
		return;
	}
	reply(req, status, type, bytes, len);
}

void
rest_reply_empty(struct rest_request *req, unsigned status)
{
	reply(req, status, NULL, base_xcalloc(1, 1), 0);
}

void
rest_fail(struct rest_request *req, enum mc_err err, const char *detail)
{
	const struct mc_err_record *record = mc_err_last();
	struct base_buf buf;
	char seconds[16];

	if (err == MC_OK) {
		err = MC_EINTERNAL;
	}
	if (detail == NULL && record->code == err) {
		detail = record->detail;
	}
	req->err = err;
	metrics_refused(req->service->front->metrics, err);
	base_buf_init(&buf, 16384);
	problem_render(err, detail, req->id, &buf);
	rest_reply_buf(req, problem_status(err), PROBLEM_MEDIA, &buf);
	if (problem_retry_s(err) != 0) {
		snprintf(seconds, sizeof(seconds), "%u", problem_retry_s(err));
		rest_reply_header(req, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	if (req->status == MHD_HTTP_UNAUTHORIZED) {
		/* RFC 9110 15.5.2 wants a challenge; TLS client certificates have no registered
		 * scheme. */
		rest_reply_header(req, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "ClientCertificate realm=\"meshca operators\"");
	}
	if (req->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		rest_reply_header(req, MHD_HTTP_HEADER_ALLOW, req->match.allow);
	}
}

const char *
rest_header(const struct rest_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

void *
rest_state(struct rest_request *req, size_t size, void (*free_fn)(void *state))
{
	req->state = base_xcalloc(1, size);
	req->state_free = free_fn;
	return req->state;
}

/* What became of a process that gave no answer, for people: they cannot know who stands behind. */
static enum mc_err
no_answer(const struct rest_request *req, enum mc_err status)
{
	const char *who = req->asked == req->service->front->ledger ? "ledger" : "signer";

	switch ((int)status) {
	case MC_EDEADLINE:
		return MC_FAIL(MC_ENOTREADY, "the %s did not answer within %d s; "
		    "'meshca status' on the server says what runs", who,
		    LIMIT_REST_WAIT_MS / 1000);
	case MC_EPEER:
		return MC_FAIL(MC_ENOTREADY, "the %s ended while it was asked; it is being "
		    "restarted, 'meshca status' on the server says more", who);
	default:
		return status;
	}
}

static void
on_answer(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;

	if (item == NULL) {
		status = no_answer(req, status);
	}

	if (!more) {
		req->asking = false;
	}
	if (req->response == NULL) {
		req->ask_fn(req, status, item, more);
	} else {
		finish(req);
	}
}

void
rest_ask(struct rest_request *req, struct link *link, uint16_t type,
    const struct msg_table *table, const void *object, link_answer_fn fn)
{
	enum mc_err err;

	req->ask_fn = fn;
	req->asking = true;
	req->asked = link;
	err = link_call(link, type, table, object, LIMIT_REST_WAIT_MS, on_answer, req);
	if (err != MC_OK) {
		req->asking = false;
		rest_fail(req, err, NULL);
	}
}

bool
rest_take(struct rest_request *req, enum mc_err status, const struct base_item *item,
    const struct msg_table *table, void *out)
{
	const struct msg_status_ans *head = out; /* every answer begins so (base/msg.h) */
	char detail[LIMIT_DETAIL + 1];
	size_t len;

	if (item != NULL) {
		status = msg_decode(table, item->payload, out);
	} else if (status == MC_OK) {
		status = MC_EPEER;
	}
	if (status != MC_OK) {
		rest_fail(req, status, NULL);
		return false;
	}
	if (head->status == MC_OK) {
		return true;
	}
	len = head->detail.len < LIMIT_DETAIL ? head->detail.len : LIMIT_DETAIL;
	base_copy(detail, head->detail.ptr, len);
	detail[len] = '\0';
	rest_fail(req, mc_err_from_wire(head->status), detail);
	return false;
}

struct list_state {
	const struct msg_table *row_table;
	json_t *(*row)(const void *row);
	const char *member;
	const char *environment; /* in req->query */
	json_t *items;
	void *decoded; /* row_table->size bytes */
};

static void
list_free(void *state)
{
	struct list_state *list = state;

	json_decref(list->items);
	free(list->decoded);
	free(list);
}

static void
list_end(struct rest_request *req, struct list_state *list, enum mc_err status,
    const struct base_item *item)
{
	struct msg_list_end end;
	struct base_buf cursor;
	uint8_t raw[8];
	char detail[128];
	json_t *next;
	char *text;

	if (!rest_take(req, status, item, &msg_list_end_table, &end)) {
		return;
	}
	/* The ledger may know environments that the configuration has no more. */
	if (list->environment != NULL && json_array_size(list->items) == 0 &&
	    front_env_find(req->service->front, list->environment) == NULL) {
		(void)snprintf(detail, sizeof(detail), "there is no environment %.64s",
		    list->environment);
		rest_fail(req, MC_ENOTFOUND, detail);
		return;
	}
	next = json_null();
	if (end.next_seq != 0) {
		for (size_t i = 0; i < sizeof(raw); i++) {
			raw[i] = (uint8_t)(end.next_seq >> (8 * i));
		}
		base_buf_init(&cursor, 64);
		base_enc_b64url(&cursor, base_span_of(raw, sizeof(raw)));
		text = base_buf_take_str(&cursor);
		next = json_string(text);
		free(text);
	}
	rest_reply_json(req, MHD_HTTP_OK,
	    json_pack("{s:O, s:o}", list->member, list->items, "next", next));
}

static void
list_item(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	struct list_state *list = req->state;

	if (!more) {
		list_end(req, list, status, item);
	} else if (rest_take(req, status, item, list->row_table, list->decoded)) {
		(void)json_array_append_new(list->items, list->row(list->decoded));
	}
}

void
rest_list_ask(struct rest_request *req, const struct rest_list *ask)
{
	struct list_state *list = rest_state(req, sizeof(*list), list_free);

	list->row_table = ask->row_table;
	list->row = ask->row;
	list->member = ask->member;
	list->environment = ask->environment;
	list->items = json_array();
	list->decoded = base_xcalloc(1, ask->row_table->size);
	rest_ask(req, ask->link, ask->type, ask->table, ask->object, list_item);
}

const char *
rest_query(const struct rest_request *req, const char *name)
{
	for (size_t i = 0; i < REST_QUERY_MAX && req->match.route->query[i] != NULL; i++) {
		if (req->has_query[i] && strcmp(req->match.route->query[i], name) == 0) {
			return req->query[i];
		}
	}
	return NULL;
}

bool
rest_paging(struct rest_request *req, uint32_t *limit, uint64_t *before_seq)
{
	const char *text = rest_query(req, "limit");
	struct base_buf raw;
	struct base_rd rd;
	bool ok = true;

	*limit = LIMIT_PAGE_DEFAULT;
	*before_seq = 0;
	if (text != NULL) {
		char *end;
		unsigned long value = strtoul(text, &end, 10);

		if (*text < '1' || *text > '9' || *end != '\0' || value > LIMIT_PAGE) {
			(void)MC_FAIL(MC_EUSAGE, "limit must be a number from 1 to %d", LIMIT_PAGE);
			rest_fail(req, MC_EUSAGE, NULL);
			return false;
		}
		*limit = (uint32_t)value;
	}
	text = rest_query(req, "cursor");
	if (text != NULL) {
		base_buf_init(&raw, 8);
		ok = base_enc_unb64url(&raw, base_span_str(text)) == MC_OK;
		base_rd_init(&rd, base_buf_span(&raw));
		*before_seq = base_rd_le64(&rd);
		ok = ok && base_rd_done(&rd);
		if (*before_seq > INT64_MAX) { /* the ledger counts to there */
			*before_seq = INT64_MAX;
		}
		base_buf_clear(&raw);
	}
	if (!ok) {
		rest_fail(req, MC_EUSAGE, "cursor must be a value that an earlier page gave as next");
	}
	return ok;
}
