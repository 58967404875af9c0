/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between our processes: one struct each, described by a field table in
 * msg.c (and msg_*.c) that one encoder and one decoder walk. Requests are even, answers odd.
 *
 * Encoding: fields in table order, integers little-endian at their width, fixed arrays
 * as they are, spans as le32 length and bytes, refused above the table's maximum. The decoder consumes every
 * byte or fails with MC_EFRAME. Decoded spans point into the item's payload: valid
 * until the handler returns.
 *
 * Every answer starts with `status` (an enum mc_err) and `detail` (one line for people, <= LIMIT_DETAIL);
 * on failure all other fields are zero and empty.
 */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"

/* Who may stand at the ends of a channel. */
enum msg_role {
	MSG_ROLE_INVALID = 0,
	MSG_ROLE_SUPERVISOR,
	MSG_ROLE_FRONT,
	MSG_ROLE_SIGNER,    /* of an environment */
	MSG_ROLE_OPERATORS, /* the signer of the operators authority */
	MSG_ROLE_LEDGER,
	MSG_ROLE_KEEPER,
	MSG_ROLE_CEREMONY
};
const char *msg_role_name(enum msg_role role); /* "front", ... */

/* Certificate profiles. CA profiles exist in the ceremony's program only. */
enum msg_profile {
	MSG_PROFILE_INVALID = 0,
	MSG_PROFILE_SVID = 1,
	MSG_PROFILE_SERVER = 2,
	MSG_PROFILE_CLIENT = 3,
	MSG_PROFILE_ROOT = 16,
	MSG_PROFILE_ENVIRONMENT = 17, /* the self-signed anchor */
	MSG_PROFILE_LINEAGE = 18,     /* the environment CA certified by the root */
	MSG_PROFILE_ISSUING = 19
};
const char *msg_profile_name(enum msg_profile profile); /* "svid", ...; "invalid" */
enum msg_profile msg_profile_parse(struct base_span name); /* MSG_PROFILE_INVALID if unknown */

/* Subject public keys as typed values; the signer encodes them. */
enum msg_key_alg {
	MSG_KEY_INVALID = 0,
	MSG_KEY_P256 = 1, /* key = uncompressed point, 65 bytes 04|X|Y */
	MSG_KEY_P384 = 2, /* 97 bytes */
	MSG_KEY_RSA = 3   /* key = modulus, big-endian, no leading zero; exponent is 65537 */
};

/* States of a certificate. */
enum msg_state {
	MSG_STATE_INVALID = 0,
	MSG_STATE_INTENDED,    /* in the ledger, signature not yet recorded, process alive */
	MSG_STATE_SIGNED,
	MSG_STATE_UNCONFIRMED, /* an intent without a signature from before a restart */
	MSG_STATE_REVOKED,
	MSG_STATE_EXPIRED      /* derived: notAfter has passed */
};
const char *msg_state_name(enum msg_state state);
enum msg_state msg_state_parse(struct base_span name);

/* Roles of people. Each includes the ones before. */
enum msg_user_role {
	MSG_USER_INVALID = 0,
	MSG_USER_VIEWER,
	MSG_USER_OPERATOR,
	MSG_USER_ADMIN
};
const char *msg_user_role_name(enum msg_user_role role);
enum msg_user_role msg_user_role_parse(struct base_span name);

/* RFC 5280 5.3.1 reason codes, same numbers. 7 is unused; 8 (removeFromCRL) is refused. */
enum msg_reason {
	MSG_REASON_UNSPECIFIED = 0,
	MSG_REASON_KEY_COMPROMISE = 1,
	MSG_REASON_CA_COMPROMISE = 2,
	MSG_REASON_AFFILIATION_CHANGED = 3,
	MSG_REASON_SUPERSEDED = 4,
	MSG_REASON_CESSATION_OF_OPERATION = 5,
	MSG_REASON_CERTIFICATE_HOLD = 6, /* refused: holds are not supported */
	MSG_REASON_PRIVILEGE_WITHDRAWN = 9,
	MSG_REASON_AA_COMPROMISE = 10
};
const char *msg_reason_name(uint8_t reason); /* "keyCompromise"; NULL if not one we take */
int msg_reason_parse(struct base_span name); /* -1 if not one we take */

enum msg_type {
	MSG_NONE = 0,
	/* any -> any, first item on every channel, both ways: version and role of the sender */
	MSG_HELLO = 2,

	/* supervisor -> role, on the control channel (base/msg_ctl.h) */
	MSG_CTL_CONFIG = 16,    /* + fd: config_from_fd; first at start, again on reload */
	MSG_CTL_CHANNEL = 18,   /* + fd */
	MSG_CTL_LISTENER = 20,  /* + fd */
	MSG_CTL_KEYFILE = 22,   /* + fd */
	MSG_CTL_START = 24,     /* all is handed over: drop ids, sandbox, serve */
	MSG_CTL_UNSEAL = 26,
	MSG_CTL_DRAIN = 28,     /* answer = drained */
	MSG_CTL_CLOCK = 30,     /* the wall clock is right: accept it (base/msg_ctl.h) */
	MSG_CTL_CEREMONY = 32,  /* supervisor -> ceremony: do this act */
	/* role -> supervisor */
	MSG_CTL_STATUS = 48,    /* state changed */
	MSG_CTL_WANT_CRL = 50,  /* keeper: an environment CA's CRL is due */
	MSG_CTL_PROGRESS = 52,  /* ceremony: one line */

	/* front or supervisor -> signer (base/msg_issue.h) */
	MSG_ISSUE = 64,
	MSG_USER_ISSUE = 66,    /* operators only */
	MSG_SIGNER_INFO = 68,
	MSG_CRL_SIGN = 70,      /* keeper -> signer */

	/* signer, ceremony -> ledger (base/msg_ledger.h) */
	MSG_INTENT = 96,
	MSG_SIGNATURE = 98,
	MSG_ISSUER_PUT = 100,
	MSG_CRL_BEGIN = 102,
	MSG_REVOKED_LIST = 104,
	MSG_CRL_CHUNK = 106,
	MSG_USER_PUT = 108,     /* operators signer only */

	/* front, keeper, supervisor -> ledger (base/msg_query.h) */
	MSG_CERT_GET = 128,
	MSG_CERT_LIST = 130,
	MSG_REVOKE = 132,
	MSG_ISSUER_LIST = 134,
	MSG_BUNDLE_GET = 136,
	MSG_CRL_GET = 138,
	MSG_CRL_STATUS = 140,
	MSG_USER_GET = 142,
	MSG_USER_LIST = 144,
	MSG_USER_REMOVE = 146,
	MSG_EVENT_LIST = 148,
	MSG_LEDGER_STATUS = 152, /* 150 was used */
	MSG_CONFIG_PUT = 154,   /* supervisor only */
	MSG_UNSEALED = 164,     /* supervisor only */
	/* front -> ledger (base/msg_inventory.h) */
	MSG_INVENTORY_CHUNK = 156,
	MSG_INVENTORY_PUT = 158,
	MSG_INVENTORY_GET = 160,
	MSG_REGISTRATION_LIST = 162,

	/* CLI <-> supervisor on the root-only local socket (base/msg_admin.h) */
	MSG_ADM_STATUS = 192,
	MSG_ADM_UNSEAL = 194,
	MSG_ADM_RELOAD = 196,
	MSG_ADM_ROTATE = 198,
	MSG_ADM_ENV_ADD = 200,
	MSG_ADM_USER_ADD = 202,
	MSG_ADM_CLOCK = 204,
	MSG_ADM_CA_CRL = 206
};
#define MSG_ANSWER(type) ((uint16_t)((type) + 1))
/* "issue", "intent", ... for logs; "unknown". */
const char *msg_type_name(uint16_t type);

/* --- field tables --- */
enum msg_kind { MSG_F_U8, MSG_F_U32, MSG_F_U64, MSG_F_FIXED, MSG_F_SPAN };
struct msg_field {
	const char *name;
	enum msg_kind kind;
	uint16_t offset;
	uint32_t max; /* FIXED: the size; SPAN: most bytes */
};
struct msg_table {
	const char *name;
	const struct msg_field *fields;
	size_t count;
	size_t size; /* of the struct */
};
#define MSG_STRUCT_MAX 512 /* no message's struct is larger */
/* Appends the encoding of *object. An over-long span is a bug of the sender: MC_ETOOBIG. */
enum mc_err msg_encode(const struct msg_table *table, const void *object, struct base_buf *out)
    MC_MUST_CHECK;
/* Fills *object (zeroed first). Returns MC_OK or MC_EFRAME naming table and field. */
enum mc_err msg_decode(const struct msg_table *table, struct base_span payload, void *object)
    MC_MUST_CHECK;

struct msg_hello {
	uint32_t version; /* MSG_VERSION: both ends come from one build */
	uint8_t role;     /* enum msg_role of the sender */
	struct base_span environment; /* of a signer; else empty */
};
#define MSG_VERSION 1u
extern const struct msg_table msg_hello_table;

/* The answer that carries nothing but its outcome; every other answer begins alike. */
struct msg_status_ans {
	uint32_t status;
	struct base_span detail;
};
extern const struct msg_table msg_status_ans_table;

/* --- sending: encode and queue in one step --- */
struct base_chan;
struct base_item;
/* Returns what msg_encode or base_chan_send returned. */
enum mc_err msg_send(struct base_chan *chan, uint16_t type, uint16_t flags, uint64_t corr,
    const struct msg_table *table, const void *object) MC_MUST_CHECK;
/* Answers request `type` with status and this thread's error detail when it is of that code, through
 * a table whose struct begins with msg_status_ans. */
enum mc_err msg_send_failure(struct base_chan *chan, uint16_t type, uint64_t corr,
    const struct msg_table *answer_table, enum mc_err status) MC_MUST_CHECK;

/* Greets as the first item of a channel. environment: of a signer; else NULL.
 * Returns what base_chan_send returned. */
enum mc_err msg_hello_send(struct base_chan *chan, enum msg_role role, const char *environment)
    MC_MUST_CHECK;
/* Whether a peer's first item greets as the one that the supervisor announced. Returns MC_OK
 * or MC_EFRAME: drop the peer. */
enum mc_err msg_hello_check(const struct base_item *item, enum msg_role role,
    const char *environment) MC_MUST_CHECK;

/* --- who may send what: each role's table, one row per type it takes --- */
typedef enum mc_err (*msg_handler_fn)(void *self, struct base_chan *chan,
    const struct base_item *item);
#define MSG_FROM(role) (1u << (role))
struct msg_permit {
	uint16_t type;
	uint32_t from; /* MSG_FROM(...) | ... */
	msg_handler_fn fn;
};
/* Finds the row; MC_EFRAME (drop the peer) when the type is unknown, the role may not, or a
 * descriptor came with a type that has none, or none with one that has (then it is closed). */
enum mc_err msg_dispatch(const struct msg_permit *permits, size_t count, enum msg_role from,
    void *self, struct base_chan *chan, const struct base_item *item) MC_MUST_CHECK;

#endif
