/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger process from inside.
 *
 *   loop thread   channels, decoding, permits, queues, answers
 *   writer        one transaction per batch of changes, in the order they came
 *   readers       queries, on handles of their own: a list never delays a commit, and the front's never the
 *                 others' (what CRLs are made from)
 *   mover         moves the log into the table, on its own handle
 *
 * A batch is handed to the writer whole and comes back whole. Nothing is shared between
 * threads but what a job carries; an answer leaves only after its commit.
 */
#ifndef STORE_LEDGER_INT_H
#define STORE_LEDGER_INT_H

#include <stdio.h>

#include "base/chan.h"
#include "base/clock.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/pool.h"
#include "store/dedup.h"
#include "store/reserve.h"
#include "store/store.h"

#define LEDGER_LOG_MOVE 8192   /* pages (32 MiB) after which the log is moved */
#define LEDGER_LOG_FINISH 512  /* pages so few that the writer moves the rest itself */
#define LEDGER_LOG_MAX 65536   /* pages (256 MiB): commits wait for the move */
#define LEDGER_WATCH_US 250000 /* how often disk and clock are looked at */

struct ledger;
/* READY, BLOCKED or DRAINING with a line for people. */
typedef void (*ledger_tell_fn)(void *arg, enum msg_role_state state, const char *detail);

/* What has come of an inventory; without bytes: a free place. */
struct ledger_document {
	uint8_t id[16];  /* of the request that its pieces belong to */
	uint64_t number; /* in the order of their beginning */
	struct base_buf bytes;
};

struct ledger_peer {
	struct ledger_peer *next;
	struct ledger *ledger;
	struct base_chan *chan; /* NULL: gone */
	enum msg_role role;
	char environment[LIMIT_ENVIRONMENT + 1];
	bool greeted;
	struct ledger_document documents[LIMIT_APPLYING];
	uint64_t document_count; /* begun on this channel */
	unsigned refs; /* the channel, and every request under way */
};

union ledger_msg {
	struct msg_intent intent;
	struct msg_signature signature;
	struct msg_issuer_put issuer_put;
	struct msg_crl_begin crl_begin;
	struct msg_crl_chunk crl_chunk;
	struct msg_revoked_list revoked_list;
	struct msg_user_put user_put;
	struct msg_cert_get cert_get;
	struct msg_cert_list cert_list;
	struct msg_revoke revoke;
	struct msg_issuer_list issuer_list;
	struct msg_bundle_get bundle_get;
	struct msg_crl_get crl_get;
	struct msg_user_get user_get;
	struct msg_user_remove user_remove;
	struct msg_event_list event_list;
	struct msg_config_put config_put;
	struct msg_unsealed unsealed;
	struct msg_ctl_clock clock;
	struct msg_inventory_chunk inventory_chunk;
	struct msg_inventory_put inventory_put;
	struct msg_inventory_get inventory_get;
	struct msg_registration_list registration_list;
	struct msg_empty empty;
};

/* A request on its way: first a job of its own when it is a query. */
struct ledger_op {
	struct base_job job;
	struct ledger_op *next;
	struct ledger_peer *peer;
	uint16_t type;
	uint64_t corr;
	union ledger_msg msg;    /* spans point into payload */
	struct store_scope scope;
	struct store_view view;  /* queries */
	struct base_buf document; /* INVENTORY_PUT */
	struct base_buf answers; /* items: le32 length, bytes; all but the last go as MORE */
	size_t payload_room;
	uint8_t payload[];
};

/* What the writer is given and gives back. */
struct ledger_batch {
	struct base_job job;
	struct ledger *ledger;
	struct ledger_op *ops;
	unsigned count;
	uint64_t boundary_seq;
	enum mc_err refuse_intents; /* MC_OK, or why none is taken */
	bool finish_move;
	/* given back */
	enum mc_err result; /* MC_OK; MC_ENOSPACE: nothing was written; MC_ESTORE: the end */
	char detail[MC_ERR_DETAIL_MAX];
	struct store_head head;
	uint64_t late_signatures; /* of intents up to the boundary */
	int64_t commit_us;
	bool disk_full;
};

struct ledger_counters {
	uint64_t commit_count;
	uint64_t commit_us;
	uint64_t commit_us_last;
};

/* Queries of one kind of peer. */
struct ledger_reads {
	struct base_pool *reader;
	unsigned count; /* waiting or run */
};

struct ledger {
	struct base_loop *loop;
	struct ledger_peer control; /* the supervisor, for requests on the control channel */
	ledger_tell_fn tell;
	void *tell_arg;
	struct ledger_peer *peers;
	char *path;
	const char *vfs; /* NULL; tests of a full disk have their own */
	uint64_t disk_reserve_bytes; /* issuance stops when less is free */
	uint64_t reserve_bytes;      /* LIMIT_LEDGER_RESERVE; tests take less */
	struct reserve *reserve;     /* the writer's while busy; NULL: none could be made */
	bool started;
	bool draining;
	void (*drained)(void *arg); /* NULL once called */
	void *drained_arg;
	/* changes */
	struct store *store;       /* the writer's handle */
	struct store_dedup *dedup; /* the writer's */
	struct base_pool *writer;
	struct ledger_batch batch; /* the one under way, when busy */
	bool busy;
	struct ledger_op *queue; /* waiting, oldest first */
	struct ledger_op **queue_end;
	unsigned queue_count;
	unsigned queue_urgent;   /* of them, those that somebody waits for */
	int64_t queue_since_us;  /* when the oldest came */
	int64_t queue_last_us;   /* when the newest came */
	int64_t committed_us;    /* when the last batch came back */
	struct base_timer *gather;
	struct ledger_op *spare; /* requests that ended, for the next */
	unsigned spare_count;
	/* queries */
	struct ledger_reads front_reads;
	struct ledger_reads other_reads;
	/* log */
	struct base_pool *mover;
	struct base_job move_job;
	unsigned move_left;
	uint64_t move_at_pages; /* LEDGER_LOG_MOVE; tests take less */
	bool moving;
	bool finish_move;
	/* state */
	struct store_head head;
	uint64_t boundary_seq;
	uint64_t unconfirmed;
	bool raise_boundary; /* a signer went: its intents will not be signed any more */
	unsigned documents; /* that requests hold */
	struct ledger_counters counters;
	uint64_t disk_free_bytes;
	bool disk_blocked;
	bool clock_blocked;
	struct base_clock_guard clock;
	struct base_timer *watch;
};

/* --- ledger.c: channels, permits --- */
/* control: the supervisor's channel, owned by the caller; NULL in tests. tell: where states go. */
struct ledger *ledger_new(struct base_loop *loop, struct base_chan *control, ledger_tell_fn tell,
    void *tell_arg);
void ledger_free(struct ledger *ledger);
/* A channel to a peer; takes fd, and says HELLO. */
void ledger_peer_add(struct ledger *ledger, int fd, enum msg_role role,
    struct base_span environment);
/* A request from the supervisor, on its control channel. */
enum mc_err ledger_on_control(void *self, struct base_chan *chan,
    const struct base_item *item);
/* The channel, or a request of it, is done with the peer. */
void ledger_peer_unref(struct ledger_peer *peer);

/* --- ledger_op.c --- */
/* The request that an item carries, for its sender's scope. MC_EFRAME: the item is malformed; *out stays. On
 * MC_OK it is the caller's, until it is answered or freed. */
enum mc_err ledger_op_decode(struct ledger_peer *peer, const struct base_item *item,
    struct ledger_op **out) MC_MUST_CHECK;
/* Sends the answers of an op and frees it. */
void ledger_op_answer(struct ledger_op *op);
void ledger_op_free(struct ledger_op *op);
/* Those that were kept for reuse. */
void ledger_ops_free(struct ledger *ledger);
/* Appends an encoded answer item; a failure to encode becomes a failure answer. */
void ledger_op_put(struct ledger_op *op, const struct msg_table *table, const void *object);
/* Replaces what was put so far by one failure. */
void ledger_op_fail(struct ledger_op *op, enum mc_err status, const char *detail);

/* --- ledger_state.c: start, end, and what may block issuance --- */
/* Opens the database and starts the threads; path and disk_reserve_bytes are set. */
enum mc_err ledger_open(struct ledger *ledger) MC_MUST_CHECK;
/* Looks at disk and clock, and tells when that changed anything. */
void ledger_look(struct ledger *ledger);
void ledger_tell(struct ledger *ledger);
/* From now on no request is taken; drained is called once nothing is under way. */
void ledger_drain(struct ledger *ledger, void (*drained)(void *arg), void *arg);
void ledger_drain_check(struct ledger *ledger);

/* --- ledger_write.c --- */
void ledger_write_queue(struct ledger *ledger, struct ledger_op *op);
/* Gives the writer what waits, if it is time. */
void ledger_write_pump(struct ledger *ledger);
void ledger_batch_run(struct base_job *job, void *worker);
void ledger_batch_done(struct base_job *job);
void ledger_move_start(struct ledger *ledger);
void ledger_boundary_raise(struct ledger *ledger);

/* --- ledger_apply.c: one change inside a transaction, on the writer's thread --- */
struct ledger_apply {
	struct store *store;
	struct store_dedup *dedup;
	int64_t now_at;
	uint64_t boundary_seq;
	enum mc_err refuse_intents;
	uint64_t late_signatures;
};
/* Puts the answer. Returns MC_OK, also for a refusal, or an MC_CLASS_IO error that undoes all. */
enum mc_err ledger_apply_op(struct ledger_apply *apply, struct ledger_op *op) MC_MUST_CHECK;

/* --- ledger_inventory.c --- */
/* Takes the next piece. MC_ECONFLICT, MC_ETOOBIG. */
enum mc_err ledger_document_add(struct ledger_peer *peer,
    const struct msg_inventory_chunk *chunk) MC_MUST_CHECK;
/* Moves the whole document from the peer to the request that ends it. MC_ECONFLICT, MC_ETOOBIG, MC_EBUSY. */
enum mc_err ledger_document_take(struct ledger_op *op) MC_MUST_CHECK;
/* What a request that ends, or a peer that goes, holds of them. */
void ledger_document_drop(struct ledger_op *op);
void ledger_documents_clear(struct ledger_peer *peer);

/* --- ledger_read.c --- */
void ledger_read_submit(struct ledger *ledger, struct ledger_op *op);
void *ledger_reader_new(void *path);
void ledger_reader_free(void *worker);

/* --- verify.c --- */
/* Checks the database at path, printing progress and findings to out. Returns 0 when it holds, 1
 * when not, -1 when it cannot be read. */
int ledger_verify(const char *path, FILE *out);

#endif
