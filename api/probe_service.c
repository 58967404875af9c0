/* SPDX-License-Identifier: Apache-2.0 */
#include "api/probe_service.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/http_loop.h"
#include "api/metrics.h"
#include "api/probe_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg_issue.h"
#include "base/msg_query.h"

#define POLL_US           1000000 /* a full disk shows in readiness that soon */
#define POLL_SOON_US      100000  /* until the first answer */
#define POLL_ISSUERS_US   5000000
#define POLL_WAIT_MS      5000
#define ANSWER_MAX        (1024 * 1024)
#define CONNECTIONS_MAX   64
#define CONNECTIONS_MANY  48 /* from here on the oldest gives way to the newest: a probe is over in a moment */
#define CONNECTION_IDLE_S 10u
#define ISSUERS_MAX       4096 /* 32 environments, rotated every 45 days for 90 days */

struct probe_client {
	struct probe_client *prev, *next;
	int fd;
};

struct probe_service {
	struct front *front;
	struct probe_client *newest, *oldest;
	unsigned client_count;
	struct http_loop *http;
	struct base_timer *timer;
	struct probe_ledger ledger;
	struct probe_issuer *next; /* the list that is coming in */
	size_t next_count;
	bool next_bad;
	int64_t listed_boot_us; /* when the list was asked for last; 0: never */
	bool status_pending, list_pending;
};

static void
take_detail(struct probe_ledger *ledger, struct base_span detail)
{
	size_t len = detail.len < LIMIT_DETAIL ? detail.len : LIMIT_DETAIL;

	base_copy(ledger->detail, detail.ptr, len);
	ledger->detail[len] = '\0';
}

static void
on_status(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct probe_service *service = self;
	struct probe_ledger *ledger = &service->ledger;
	struct msg_ledger_status_ans ans;

	if (!more) {
		service->status_pending = false;
	}
	ledger->detail[0] = '\0';
	if (item != NULL) {
		status = msg_decode(&msg_ledger_status_ans_table, item->payload, &ans);
		if (status == MC_OK) {
			status = mc_err_from_wire(ans.status);
			take_detail(ledger, ans.detail);
		}
	} else if (status == MC_OK) {
		status = MC_EPEER;
	}
	ledger->status = status;
	if (status != MC_OK) {
		return;
	}
	ledger->asked_boot_us = base_clock_boot_us();
	ledger->intent_count = ans.intent_count;
	ledger->signed_count = ans.signed_count;
	ledger->unconfirmed_count = ans.unconfirmed_count;
	ledger->commit_count = ans.commit_count;
	ledger->commit_us = ans.commit_us;
	ledger->fsync_us_last = ans.fsync_us_last;
	ledger->cpu_us = ans.cpu_us;
	ledger->disk_free_bytes = ans.disk_free_bytes;
	ledger->newest_intent_at = ans.newest_intent_at;
	ledger->blocked = ans.blocked != 0;
}

static void
take_issuer(struct probe_service *service, const struct msg_issuer_row *row)
{
	struct probe_issuer *issuer;

	if (service->next_count >= ISSUERS_MAX || row->environment.len > LIMIT_ENVIRONMENT) {
		service->next_bad = true;
		return;
	}
	/* Those that sign CRLs and still live: a lineage certificate shares its twin's CRL. */
	if (row->not_after_at <= base_clock_now() || row->profile == MSG_PROFILE_LINEAGE) {
		return;
	}
	service->next = base_xreallocarray(service->next, service->next_count + 1,
	    sizeof(*service->next));
	issuer = &service->next[service->next_count++];
	*issuer = (struct probe_issuer){.profile = row->profile,
	    .revoked = row->state == MSG_STATE_REVOKED,
	    .not_after_at = row->not_after_at,
	    .crl_number = row->crl_number,
	    .crl_this_update_at = row->crl_this_update_at,
	    .crl_next_update_at = row->crl_next_update_at};
	base_copy(issuer->environment, row->environment.ptr, row->environment.len);
	base_copy(issuer->issuer_id, row->issuer_id, sizeof(issuer->issuer_id));
}

static void
on_issuers(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct probe_service *service = self;
	struct msg_issuer_row row;

	if (status != MC_OK || item == NULL) {
		service->next_bad = true;
	} else if (more) {
		if (msg_decode(&msg_issuer_row_table, item->payload, &row) != MC_OK) {
			service->next_bad = true;
		} else {
			take_issuer(service, &row);
		}
	}
	if (more) {
		return;
	}
	service->list_pending = false;
	if (!service->next_bad) {
		free(service->ledger.issuers);
		service->ledger.issuers = service->next;
		service->ledger.issuer_count = service->next_count;
	} else {
		free(service->next);
	}
	service->next = NULL;
	service->next_count = 0;
	service->next_bad = false;
}

static void
poll_issuers(struct probe_service *service)
{
	const struct msg_issuer_list list = {0};
	int64_t now_us = base_clock_boot_us();

	if (service->list_pending || (service->listed_boot_us != 0 &&
	    now_us - service->listed_boot_us < POLL_ISSUERS_US)) {
		return;
	}
	service->list_pending = link_call(service->front->ledger, MSG_ISSUER_LIST,
	    &msg_issuer_list_table, &list, POLL_WAIT_MS, on_issuers, service) == MC_OK;
	if (service->list_pending) {
		service->listed_boot_us = now_us;
	}
}

static void
on_poll(void *self)
{
	struct probe_service *service = self;
	const struct msg_empty empty = {0};

	if (link_is_up(service->front->ledger)) {
		if (!service->status_pending) {
			service->status_pending =
			    link_call(service->front->ledger, MSG_LEDGER_STATUS, &msg_empty_table,
				&empty, POLL_WAIT_MS, on_status, service) == MC_OK;
		}
		poll_issuers(service);
	} else {
		service->ledger.asked_boot_us = 0; /* a new ledger speaks for itself */
	}
	base_timer_set_us(service->timer,
	    service->ledger.asked_boot_us == 0 ? POLL_SOON_US : POLL_US);
}

static void
answer_ready(struct probe_service *service, struct base_buf *out, unsigned *status)
{
	size_t count = service->front->env_count + 1;
	struct probe_part *parts = base_xcalloc(count, sizeof(*parts));
	bool ready = probe_parts(service->front, &service->ledger, base_clock_boot_us(), parts);

	probe_ready_json(ready, parts, count, out);
	*status = ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	free(parts);
}

static const char *
render(struct probe_service *service, const char *url, struct base_buf *out, unsigned *status)
{
	*status = MHD_HTTP_OK;
	if (strcmp(url, "/metrics") == 0) {
		metrics_render(service->front->metrics, out);
		probe_gauges(service->front, &service->ledger, base_clock_now(), out);
		return "text/plain; version=0.0.4; charset=utf-8";
	}
	if (strcmp(url, "/healthz") == 0) {
		base_buf_append_str(out, "{\"ok\":true}\n");
		return "application/json";
	}
	if (strcmp(url, "/readyz") == 0) {
		answer_ready(service, out, status);
		return "application/json";
	}
	*status = MHD_HTTP_NOT_FOUND;
	base_buf_append_str(out, "There are /metrics, /healthz and /readyz.\n");
	return "text/plain; charset=utf-8";
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_len, void **request)
{
	struct probe_service *service = cls;
	struct MHD_Response *response;
	struct base_buf out;
	const char *type;
	unsigned status = MHD_HTTP_METHOD_NOT_ALLOWED;
	enum MHD_Result ret = MHD_NO;

	(void)version;
	(void)upload;
	(void)upload_len;
	(void)request;
	base_buf_init(&out, ANSWER_MAX);
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
		type = render(service, url, &out, &status);
	} else {
		type = "text/plain; charset=utf-8";
		base_buf_append_str(&out, "Only GET is answered here.\n");
	}
	if (base_buf_failed(&out)) {
		goto out;
	}
	response = MHD_create_response_from_buffer(out.len, out.ptr, MHD_RESPMEM_MUST_COPY);
	if (response == NULL) {
		goto out;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	}
	ret = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
out:
	base_buf_clear(&out);
	return ret;
}

static void
client_add(struct probe_service *service, struct probe_client *client)
{
	client->next = service->newest;
	if (client->next != NULL) {
		client->next->prev = client;
	} else {
		service->oldest = client;
	}
	service->newest = client;
	service->client_count++;
}

static void
client_remove(struct probe_service *service, struct probe_client *client)
{
	if (client->prev != NULL) {
		client->prev->next = client->next;
	} else {
		service->newest = client->next;
	}
	if (client->next != NULL) {
		client->next->prev = client->prev;
	} else {
		service->oldest = client->prev;
	}
	service->client_count--;
	free(client);
}

/* Who is shut down stays in the list until libmicrohttpd has seen it: then the next but one goes. */
static void
shed(struct probe_service *service)
{
	struct probe_client *client = service->oldest;

	for (unsigned left = service->client_count; left > CONNECTIONS_MANY; left--) {
		(void)shutdown(client->fd, SHUT_RDWR);
		client = client->prev;
	}
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct probe_service *service = cls;
	const union MHD_ConnectionInfo *info;
	struct probe_client *client;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context != NULL) {
			client_remove(service, *context);
		}
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL) {
		return;
	}
	client = base_xcalloc(1, sizeof(*client));
	client->fd = info->connect_fd;
	*context = client;
	client_add(service, client);
	shed(service);
}

static void
free_service(struct probe_service *service)
{
	base_timer_free(service->timer);
	free(service->ledger.issuers);
	free(service->next);
	free(service);
}

void
probe_service_free(struct probe_service *service)
{
	if (service == NULL) {
		return;
	}
	link_forget(service->front->ledger, service);
	http_loop_free(service->http);
	free_service(service);
}

struct probe_service *
probe_service_new(struct front *front, int listen_fd)
{
	struct probe_service *service = base_xcalloc(1, sizeof(*service));
	struct MHD_Daemon *daemon;

	service->front = front;
	service->ledger.status = MC_ENOTREADY;
	service->timer = base_timer_new(front->loop, on_poll, service);
	daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, service,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, service,
	    MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_END);
	if (daemon == NULL) {
		(void)MC_FAIL(MC_EIO, "libmicrohttpd does not start on the probe listener");
		close(listen_fd);
		free_service(service);
		return NULL;
	}
	service->http = http_loop_new(front->loop, daemon);
	if (service->http == NULL) {
		MHD_stop_daemon(daemon);
		free_service(service);
		return NULL;
	}
	on_poll(service);
	return service;
}
