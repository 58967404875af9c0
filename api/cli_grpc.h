/* SPDX-License-Identifier: Apache-2.0 */
/* A small blocking gRPC client: one unary call of IstioCertificateService/CreateCertificate. */
#ifndef API_CLI_GRPC_H
#define API_CLI_GRPC_H

#include "api/tls_client.h"
#include "base/buf.h"

#define CLI_GRPC_CREATE "/istio.v1.auth.IstioCertificateService/CreateCertificate"
#define CLI_GRPC_ELEMENTS_MAX 16

struct cli_grpc_request {
	const char *authority;  /* the server's name */
	const char *cluster;    /* clusterid header */
	struct base_span token; /* bearer token; empty: none (client certificate) */
	struct base_span csr;   /* PEM */
	int64_t ttl_s;          /* <= 0: the server's default */
	int timeout_s;          /* told to the server */
};

struct cli_grpc_answer {
	int status;         /* gRPC status; -1: none came */
	char message[1024]; /* grpc-message, percent-decoded */
	struct base_buf body;
	struct base_span chain[CLI_GRPC_ELEMENTS_MAX]; /* cert_chain elements, in body */
	size_t chain_len;
};

void cli_grpc_answer_clear(struct cli_grpc_answer *answer);
/* Makes the call. MC_OK when a gRPC status came (look at answer->status); else MC_EPEER,
 * MC_EDEADLINE, or MC_EENCODING for an answer that is no gRPC or protobuf. *answer is
 * initialised here and to be cleared after success and failure. */
enum mc_err cli_grpc_create(struct tls_client *tls, const struct cli_grpc_request *request,
    struct cli_grpc_answer *answer) MC_MUST_CHECK;

/* "UNAUTHENTICATED" etc.; "UNKNOWN" for what gRPC does not define. */
const char *cli_grpc_status_name(int status);

/* The protobuf of IstioCertificateRequest (istio/api security/v1alpha1/ca.proto): csr = 1,
 * validity_duration = 3; with its 5-byte gRPC prefix. */
void cli_grpc_encode(const struct cli_grpc_request *request, struct base_buf *out);
/* Fills answer->chain from answer->body. MC_EENCODING. */
enum mc_err cli_grpc_decode(struct cli_grpc_answer *answer) MC_MUST_CHECK;

#endif
