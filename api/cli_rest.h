/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API as the verbs use it: who I am, requests, JSON answers, problems. */
#ifndef API_CLI_REST_H
#define API_CLI_REST_H

#include <jansson.h>

#include "api/cli.h"
#include "api/cli_http.h"

/* Who asks, and where. */
struct cli_client {
	char *url; /* without a slash at its end */
	char *cert;
	char *key;
	char *ca;
};

void cli_client_clear(struct cli_client *client);
/* Reads a client file: a JSON object with the strings url, cert, key, ca. Relative paths count from
 * the file's folder. MC_EIO or MC_ECONFIG names path and fault. */
enum mc_err cli_client_read(const char *path, struct cli_client *client) MC_MUST_CHECK;
/* From --client, or the default client file, and --url, --cert, --key, --ca over it.
 * A caller that need not say who it is (public: bundles, CRLs) needs url and ca only.
 * Returns CLI_OK, or reports and returns another cli_exit. */
int cli_client_open(const struct cli *cli, bool is_public, struct cli_client *client);
/* ~/.config/meshca/client.json, to be freed; NULL without a home. */
char *cli_client_default_path(void);

struct cli_rest_act {
	const char *method;
	const char *path;
	const json_t *body; /* NULL: none, or bytes */
	const char *type;   /* media type of bytes; NULL: none */
	struct base_span bytes;
	const char *const *fields; /* more header fields, "Name: value", NULL-ended; NULL: none */
	const char *key;    /* Idempotency-Key; NULL: none */
};

/* --- requests; each reports a failure or a problem answer and returns its cli_exit --- */
/* GET of raw bytes in a media type. */
int cli_rest_get(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *accept, struct cli_http_answer *answer);
/* The same, but a 404 is no failure: *found tells. */
int cli_rest_find(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *accept, struct cli_http_answer *answer, bool *found);
/* Any method with a JSON body, bytes or neither, and a JSON answer (*out, to be decref'd; NULL for an
 * empty one). */
int cli_rest_call(const struct cli *cli, const struct cli_client *client,
    const struct cli_rest_act *act, json_t **out);
/* The same, but the HTTP status `fine` is no failure either: then *done is false. */
int cli_rest_attempt(const struct cli *cli, const struct cli_client *client,
    const struct cli_rest_act *act, long fine, bool *done, json_t **out);
/* Follows a paged list until it ends or has limit items: {member: [...], "next": cursor or null}.
 * path may hold a query. *out is such an object of all pages. */
int cli_rest_list(const struct cli *cli, const struct cli_client *client, const char *path,
    const char *member, int64_t limit, json_t **out);

/* --- paths: base_buf strings --- */
/* Appends text percent-encoded as one path segment or query value (RFC 3986 unreserved stay). */
void cli_path_escape(struct base_buf *path, const char *text);
/* Appends ?name=value or &name=value; nothing when value is NULL. */
void cli_path_query(struct base_buf *path, const char *name, const char *value);

/* --- JSON for people --- */
/* Joins the strings of an array member ("chain"): PEM blocks in order. */
void cli_json_chain(const json_t *object, struct base_buf *out);
/* A string of bytes that came from outside: where they are not UTF-8, what is no ASCII becomes '?'. */
json_t *cli_json_string(const char *text);
/* A string member, "" when absent. Valid as long as object. */
const char *cli_json_text(const json_t *object, const char *name);
/* Prints JSON and a line end; flags are jansson's. Control characters are escaped, also those that JSON lets stand and a
 * terminal obeys (U+007F to U+009F). */
void cli_json_put(FILE *out, const json_t *object, size_t flags);
/* The same on standard output, indented. */
void cli_json_print(const json_t *object);

/* Exit status of an HTTP status. */
enum cli_exit cli_exit_of_http(long status);

#endif
