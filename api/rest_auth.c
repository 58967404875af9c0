/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls: the client certificate of the TLS connection, checked by TLS against the anchors of
 * the operators authority (a workload's certificate never passes), and the role that the
 * ledger has for its fingerprint now. Nothing is kept from request to request: a removal
 * works at once.
 */
#include <stdio.h>

#include "api/rest_int.h"
#include "base/clock.h"
#include "base/mem.h"

static void
on_user(void *self, enum mc_err status, const struct base_item *item, bool more)
{
	struct rest_request *req = self;
	const struct rest_route *route = req->match.route;
	struct msg_user_row user;

	(void)more;
	if (status == MC_ENOTFOUND) {
		rest_fail(req, MC_ECLIENT_CERT,
		    "the client certificate belongs to no user: it was never bound to one, or the "
		    "user was removed");
		return;
	}
	if (!rest_take(req, status, item, &msg_user_row_table, &user)) {
		return;
	}
	if (user.name.len == 0 || user.name.len > LIMIT_USER_NAME) {
		rest_fail(req, MC_EINTERNAL, "the ledger gave a user without a name");
		return;
	}
	base_copy(req->user, user.name.ptr, user.name.len);
	req->user[user.name.len] = '\0';
	req->role = (enum msg_user_role)user.role;
	if (req->role < route->least || req->role > MSG_USER_ADMIN) {
		(void)MC_FAIL(MC_EDENIED, "this needs the role %s; %s is %s",
		    msg_user_role_name(route->least), req->user, msg_user_role_name(req->role));
		rest_fail(req, MC_EDENIED, NULL);
		return;
	}
	rest_run(req);
}

void
rest_authenticate(struct rest_request *req)
{
	const struct tls_peer *peer = &req->client->peer;
	int64_t now_at = base_clock_now();
	struct msg_user_get get;

	if (peer->cert.len == 0) {
		rest_fail(req, MC_EAUTH, "the client gave no certificate");
	} else if (now_at < peer->not_before_at || now_at > peer->not_after_at) {
		/* first: whom TLS finds expired it does not call verified either */
		(void)MC_FAIL(MC_ECLIENT_CERT, "the client certificate %s; an administrator makes "
		    "a new one with 'meshca user add'",
		    now_at > peer->not_after_at ? "has expired" : "is not valid yet");
		rest_fail(req, MC_ECLIENT_CERT, NULL);
	} else if (!peer->verified) {
		rest_fail(req, MC_ECLIENT_CERT,
		    "the client certificate was not issued by the operators authority");
	} else {
		base_copy(get.cert_sha256, peer->sha256, sizeof(get.cert_sha256));
		rest_ask(req, req->service->front->ledger, MSG_USER_GET, &msg_user_get_table, &get,
		    on_user);
	}
}
