/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLI -> supervisor on <run_dir>/admin.sock, root (or the daemon's own uid) only, checked by SO_PEERCRED.
 * The frames are the channels' own. Long acts send MSG_CTL_PROGRESS-shaped items (type of the
 * answer, BASE_ITEM_MORE, struct msg_adm_ans with status MC_OK and text) before the last one.
 */
#ifndef BASE_MSG_ADMIN_H
#define BASE_MSG_ADMIN_H

#include "base/msg.h"

/* MSG_ADM_STATUS (msg_empty): text is JSON {"version","ready","roles":[{"role","environment","pid","uid",
 * "state","detail","restarts"}],"shared_uid":bool}. MSG_ADM_RELOAD, MSG_ADM_CLOCK: msg_empty. */
struct msg_adm_ans {
	uint32_t status;
	struct base_span detail;
	struct base_span text; /* progress line, or the result */
	struct base_span cert; /* USER_ADD: certificate DER */
	struct base_span issuer; /* USER_ADD: its issuing CA DER */
	struct base_span anchors; /* USER_ADD: operators bundle, each le32 length, DER */
};
extern const struct msg_table msg_adm_ans_table;

/* MSG_ADM_UNSEAL, MSG_ADM_ROTATE, MSG_ADM_ENV_ADD, MSG_ADM_CA_CRL; the last takes no environment
 * for the root. */
struct msg_adm_environment {
	struct base_span environment;
	struct base_span passphrase;      /* of the environment; empty: the configured credential */
	struct base_span root_passphrase; /* ENV_ADD: certifies the lineage; CA_CRL of the root */
};
extern const struct msg_table msg_adm_environment_table;

struct msg_adm_user_add {
	struct base_span name;
	uint8_t role;
	uint8_t key_alg;
	struct base_span key;
};
extern const struct msg_table msg_adm_user_add_table;

#endif
