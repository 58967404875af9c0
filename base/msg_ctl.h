/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisor <-> role, on the control channel (BASE_PROC_CTL_FD).
 *
 * Start: the supervisor sends HELLO, CONFIG+fd, then what the role needs (CHANNEL+fd, LISTENER+fd,
 * KEYFILE+fd, UNSEAL when a passphrase is at hand), then START. The role answers each
 * with msg_status_ans, and sends STATUS at every change of state. Later, at any time:
 * CHANNEL (a peer was restarted or a signer is handed over), CONFIG (reload), LISTENER (a new
 * environment), UNSEAL, CLOCK, DRAIN. EOF on the control channel: exit at once.
 */
#ifndef BASE_MSG_CTL_H
#define BASE_MSG_CTL_H

#include "base/msg.h"

/* MSG_CTL_CHANNEL: a channel to `peer`. For a signer, `generation` grows with every hand-over: the
 * receiver sends new requests on the highest generation at once, lets those under
 * way on older ones finish, then closes the older channel; the old signer exits when
 * all its channels but ledger and control are closed (it was told DRAIN). */
struct msg_ctl_channel {
	uint8_t peer; /* enum msg_role */
	uint32_t generation;
	struct base_span environment; /* of a signer peer */
};
extern const struct msg_table msg_ctl_channel_table;

enum msg_listener { MSG_LISTEN_GRPC = 1, MSG_LISTEN_REST = 2, MSG_LISTEN_PROBES = 3 };
struct msg_ctl_listener {
	uint8_t kind;
	struct base_span environment; /* gRPC */
};
extern const struct msg_table msg_ctl_listener_table;

/* MSG_CTL_KEYFILE: a key file open for reading (ca/keyfile.h). For a signer: issuing.pem. For the ceremony:
 * slot says which. */
enum msg_key_slot {
	MSG_KEY_ISSUING = 1,
	MSG_KEY_ENVIRONMENT = 2,
	MSG_KEY_ROOT = 3,
	MSG_KEY_DIR_ENVIRONMENT = 4, /* directory descriptor to write into */
	MSG_KEY_DIR_ROOT = 5
};
struct msg_ctl_keyfile {
	uint8_t slot;
	struct base_span environment;
};
extern const struct msg_table msg_ctl_keyfile_table;

/* MSG_CTL_UNSEAL: status MC_OK, MC_EPASSPHRASE, or MC_ECONFLICT when not sealed. */
struct msg_ctl_unseal {
	uint8_t slot; /* which key's passphrase: MSG_KEY_ENVIRONMENT (also opens issuing) or MSG_KEY_ROOT */
	struct base_span environment;
	struct base_span passphrase; /* wipe after use */
};
extern const struct msg_table msg_ctl_unseal_table;

enum msg_ceremony {
	MSG_CEREMONY_ROOT = 1,        /* make the root key and certificate, its CRL */
	MSG_CEREMONY_ENVIRONMENT = 2, /* make environment key, anchor, lineage, CRL, then an issuing CA */
	MSG_CEREMONY_ISSUING = 3,     /* a new issuing key and certificate, and a fresh environment CRL */
	MSG_CEREMONY_CRL = 4,         /* only a fresh environment CA CRL */
	MSG_CEREMONY_OPERATORS = 5    /* like ENVIRONMENT for the operators authority, without lineage */
};
/* MSG_CTL_CEREMONY: the act; the answer ends it. Everything it needs was handed over before. */
struct msg_ctl_ceremony {
	uint8_t act;
	struct base_span environment;
	uint8_t request_id[16];
	struct base_span actor; /* who asked, for the ledger's events */
	struct base_span from;  /* where from: "local socket", "schedule" */
};
extern const struct msg_table msg_ctl_ceremony_table;
/* Answer: msg_status_ans. */

/* MSG_CTL_CLOCK: the wall clock is right. Who said so is for the ledger, which answers once its event is on disk. */
struct msg_ctl_clock {
	uint8_t request_id[16];
	struct base_span actor;
	struct base_span from;
};
extern const struct msg_table msg_ctl_clock_table;

enum msg_role_state {
	MSG_RS_STARTING = 1,
	MSG_RS_SEALED = 2,
	MSG_RS_READY = 3,
	MSG_RS_DRAINING = 4,
	MSG_RS_BLOCKED = 5 /* alive, but refuses: clock, disk; detail says why */
};
struct msg_ctl_status {
	uint8_t state;
	struct base_span detail; /* one line */
};
extern const struct msg_table msg_ctl_status_table;

struct msg_ctl_want_crl {
	struct base_span environment;
};
extern const struct msg_table msg_ctl_want_crl_table;

struct msg_ctl_progress {
	struct base_span text;
};
extern const struct msg_table msg_ctl_progress_table;

#endif
