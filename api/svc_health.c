/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/proto/health.pb-c.h"
#include "api/svc.h"

#define MESSAGE_MAX 1024 /* a name: protobuf-c's allocations stay small */

static Grpc__Health__V1__HealthCheckResponse__ServingStatus
status_now(const struct front *front, const struct front_env *env)
{
	bool serves = !front->draining && env->signer_state == MC_OK &&
	    link_is_up(env->signer) && link_is_up(front->ledger);

	return serves ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING :
	    GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

void
svc_health_check(const struct front *front, const struct front_env *env, struct grpc_call *call)
{
	Grpc__Health__V1__HealthCheckResponse answer =
	    GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	Grpc__Health__V1__HealthCheckRequest *request = NULL;
	struct base_buf *out;
	bool known;

	if (call->message.len <= MESSAGE_MAX) {
		request = grpc__health__v1__health_check_request__unpack(NULL,
		    call->message.len, call->message.ptr);
	}
	if (request == NULL) {
		grpc_fail(call, MC_EUSAGE, "the message is not a HealthCheckRequest");
		return;
	}
	known = request->service[0] == '\0' ||
	    strcmp(request->service, "istio.v1.auth.IstioCertificateService") == 0;
	grpc__health__v1__health_check_request__free_unpacked(request, NULL);
	if (!known) {
		grpc_fail(call, MC_ENOTFOUND, "the service is not known here");
		return;
	}
	answer.status = status_now(front, env);
	out = grpc_answer_begin(call);
	grpc__health__v1__health_check_response__pack(&answer, base_buf_reserve(out,
	    grpc__health__v1__health_check_response__get_packed_size(&answer)));
	grpc_answer_end(call);
}

void
svc_health_watch(struct grpc_call *call)
{
	grpc_unimplemented(call, "Watch is not supported; use Check");
}
