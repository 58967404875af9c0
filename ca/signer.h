/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer role of one environment: what its files share. One thread.
 *
 *   signer_main.c    start, hand-over, peers
 *   signer_seal.c    key files, opened by a passphrase
 *   signer_policy.c  what may be certified
 *   signer_issue.c   ISSUE: from request to answer
 *   signer_user.c    USER_ISSUE: approvals; operators only
 *   signer_ledger.c  requests under way, and their life across ledger restarts
 *   signer_crl.c     CRL_SIGN
 */
#ifndef CA_SIGNER_H
#define CA_SIGNER_H

#include "base/buf.h"
#include "base/chan.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/loop.h"
#include "base/msg_ctl.h"
#include "base/msg_issue.h"
#include "base/msg_ledger.h"
#include "ca/cert.h"
#include "ca/issuer.h"
#include "ca/key.h"

#define SIGNER_PEERS     4    /* channels at once: front, keeper, ledger */
#define SIGNER_ISSUERS   8    /* issuing CAs: the active one and older ones with live leaves */
#define SIGNER_REQUESTS  2048 /* under way: a full front channel, and as many answered but not recorded */
#define SIGNER_CRL_CREDITS 2  /* of the ledger's window, that no leaf takes: a CRL's, and a list's given up */
#define SIGNER_WAIT_US   5000000 /* for a ledger, before a request is refused */

struct role;
struct keyfile;
struct signer;

struct signer_peer {
	struct signer *signer;
	struct base_chan *chan;
	enum msg_role role;
	bool greeted;
};

/* Where a request stands. What waits is in one of the signer's queues. */
enum signer_step {
	SIGNER_FREE = 0,
	SIGNER_INTENT_WAITS,    /* to be sent */
	SIGNER_INTENT_SENT,
	SIGNER_SIGNATURE_WAITS, /* signed; to be recorded */
	SIGNER_SIGNATURE_SENT,
	SIGNER_USER_WAITS,
	SIGNER_USER_SENT
};

/* A person's part of a request: copies. */
struct signer_user {
	char name[LIMIT_USER_NAME + 1];
	uint8_t role;
	uint8_t approver_sha256[32];
	uint8_t approval[32]; /* hash of approver and approved text; zero from the local socket */
	char actor[LIMIT_REQUESTER + 1];
	char from[128];
};

/* One leaf under way. Its buffers keep their memory from use to use. */
struct signer_request {
	struct signer_request *next; /* in the free list or a queue */
	enum signer_step step;
	uint64_t corr;            /* of what was last sent to the ledger */
	uint16_t type;            /* MSG_ISSUE or MSG_USER_ISSUE */
	struct base_chan *from;   /* NULL: the asker is gone, or was answered */
	uint64_t from_corr;
	uint8_t request_id[16];
	bool confirm;
	int64_t deadline_us;      /* boot clock; while INTENT_WAITS */
	int64_t not_before_at;
	int64_t not_after_at;
	uint8_t serial[CERT_SERIAL_LEN];
	uint64_t seq;
	struct base_buf tbs;
	struct base_buf intent;   /* encoded MSG_INTENT: repeated as it is to a new ledger */
	struct base_buf tail;     /* the signature, once made */
	struct signer_user *user; /* USER_ISSUE */
};

/* First in, first out. */
struct signer_queue {
	struct signer_request *head;
	struct signer_request *tail;
};

struct signer_issuer {
	struct keyfile *file;
	struct issuer *open;  /* NULL while sealed */
	uint8_t id[32];
};

struct signer_crl; /* the CRL under way */

struct signer {
	struct role *role;
	struct base_loop *loop;
	char environment[LIMIT_ENVIRONMENT + 1];
	bool operators;
	struct config *config;
	const struct config_environment *env;
	bool started;
	bool draining;
	bool drained;

	struct signer_peer peers[SIGNER_PEERS];
	struct base_chan *ledger; /* greeted; NULL: none */

	struct signer_issuer issuers[SIGNER_ISSUERS]; /* the first is the active one */
	size_t issuer_count;
	bool active_broken; /* the first key file was unreadable */
	unsigned unseal_failures;
	int64_t unseal_after_us;

	struct base_clock_guard clock;
	struct key_importer *keys;
	int64_t tokens_u;     /* rate bucket in millionths of a signature */
	int64_t tokens_at_us;

	struct signer_request *requests; /* SIGNER_REQUESTS */
	struct signer_request *free_list;
	unsigned request_count;          /* not free */
	uint64_t next_corr;
	struct signer_queue to_sign;     /* INTENT_WAITS */
	struct signer_queue to_record;   /* SIGNATURE_WAITS, USER_WAITS: sent first */
	struct base_timer *sweep;
	struct base_buf cert;            /* scratch */

	struct signer_crl *crl;

	uint64_t signed_count;
	uint64_t refused_count;
};

/* The active issuer, NULL while sealed. */
struct issuer *signer_active(const struct signer *signer);
/* Recomputes the role's state and reports it to the supervisor. */
void signer_report(struct signer *signer);
enum msg_role_state signer_state(struct signer *signer, const char **why);
/* Called whenever a request ends: a draining signer may be drained now. */
void signer_settle(struct signer *signer);

/* --- signer_seal.c --- */

/* Takes over fd. The first key file is the active issuer's. Returns MC_OK, MC_EUSAGE, or what
 * keyfile_read() recorded. */
enum mc_err signer_keyfile_add(struct signer *signer, int fd) MC_MUST_CHECK;
/* Opens all key files with the passphrase. Returns MC_OK, MC_ECONFLICT (not sealed),
 * MC_EPASSPHRASE, MC_ERATE (too soon after a wrong one), MC_EPROFILE (a certificate of
 * another authority), MC_ENOTREADY (no key file). */
enum mc_err signer_unseal(struct signer *signer, struct base_span passphrase) MC_MUST_CHECK;
void signer_seal_clear(struct signer *signer);

/* --- signer_policy.c --- */

/* Whether leaves may be signed now: open, clock right, issuer alive.
 * Returns MC_OK, MC_ESEALED, MC_ECLOCK, MC_EISSUER_LIFE, MC_ENOTREADY. */
enum mc_err signer_may_issue(struct signer *signer) MC_MUST_CHECK;
/* Takes one token of the rate bucket. Returns MC_OK or MC_ERATE. */
enum mc_err signer_rate_take(struct signer *signer) MC_MUST_CHECK;
/* Whether a DNS name is one of the environment's own gRPC listener. */
bool signer_is_own_name(const struct signer *signer, struct base_span name);
/* Splits names, each ended by one NUL, into at most LIMIT_DNS_NAMES views. Returns MC_OK or MC_EIDENTITY. */
enum mc_err signer_dns_split(struct base_span names, struct base_span *out, size_t *count)
    MC_MUST_CHECK;
/* Holds an ISSUE against the environment's policy and fills in leaf but for its serial; dns holds
 * LIMIT_DNS_NAMES views. Returns MC_OK, MC_EPROFILE, MC_EIDENTITY, MC_ETTL, MC_ECSR_KEY_TYPE,
 * MC_ECSR_KEY_SIZE, MC_ECSR_KEY_WEAK. */
enum mc_err signer_policy_leaf(struct signer *signer, const struct msg_issue *msg,
    struct cert_leaf *leaf, struct base_span *dns) MC_MUST_CHECK;
/* Sets the leaf's times: ttl_s <= 0 means the default; above max_s MC_ETTL; clamped to
 * the issuer's life. */
enum mc_err signer_policy_life(struct signer *signer, int64_t ttl_s, int64_t default_s,
    int64_t max_s, struct cert_leaf *leaf) MC_MUST_CHECK;

/* --- signer_ledger.c --- */

void signer_requests_init(struct signer *signer);
void signer_requests_clear(struct signer *signer);
/* A request for the ledger, or NULL when SIGNER_REQUESTS are under way (MC_EBUSY). */
struct signer_request *signer_request_new(struct signer *signer);
/* Queues its intent and sends what the ledger's window allows. */
void signer_request_submit(struct signer *signer, struct signer_request *request);
/* Frees it without an answer: it was never submitted. */
void signer_request_drop(struct signer *signer, struct signer_request *request);
/* Answers of the ledger to our INTENT, SIGNATURE and USER_PUT. */
enum mc_err signer_ledger_answer(struct signer *signer, const struct base_item *item)
    MC_MUST_CHECK;
/* The ledger is gone: what it did not answer is sent to the next one. */
void signer_ledger_lost(struct signer *signer);
/* Sends what waits. */
void signer_ledger_pump(struct signer *signer);
/* An asker is gone. */
void signer_peer_lost(struct signer *signer, const struct base_chan *chan);
/* Requests too long without a ledger are refused. */
void signer_sweep(void *self);

/* --- signer_issue.c --- */

enum mc_err signer_on_issue(void *self, struct base_chan *chan, const struct base_item *item);
enum mc_err signer_on_info(void *self, struct base_chan *chan, const struct base_item *item);
/* Builds the leaf's bytes and the intent into request. msg's recorded fields are used. */
enum mc_err signer_build(struct signer *signer, struct signer_request *request,
    struct cert_leaf *leaf, struct msg_intent *intent) MC_MUST_CHECK;
/* Answers with a certificate or a refusal; only the first call does something. */
void signer_answer(struct signer *signer, struct signer_request *request);
void signer_answer_duplicate(struct signer_request *request,
    const struct msg_intent_ans *intent);
void signer_refuse(struct signer *signer, struct signer_request *request, enum mc_err err);
/* The certificate's DER in signer->cert. */
struct base_span signer_cert(struct signer *signer, const struct signer_request *request);

/* --- signer_user.c --- */

/* From the front: with an administrator's approval. */
enum mc_err signer_on_user(void *self, struct base_chan *chan, const struct base_item *item);
/* From the supervisor, which asked for root on the machine's own socket: without. */
enum mc_err signer_on_user_local(void *self, struct base_chan *chan,
    const struct base_item *item);
/* Sends MSG_USER_PUT for a recorded certificate. */
enum mc_err signer_user_send(struct signer *signer, struct signer_request *request)
    MC_MUST_CHECK;

/* --- signer_crl.c --- */

enum mc_err signer_on_crl(void *self, struct base_chan *chan, const struct base_item *item);
void signer_crl_clear(struct signer *signer);
/* The ledger's answers to CRL_BEGIN, REVOKED_LIST and CRL_CHUNK. */
enum mc_err signer_crl_answer(struct signer *signer, const struct base_item *item)
    MC_MUST_CHECK;
/* The ledger or the asker (chan; NULL: the ledger) is gone. */
void signer_crl_lost(struct signer *signer, const struct base_chan *chan);

#endif
