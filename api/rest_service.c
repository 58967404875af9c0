/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rest_service.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_guard.h"
#include "api/http_loop.h"
#include "api/metrics.h"
#include "api/rest_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/mem.h"

/* libmicrohttpd holds a request head in it three times over (bytes, fields, its answer's head) and
 * would refuse in HTML what does not fit. */
#define CONNECTION_MEMORY (4 * LIMIT_HTTP_HEAD)

/* --- a request's life --- */

static struct rest_request *
request_new(struct rest_service *service, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct rest_request *req;

	if (info == NULL || info->socket_context == NULL) {
		return NULL;
	}
	req = base_xcalloc(1, sizeof(*req));
	req->service = service;
	req->connection = connection;
	req->client = info->socket_context;
	req->client->busy = true;
	front_request_id(req->id);
	req->started_us = base_clock_boot_us();
	base_buf_init(&req->body, LIMIT_REST_BODY);
	req->next = service->requests;
	if (req->next != NULL) {
		req->next->prev = req;
	}
	service->requests = req;
	service->request_count++;
	metrics_add(service->front->metrics, METRICS_REST_REQUESTS, 1);
	return req;
}

bool
rest_bulk_take(struct rest_request *req)
{
	if (!req->is_bulk && req->service->bulk_count >= LIMIT_REST_BULK) {
		return false;
	}
	if (!req->is_bulk) {
		req->is_bulk = true;
		req->service->bulk_count++;
	}
	return true;
}

bool
rest_upload_take(struct rest_request *req)
{
	const struct rest_request *other = req->service->requests;

	if (req->is_upload) {
		return true;
	}
	while (other != NULL && !(other->is_upload && memcmp(other->client->peer.sha256,
	    req->client->peer.sha256, sizeof(req->client->peer.sha256)) == 0)) {
		other = other->next;
	}
	if (other != NULL || req->service->upload_count >= LIMIT_APPLYING) {
		return false;
	}
	req->is_upload = true;
	req->service->upload_count++;
	return true;
}

static void
log_request(const struct rest_request *req)
{
	const struct rest_route *route = req->match.route;
	bool changes = route != NULL && strcmp(route->method, "GET") != 0;
	enum base_log_level level = changes ? LOG_LVL_INFO : LOG_LVL_DEBUG;

	if (req->status >= 500) {
		level = LOG_LVL_WARN;
	}
	base_log(level, "rest-request", LOG_RID(req->id), LOG_INT("status", req->status),
	    LOG_STR("method", route == NULL ? "" : route->method),
	    LOG_STR("resource", route == NULL ? "" : route->path), LOG_STR("user", req->user),
	    LOG_STR("from", req->client->peer.address),
	    LOG_STR("error", req->err == MC_OK ? "" : mc_err_word(req->err)),
	    LOG_INT("us", base_clock_boot_us() - req->started_us), LOG_END);
}

static void
request_free(struct rest_request *req)
{
	struct rest_service *service = req->service;

	if (req->prev != NULL) {
		req->prev->next = req->next;
	} else {
		service->requests = req->next;
	}
	if (req->next != NULL) {
		req->next->prev = req->prev;
	}
	service->request_count--;
	req->client->busy = false;
	req->client->idle_since_us = base_clock_boot_us();
	if (req->response != NULL) {
		MHD_destroy_response(req->response);
	}
	if (req->state_free != NULL) {
		req->state_free(req->state);
	}
	rest_csr_free(req->csr);
	rest_crl_free(req);
	service->bulk_count -= req->is_bulk ? 1 : 0;
	service->upload_count -= req->is_upload ? 1 : 0;
	base_buf_clear(&req->body);
	free(req);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode why)
{
	struct rest_request *req = *context;

	(void)cls;
	(void)connection;
	(void)why;
	if (req != NULL) {
		log_request(req);
		request_free(req);
		*context = NULL;
	}
}

/* --- checks that need no endpoint --- */

struct query_walk {
	struct rest_request *req;
	enum mc_err err;
};

static enum MHD_Result
take_query(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
    const char *value, size_t value_len)
{
	struct query_walk *walk = cls;
	struct rest_request *req = walk->req;
	const char *const *names = req->match.route->query;

	(void)kind;
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strlen(names[i]) != key_len || memcmp(names[i], key, key_len) != 0) {
			continue;
		}
		if (req->has_query[i]) {
			walk->err = MC_FAIL(MC_EUSAGE, "query parameter %s is given twice", names[i]);
			return MHD_NO;
		}
		req->has_query[i] = true;
		walk->err = rest_decode(value == NULL ? "" : value, value_len, req->query[i]);
		return walk->err == MC_OK ? MHD_YES : MHD_NO;
	}
	walk->err = MC_FAIL(MC_EUSAGE, "query parameter \"%.*s\" is not known",
	    (int)(key_len < 64 ? key_len : 64), key);
	return MHD_NO;
}

/* Whether a Content-Type is that media type. RFC 8259 gives application/json no parameters; clients send
 * charset=utf-8 all the same. */
static bool
is_type(const char *type, const char *want)
{
	size_t len = strlen(want);

	if (type == NULL || strncasecmp(type, want, len) != 0) {
		return false;
	}
	type += len;
	type += strspn(type, " \t");
	if (*type == '\0') {
		return true;
	}
	if (*type != ';') {
		return false;
	}
	type++;
	type += strspn(type, " \t");
	return strcasecmp(type, "charset=utf-8") == 0 || strcasecmp(type, "charset=\"utf-8\"") == 0;
}

/* What can be said from the header alone. The record of the error is this thread's last. */
static enum mc_err
check_header(struct rest_request *req, const char *method, const char *url)
{
	static const char *const json_only[] = {REST_JSON, NULL};
	struct query_walk walk = {.req = req, .err = MC_OK};
	const char *const *offers;
	enum mc_err err = rest_router_find(method, url, &req->match);

	if (err != MC_OK) {
		return err;
	}
	(void)MHD_get_connection_values_n(req->connection, MHD_GET_ARGUMENT_KIND, take_query, &walk);
	if (walk.err != MC_OK) {
		return walk.err;
	}
	offers = req->match.route->offers[0] != NULL ? req->match.route->offers : json_only;
	req->offer = rest_accept(rest_header(req, MHD_HTTP_HEADER_ACCEPT), offers);
	if (req->offer < 0) {
		return MC_FAIL(MC_EACCEPT, "there is %s%s%s%s%s", offers[0],
		    offers[1] != NULL ? ", " : "", offers[1] != NULL ? offers[1] : "",
		    offers[1] != NULL && offers[2] != NULL ? ", " : "",
		    offers[1] != NULL && offers[2] != NULL ? offers[2] : "");
	}
	if (req->match.route->body != NULL &&
	    !is_type(rest_header(req, MHD_HTTP_HEADER_CONTENT_TYPE), req->match.route->body)) {
		return MC_FAIL(MC_EMEDIA, "Content-Type must be %s", req->match.route->body);
	}
	return MC_OK;
}

void
rest_run(struct rest_request *req)
{
	req->match.route->fn(req);
}

static void
dispatch(struct rest_request *req, const char *method, const char *url)
{
	enum mc_err err = req->refusal;

	req->dispatched = true;
	if (err == MC_OK) {
		err = check_header(req, method, url);
	}
	if (err != MC_OK) {
		rest_fail(req, err, NULL);
	} else if (req->match.route->least == MSG_USER_INVALID) {
		rest_run(req);
	} else {
		rest_authenticate(req);
	}
}

/* --- libmicrohttpd's side --- */

static enum MHD_Result
queue(struct rest_request *req)
{
	char id[33];

	base_enc_hex(req->id, sizeof(req->id), id);
	rest_reply_header(req, "X-Request-Id", id);
	rest_reply_header(req, "X-Content-Type-Options", "nosniff");
	if (req->match.route == NULL || req->match.route->least != MSG_USER_INVALID ||
	    req->err != MC_OK) {
		rest_reply_header(req, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	}
	return MHD_queue_response(req->connection, req->status, req->response);
}

/* A body that says beforehand that it is too long is not read at all; the connection ends. A large one is read
 * where one is taken, from somebody whom the operators authority knows, and from a few at a time. */
static enum mc_err
check_length(struct rest_request *req, const char *method, const char *url)
{
	const char *text = rest_header(req, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long length = text == NULL ? 0 : strtoull(text, NULL, 10);
	const char *body;

	if (length <= LIMIT_REST_BODY) {
		return MC_OK;
	}
	body = rest_router_find(method, url, &req->match) == MC_OK ? req->match.route->body : NULL;
	req->match.route = NULL; /* found again when the request is whole */
	if (body == NULL || strcmp(body, REST_INVENTORY) != 0) {
		return MC_FAIL(MC_ETOOBIG, "a body has at most %d bytes", LIMIT_REST_BODY);
	}
	if (length > LIMIT_APPLIED) {
		return MC_FAIL(MC_ETOOBIG, "an inventory has at most %d bytes", LIMIT_APPLIED);
	}
	if (!req->client->peer.verified) {
		return MC_FAIL(MC_EAUTH, "a body of more than %d bytes needs a client certificate",
		    LIMIT_REST_BODY);
	}
	if (!rest_upload_take(req)) {
		return MC_FAIL(MC_EBUSY, "other inventories are being applied, or another of yours");
	}
	req->body.max = LIMIT_APPLIED;
	return MC_OK;
}

static enum MHD_Result
take_body(struct rest_request *req, const char *bytes, size_t *len)
{
	if (base_clock_boot_us() - req->started_us > LIMIT_REQUEST_BODY_S * INT64_C(1000000)) {
		return MHD_NO;
	}
	if (req->body.len + *len > req->body.max) {
		/* In chunks without end: an answer is not worth reading them all. */
		return MHD_NO;
	}
	base_buf_append(&req->body, bytes, *len);
	*len = 0;
	return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_len, void **context)
{
	struct rest_service *service = cls;
	struct rest_request *req = *context;

	(void)version;
	if (req == NULL) {
		req = request_new(service, connection);
		if (req == NULL) {
			return MHD_NO;
		}
		*context = req;
		req->refusal = http_guard_verdict(method, url);
		if (req->refusal == MC_OK) {
			req->refusal = check_length(req, method, url);
		}
		if (req->refusal != MC_OK) {
			req->has_whole_body = true; /* what comes of it is not read */
			dispatch(req, method, url);
			return queue(req);
		}
		return MHD_YES;
	}
	if (*upload_len > 0) {
		return take_body(req, upload, upload_len);
	}
	req->has_whole_body = true;
	if (!req->dispatched) {
		dispatch(req, method, url);
	}
	if (req->response != NULL) {
		return queue(req);
	}
	req->suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* The router decodes each segment of the path itself: a decoded "/" must not divide it. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct rest_service *service = cls;
	struct rest_client *client;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = service->adding;
		service->adding = NULL;
		return;
	}
	client = *context;
	*context = NULL;
	if (client == NULL) {
		return;
	}
	if (client->prev != NULL) {
		client->prev->next = client->next;
	} else {
		service->clients = client->next;
	}
	if (client->next != NULL) {
		client->next->prev = client->prev;
	}
	free(client->cert);
	free(client);
}

static void
on_client(void *self, int fd, const struct tls_peer *peer)
{
	struct rest_service *service = self;
	struct rest_client *client = base_xcalloc(1, sizeof(*client));
	/* libmicrohttpd wants an address; the true one is in peer. */
	struct sockaddr_in address = {.sin_family = AF_INET};

	client->peer = *peer;
	client->cert = base_xcalloc(1, peer->cert.len + 1);
	base_copy(client->cert, peer->cert.ptr, peer->cert.len);
	client->peer.cert = base_span_of(client->cert, peer->cert.len);
	client->peer.serial = base_span_of(NULL, 0);
	client->peer.uri = base_span_of(NULL, 0);
	client->fd = fd;
	client->idle_since_us = base_clock_boot_us();
	client->next = service->clients;
	if (client->next != NULL) {
		client->next->prev = client;
	}
	service->clients = client;
	service->adding = client;
	/* On failure it closes fd, and on_connection may not have seen the client. */
	(void)MHD_add_connection(service->daemon, fd, (const struct sockaddr *)&address,
	    sizeof(address));
	if (service->adding != NULL) {
		void *context = service->adding;

		service->adding = NULL;
		on_connection(service, NULL, &context, MHD_CONNECTION_NOTIFY_CLOSED);
	}
	http_loop_kick(service->http);
}

/* libmicrohttpd's own timeout starts anew with every byte: this one does not. */
static void
on_timer(void *self)
{
	struct rest_service *service = self;
	int64_t now_us = base_clock_boot_us();
	int64_t oldest_us = now_us - LIMIT_REST_IDLE_S * INT64_C(1000000);
	int64_t slow_us = now_us - LIMIT_REQUEST_BODY_S * INT64_C(1000000);

	for (struct rest_client *client = service->clients; client != NULL;
	     client = client->next) {
		if (!client->busy && client->idle_since_us < oldest_us) {
			(void)shutdown(client->fd, SHUT_RDWR);
		}
	}
	for (const struct rest_request *req = service->requests; req != NULL; req = req->next) {
		if (!req->has_whole_body && req->started_us < slow_us) {
			(void)shutdown(req->client->fd, SHUT_RDWR);
		}
	}
	base_timer_set_us(service->timer, 1000000);
}

/* --- the service --- */

void
rest_service_free(struct rest_service *service)
{
	if (service == NULL) {
		return;
	}
	for (struct rest_request *req = service->requests; req != NULL; req = req->next) {
		link_forget(service->front->ledger, req);
		for (size_t i = 0; i < service->front->env_count; i++) {
			link_forget(service->front->envs[i].signer, req);
		}
		req->asking = false;
		if (req->response == NULL) {
			rest_fail(req, MC_ENOTREADY, "the server is shutting down");
		}
	}
	if (service->http != NULL) {
		(void)MHD_run(service->daemon); /* takes resumed connections back */
		http_loop_free(service->http);
	}
	if (service->operators != NULL) {
		service->operators->tls = NULL;
	}
	tls_terminator_free(service->term);
	base_timer_free(service->timer);
	free(service);
}

static enum mc_err
start(struct rest_service *service, int listen_fd)
{
	struct tls_server_options options = {.front = service->front,
	    .env = service->operators,
	    .listen_fd = listen_fd,
	    .alpn = TLS_ALPN_HTTP11,
	    .dns_names = service->front->config->rest_dns_names,
	    .dns_name_count = service->front->config->rest_dns_name_count,
	    .connections_max = LIMIT_REST_CONNECTIONS,
	    .strangers_give_way = true};

	service->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	    on_request, service, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, service, MHD_OPTION_UNESCAPE_CALLBACK,
	    leave_escaped, NULL, MHD_OPTION_CONNECTION_LIMIT, LIMIT_REST_CONNECTIONS + 16,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)LIMIT_REST_IDLE_S,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (service->daemon == NULL) {
		close(listen_fd);
		return MC_FAIL(MC_EIO, "libmicrohttpd does not start");
	}
	service->http = http_loop_new(service->front->loop, service->daemon);
	if (service->http == NULL) {
		MHD_stop_daemon(service->daemon);
		close(listen_fd);
		return MC_EIO;
	}
	service->term = tls_terminator_new(&options, on_client, service);
	if (service->term == NULL) {
		return MC_EIO;
	}
	service->operators->tls = tls_terminator_server(service->term);
	base_timer_set_us(service->timer, 1000000);
	return MC_OK;
}

struct rest_service *
rest_service_new(struct front *front, int listen_fd)
{
	struct rest_service *service = base_xcalloc(1, sizeof(*service));

	service->front = front;
	service->operators = front_env_find(front, CONFIG_OPERATORS);
	if (service->operators == NULL) {
		close(listen_fd);
		(void)MC_FAIL(MC_EIO, "there is no operators authority");
		free(service);
		return NULL;
	}
	service->timer = base_timer_new(front->loop, on_timer, service);
	if (start(service, listen_fd) != MC_OK) {
		rest_service_free(service);
		return NULL;
	}
	return service;
}

void
rest_service_drain(struct rest_service *service)
{
	tls_terminator_drain(service->term);
}

unsigned
rest_service_pending(const struct rest_service *service)
{
	unsigned unread = tls_terminator_unread(service->term);

	return service->request_count > unread ? service->request_count : unread;
}
