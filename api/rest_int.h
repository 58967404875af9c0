/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the REST port share: a request, how an endpoint answers it, and how it asks
 * other processes meanwhile.
 *
 * An endpoint's handler ends in exactly one rest_reply_*() or rest_fail(), now or after answers came
 * (the connection sleeps meanwhile). All of it runs on the loop's thread.
 */
#ifndef API_REST_INT_H
#define API_REST_INT_H

#include <jansson.h>

#include "api/front.h"
#include "api/tls_server.h"
#include "base/msg_inventory.h"
#include "base/msg_query.h"

#define REST_PARAMS_MAX 2
#define REST_QUERY_MAX  7
#define REST_OFFERS_MAX 3
#define REST_PARAM_LEN  640 /* longest decoded path or query value: a SPIFFE ID that we certify */

#define REST_JSON "application/json"
#define REST_PEM  "application/x-pem-file"
#define REST_DER  "application/pkix-cert"
#define REST_CRL  "application/pkix-crl"
#define REST_INVENTORY "application/vnd.meshca.inventory" /* base/applied.h */

struct MHD_Connection;
struct MHD_Response;
struct rest_request;

typedef void (*rest_handler_fn)(struct rest_request *req);

struct rest_route {
	const char *method;
	const char *path;        /* "/v1/environments/{env}/bundle": braces take one segment */
	enum msg_user_role least; /* MSG_USER_INVALID: public */
	const char *body;        /* media type of the body that is required; NULL: none */
	rest_handler_fn fn;
	const char *query[REST_QUERY_MAX + 1];   /* names taken; anything else is refused */
	const char *offers[REST_OFFERS_MAX + 1]; /* media types, the default first; none: JSON */
};

/* rest_router.c: pure. */
struct rest_match {
	const struct rest_route *route;
	char params[REST_PARAMS_MAX][REST_PARAM_LEN + 1];
	char allow[64]; /* on MC_EMETHOD: "GET, HEAD, POST" */
};
/* path is the raw request path. HEAD finds GET. Returns MC_OK, MC_ENOTFOUND, MC_EMETHOD, or
 * MC_EUSAGE for percent-encoding or UTF-8 that is not valid. */
enum mc_err rest_router_find(const char *method, const char *path, struct rest_match *out)
    MC_MUST_CHECK;
/* The table, ended by a NULL method. */
const struct rest_route *rest_router_table(void);
/* Percent-decodes len bytes (no NUL, no control bytes, valid UTF-8, at most REST_PARAM_LEN out). */
enum mc_err rest_decode(const char *text, size_t len, char out[REST_PARAM_LEN + 1]) MC_MUST_CHECK;
/* Index of the best of offers for an Accept header (NULL: none given), -1 when none fits
 * (RFC 9110 12.5.1). */
int rest_accept(const char *accept, const char *const *offers);
/* True when an If-None-Match header (NULL: none given) names etag, a quoted string (RFC 9110 13.1.2). */
bool rest_etag_matches(const char *header, const char *etag);

struct rest_client {
	struct rest_client *prev, *next;
	struct tls_peer peer; /* a copy: it outlives a TLS connection that broke */
	uint8_t *cert;        /* peer.cert's bytes */
	int fd;
	int64_t idle_since_us; /* boot time; no request complete since */
	bool busy;             /* a request is being served */
};

struct rest_service {
	struct front *front;
	struct front_env *operators;
	struct tls_terminator *term;
	struct MHD_Daemon *daemon;
	struct http_loop *http;
	struct base_timer *timer;
	struct rest_client *clients;
	struct rest_client *adding; /* while MHD_add_connection runs */
	struct rest_request *requests;
	unsigned request_count;
	unsigned bulk_count;   /* requests that gather a large answer */
	unsigned upload_count; /* requests with a large body */
};

struct rest_request {
	struct rest_request *prev, *next;
	struct rest_service *service;
	struct MHD_Connection *connection;
	struct rest_client *client;
	uint8_t id[16];
	int64_t started_us;
	enum mc_err refusal; /* found before the body came */
	struct rest_match match;
	char query[REST_QUERY_MAX][REST_PARAM_LEN + 1]; /* in the order of route->query */
	bool has_query[REST_QUERY_MAX];
	int offer;           /* index of the media type to answer with */
	struct base_buf body;
	bool dispatched;
	bool suspended;
	bool is_bulk;          /* counted in bulk_count */
	bool is_upload;        /* counted in upload_count */
	bool has_whole_body;
	bool asking;           /* the last item of an answer has not come */
	const struct link *asked; /* whom */
	link_answer_fn ask_fn; /* gets the items, until the request is answered */
	/* who; empty on public endpoints */
	char user[LIMIT_USER_NAME + 1];
	enum msg_user_role role;
	/* the answer */
	struct MHD_Response *response;
	unsigned status;
	enum mc_err err;
	/* the endpoint's own, freed with the request */
	void *state;
	void (*state_free)(void *state);
	struct rest_csr *csr;
	struct rest_crl_job *crl;
};

/* --- rest_request.c --- */
/* Answers with JSON; takes the reference. */
void rest_reply_json(struct rest_request *req, unsigned status, json_t *json);
/* Answers with the bytes of buf, which is empty afterwards. */
void rest_reply_buf(struct rest_request *req, unsigned status, const char *type,
    struct base_buf *buf);
/* Answers without a body. */
void rest_reply_empty(struct rest_request *req, unsigned status);
/* Adds a header; directly after a reply, in the same call. */
void rest_reply_header(struct rest_request *req, const char *name, const char *value);
/* Answers with a problem document. detail NULL: this thread's error record when it is of
 * that code. */
void rest_fail(struct rest_request *req, enum mc_err err, const char *detail);
/* A request header, or NULL. */
const char *rest_header(const struct rest_request *req, const char *name);
/* Gives req a zeroed state of its own. */
void *rest_state(struct rest_request *req, size_t size, void (*free_fn)(void *state));
/* Calls fn(req, ...) with the answer's items until the request is answered; answers it itself when the call
 * cannot be made. One call at a time. */
void rest_ask(struct rest_request *req, struct link *link, uint16_t type,
    const struct msg_table *table, const void *object, link_answer_fn fn);
/* Decodes an answer that begins as msg_status_ans does. False: it was a failure, and the request
 * has been answered. */
bool rest_take(struct rest_request *req, enum mc_err status, const struct base_item *item,
    const struct msg_table *table, void *out);

struct rest_list {
	struct link *link;
	uint16_t type;
	const struct msg_table *table; /* of the request */
	const void *object;
	const struct msg_table *row_table;
	json_t *(*row)(const void *row);
	const char *member; /* name of the array in the answer */
	const char *environment; /* NULL, or of what: none such and no rows is 404 */
};
/* Asks for a list and answers {"<member>":[...],"next":cursor or null}. */
void rest_list_ask(struct rest_request *req, const struct rest_list *list);
/* Query value by its name in the route, NULL when absent. */
const char *rest_query(const struct rest_request *req, const char *name);
/* The `limit` and `cursor` query values. Answers the request and returns false when malformed. */
bool rest_paging(struct rest_request *req, uint32_t *limit, uint64_t *before_seq);

/* --- rest_auth.c: refuses, or goes on with rest_run() once the caller is known --- */
void rest_authenticate(struct rest_request *req);
/* rest_service.c: body checks done, the handler is called. */
void rest_run(struct rest_request *req);

/* --- rest_body.c: strict JSON bodies --- */
/* The body as an object with no members but those of names (NULL-ended). NULL: it was answered. */
json_t *rest_body(struct rest_request *req, const char *const *names);
/* Members of an object. An absent one gives an empty span, 0 or NULL unless required. MC_EUSAGE names
 * the member. Views live as long as object. */
enum mc_err rest_body_string(const json_t *object, const char *name, bool required, size_t max,
    struct base_span *out) MC_MUST_CHECK;
enum mc_err rest_body_int(const json_t *object, const char *name, bool required, int64_t *out)
    MC_MUST_CHECK;

/* --- rest_approval.c --- */
#define REST_SIGNATURE_MAX (4 * ((LIMIT_P256_SIG + 2) / 3)) /* base64 */
struct rest_approval {
	int64_t expires_at;
	struct base_buf signature;
	uint8_t sha256[32];    /* of the caller's certificate */
	struct base_span spki; /* of its key: lives as long as the request */
};
void rest_approval_init(struct rest_approval *approval);
void rest_approval_clear(struct rest_approval *approval);
/* Expiry and signature (base64), as the request says them. MC_EUSAGE. */
enum mc_err rest_approval_parse(const char *expires_at, struct base_span signature,
    struct rest_approval *out) MC_MUST_CHECK;
/* The same from the member "approval" of a body. MC_EUSAGE. */
enum mc_err rest_approval_take(const json_t *body, struct rest_approval *out) MC_MUST_CHECK;
/* Whose approval it is: the caller's, who signs with the key of the client certificate. MC_EAPPROVAL when that is not
 * on P-256, MC_EENCODING when the certificate cannot be read. */
enum mc_err rest_approval_of_caller(const struct rest_request *req, struct rest_approval *out)
    MC_MUST_CHECK;

/* --- rest_json.c: rows of the ledger as JSON --- */
json_t *rest_json_span(struct base_span text); /* null when empty */
json_t *rest_json_hex(struct base_span bytes); /* null when empty */
json_t *rest_json_time(int64_t at);            /* null when 0 */
json_t *rest_json_pem(struct base_span der);   /* null when empty */
json_t *rest_json_cert(const void *row);       /* struct msg_cert_row, without the bytes */
json_t *rest_json_cert_full(const void *row);  /* with them */
json_t *rest_json_issuer(const void *row);     /* struct msg_issuer_row */
json_t *rest_json_user(const void *row);       /* struct msg_user_row */
json_t *rest_json_event(const void *row);      /* struct msg_event_row */
json_t *rest_json_registration(const void *row); /* struct msg_registration_row */

/* --- rest_csr.c: a CSR in the pool --- */
struct rest_csr;
/* The CSR was accepted; key lives as long as the request. */
typedef void (*rest_csr_fn)(struct rest_request *req, enum msg_key_alg alg, struct base_span key);
struct rest_csr_want {
	struct base_span pem;
	const struct config_environment *config;
	enum msg_profile profile;
	struct base_span identity;       /* SVID: SPIFFE ID; CLIENT: user name */
	const struct base_span *dns;     /* SERVER */
	size_t dns_count;
	rest_csr_fn fn;
};
/* Parses and checks it on a worker, then calls fn, or answers the request with what is wrong. Copies
 * what it needs. Once per request. */
void rest_csr_check(struct rest_request *req, const struct rest_csr_want *want);
void rest_csr_free(struct rest_csr *csr);

/* --- rest_crl.c: CRLs of the ledger, gathered from its chunks --- */
struct rest_crl {
	uint64_t number;
	int64_t next_update_at;
	struct base_buf der;
};
typedef void (*rest_crl_fn)(struct rest_request *req, struct rest_crl *crl);
/* Fetches the current CRL of an issuer and calls fn, or answers the request. fn may take der over. One
 * at a time per request; at most LIMIT_REST_BULK requests gather at once. */
void rest_crl_fetch(struct rest_request *req, const uint8_t issuer_id[32], rest_crl_fn fn);
void rest_crl_free(struct rest_request *req);
/* Counts the request among those that gather a large answer, once; false: there are LIMIT_REST_BULK. */
bool rest_bulk_take(struct rest_request *req);
/* Counts it among those with an inventory, once; false: there are LIMIT_APPLYING, or one of the same client. */
bool rest_upload_take(struct rest_request *req);

/* --- endpoints --- */
void rest_openapi(struct rest_request *req);
void rest_environments_list(struct rest_request *req);
void rest_environment_bundle(struct rest_request *req);
void rest_environment_crl(struct rest_request *req);
void rest_issuers_list(struct rest_request *req);
void rest_issuer_get(struct rest_request *req);
void rest_issuer_crl(struct rest_request *req);
void rest_certificates_issue(struct rest_request *req);
void rest_certificates_list(struct rest_request *req);
void rest_certificate_get(struct rest_request *req);
void rest_certificate_revoke(struct rest_request *req);
void rest_users_list(struct rest_request *req);
void rest_users_add(struct rest_request *req);
void rest_user_remove(struct rest_request *req);
void rest_events_list(struct rest_request *req);
void rest_inventory_get(struct rest_request *req);
void rest_inventory_put(struct rest_request *req);
void rest_registrations_list(struct rest_request *req);

#endif
