/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may get from another that was taken over: a message of any table, which decodes to
 * what encodes to the same bytes or not at all, and frames on a channel, which end in items or in the
 * peer's being dropped.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/chan.h"
#include "base/msg_admin.h"
#include "base/msg_ctl.h"
#include "base/msg_inventory.h"
#include "base/msg_issue.h"
#include "base/msg_ledger.h"
#include "base/msg_query.h"
#include "tests/fuzz/fuzz.h"

#define FRAMES 8

static const struct msg_table *const tables[] = {&msg_hello_table, &msg_status_ans_table,
    &msg_adm_ans_table, &msg_adm_environment_table, &msg_adm_user_add_table, &msg_ctl_channel_table,
    &msg_ctl_listener_table, &msg_ctl_keyfile_table, &msg_ctl_unseal_table, &msg_ctl_ceremony_table,
    &msg_ctl_status_table, &msg_ctl_want_crl_table, &msg_ctl_progress_table, &msg_issue_table,
    &msg_issue_ans_table, &msg_user_issue_table, &msg_signer_info_ans_table, &msg_crl_sign_table,
    &msg_crl_sign_ans_table, &msg_intent_table, &msg_intent_ans_table, &msg_signature_table,
    &msg_issuer_put_table, &msg_crl_begin_table, &msg_crl_begin_ans_table, &msg_revoked_list_table,
    &msg_revoked_list_ans_table, &msg_crl_chunk_table, &msg_user_put_table, &msg_cert_row_table,
    &msg_cert_get_table, &msg_cert_list_table, &msg_list_end_table, &msg_revoke_table,
    &msg_issuer_list_table, &msg_issuer_row_table, &msg_bundle_get_table, &msg_bundle_ans_table,
    &msg_crl_get_table, &msg_crl_ans_table, &msg_crl_status_row_table, &msg_user_get_table,
    &msg_user_row_table, &msg_user_remove_table, &msg_event_list_table, &msg_event_row_table,
    &msg_ledger_status_ans_table, &msg_config_put_table, &msg_ctl_clock_table, &msg_unsealed_table,
    &msg_empty_table, &msg_inventory_chunk_table, &msg_inventory_put_table, &msg_inventory_get_table,
    &msg_inventory_row_table, &msg_registration_list_table, &msg_registration_row_table};
#define TABLES ((unsigned)(sizeof(tables) / sizeof(tables[0])))

static void
decode(struct base_span input)
{
	const struct msg_table *table = tables[fuzz_choice(&input, TABLES)];
	union {
		uint64_t align;
		uint8_t bytes[MSG_STRUCT_MAX];
	} object;
	struct base_buf again;

	if (msg_decode(table, input, &object) != MC_OK) {
		return;
	}
	base_buf_init(&again, LIMIT_FRAME * 2);
	FUZZ_HOLDS(msg_encode(table, &object, &again) == MC_OK);
	FUZZ_HOLDS(base_span_equal(input, base_buf_span(&again)));
	base_buf_clear(&again);
}

static bool gone;

static enum mc_err
on_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	size_t *left = self;

	FUZZ_HOLDS(!gone && item->fd == -1 && item->payload.len <= *left);
	if ((item->type & 1u) != 0 || item->type == BASE_CHAN_HELLO) {
		return MC_OK;
	}
	return base_chan_send(chan, MSG_ANSWER(item->type), 0, item->corr, item->payload);
}

static void
on_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	(void)self;
	(void)chan;
	(void)why;
	FUZZ_HOLDS(!gone);
	gone = true;
}

/* The input in frames: a length (le16), then as many bytes as there are. */
static void
receive(struct base_span input)
{
	struct base_loop *loop = base_loop_new();
	struct base_chan *chan;
	size_t total = input.len;
	int fds[2];

	gone = false;
	FUZZ_HOLDS(base_chan_pair(fds) == MC_OK);
	chan = base_chan_new(loop, fds[0], on_item, on_gone, &total);
	for (int i = 0; i < FRAMES && input.len >= 2 && !gone; i++) {
		size_t len = input.ptr[0] | (size_t)input.ptr[1] << 8;

		input = base_span_of(input.ptr + 2, input.len - 2);
		len = len < input.len ? len : input.len;
		if (len > 0) {
			(void)send(fds[1], input.ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		input = base_span_of(input.ptr + len, input.len - len);
		base_loop_turn(loop, 0);
	}
	(void)close(fds[1]);
	base_loop_turn(loop, 0);
	base_chan_free(chan);
	base_loop_free(loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_span input = base_span_of(data, size);

	if (fuzz_choice(&input, 2) == 0) {
		decode(input);
	} else {
		receive(input);
	}
	return 0;
}
