/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of base/msg*.c. */
#ifndef TESTS_MSG_TABLES_H
#define TESTS_MSG_TABLES_H

#include "base/msg_admin.h"
#include "base/msg_ctl.h"
#include "base/msg_inventory.h"
#include "base/msg_issue.h"
#include "base/msg_ledger.h"
#include "base/msg_query.h"

static const struct msg_table *const tables[] = {
	&msg_hello_table, &msg_status_ans_table, &msg_empty_table,
	&msg_adm_ans_table, &msg_adm_environment_table, &msg_adm_user_add_table,
	&msg_ctl_channel_table, &msg_ctl_listener_table, &msg_ctl_keyfile_table,
	&msg_ctl_unseal_table, &msg_ctl_ceremony_table, &msg_ctl_status_table,
	&msg_ctl_want_crl_table, &msg_ctl_progress_table, &msg_ctl_clock_table, &msg_unsealed_table,
	&msg_issue_table, &msg_issue_ans_table, &msg_user_issue_table,
	&msg_signer_info_ans_table, &msg_crl_sign_table, &msg_crl_sign_ans_table,
	&msg_intent_table, &msg_intent_ans_table, &msg_signature_table, &msg_issuer_put_table,
	&msg_crl_begin_table, &msg_crl_begin_ans_table, &msg_revoked_list_table,
	&msg_revoked_list_ans_table, &msg_crl_chunk_table, &msg_user_put_table,
	&msg_cert_row_table, &msg_cert_get_table, &msg_cert_list_table, &msg_list_end_table,
	&msg_revoke_table, &msg_issuer_list_table, &msg_issuer_row_table, &msg_bundle_get_table,
	&msg_bundle_ans_table, &msg_crl_get_table, &msg_crl_ans_table, &msg_crl_status_row_table,
	&msg_user_get_table, &msg_user_row_table, &msg_user_remove_table, &msg_event_list_table,
	&msg_event_row_table, &msg_ledger_status_ans_table,
	&msg_config_put_table, &msg_inventory_chunk_table, &msg_inventory_put_table,
	&msg_inventory_get_table, &msg_inventory_row_table, &msg_registration_list_table,
	&msg_registration_row_table,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

#endif
