/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary gRPC over HTTP/2 (grpc/grpc doc/PROTOCOL-HTTP2.md): framing, status, deadlines, cancellation. No
 * compression. The status of every error comes from one table.
 */
#ifndef API_GRPC_H
#define API_GRPC_H

#include "api/h2_conn.h"

enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16
};

struct grpc_call;
struct grpc_server;

struct grpc_method {
	const char *path;
	/* The request is complete: answer now or later with grpc_answer_end() or grpc_fail(). */
	void (*start)(void *self, struct grpc_call *call);
	/* The client went away or its deadline passed: call is not valid any more. Only for
	 * calls that were started and not answered. */
	void (*cancel)(void *self, struct grpc_call *call);
};

struct grpc_call {
	struct grpc_server *server;
	struct h2_stream *stream;
	const struct grpc_method *method;
	struct base_timer *deadline; /* NULL: none */
	bool started;
	uint8_t request_id[16];
	struct base_span message;    /* in stream->body */
	int64_t started_us;
	void *user;                  /* the method's */
};

enum grpc_status grpc_status_of(enum mc_err err);

/* The answer's buffer, where the message is appended; then grpc_answer_end(). */
struct base_buf *grpc_answer_begin(struct grpc_call *call);
void grpc_answer_end(struct grpc_call *call);
/* Ends the call with err's status. detail: the particulars, "" for none. */
void grpc_fail(struct grpc_call *call, enum mc_err err, const char *detail);
/* Ends the call with UNIMPLEMENTED. */
void grpc_unimplemented(struct grpc_call *call, const char *message);

void grpc_server_free(struct grpc_server *server);
/* methods: ends with a NULL path; static. */
struct grpc_server *grpc_server_new(struct front *front, const struct grpc_method *methods,
    void *self) MC_DEALLOC(grpc_server_free);
/* For tls_server_options.on_conn. */
void grpc_server_adopt(void *server, struct tls_conn *tls);
void grpc_server_drain(struct grpc_server *server);
unsigned grpc_server_connections(const struct grpc_server *server);

#endif
