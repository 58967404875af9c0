/* SPDX-License-Identifier: Apache-2.0 */
/* What was changed: who, what, when, from where. And the description of this interface. */
#include <microhttpd.h>

#include "api/openapi.h"
#include "api/rest_int.h"

void
rest_events_list(struct rest_request *req)
{
	struct msg_event_list ask = {0};
	const struct rest_list list = {.link = req->service->front->ledger,
	    .type = MSG_EVENT_LIST,
	    .table = &msg_event_list_table,
	    .object = &ask,
	    .row_table = &msg_event_row_table,
	    .row = rest_json_event,
	    .member = "events"};

	if (rest_paging(req, &ask.limit, &ask.before_seq)) {
		rest_list_ask(req, &list);
	}
}

void
rest_openapi(struct rest_request *req)
{
	struct base_buf out;

	base_buf_init(&out, openapi_json_len);
	base_buf_append(&out, openapi_json, openapi_json_len);
	rest_reply_buf(req, MHD_HTTP_OK, REST_JSON, &out);
	rest_reply_header(req, MHD_HTTP_HEADER_CACHE_CONTROL, "public, no-cache");
}
