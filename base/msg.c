/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <endian.h>
#include <string.h>
#include <unistd.h>

#include "base/chan_int.h"
#include "base/mem.h"
#include "base/msg_table.h"
#include "base/rd.h"

#define HELLO(F, S)                                                                    \
	F(S, U32, version, 0)                                                          \
	F(S, U8, role, 0)                                                              \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_hello, HELLO)

MSG_TABLE(msg_status_ans, MSG_STATUS)

/* --- names --- */

struct word {
	unsigned value;
	const char *word;
};

static const char *
word_of(const struct word *words, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i].value == value) {
			return words[i].word;
		}
	}
	return NULL;
}

/* -1 when it is none of them. */
static int
word_value(const struct word *words, size_t count, struct base_span name)
{
	for (size_t i = 0; i < count; i++) {
		if (base_span_equal_str(name, words[i].word)) {
			return (int)words[i].value;
		}
	}
	return -1;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct word role_words[] = {
	{MSG_ROLE_SUPERVISOR, "supervisor"},
	{MSG_ROLE_FRONT, "front"},
	{MSG_ROLE_SIGNER, "signer"},
	{MSG_ROLE_OPERATORS, "operators"},
	{MSG_ROLE_LEDGER, "ledger"},
	{MSG_ROLE_KEEPER, "keeper"},
	{MSG_ROLE_CEREMONY, "ceremony"},
};

static const struct word profile_words[] = {
	{MSG_PROFILE_SVID, "svid"},
	{MSG_PROFILE_SERVER, "server"},
	{MSG_PROFILE_CLIENT, "client"},
	{MSG_PROFILE_ROOT, "root"},
	{MSG_PROFILE_ENVIRONMENT, "environment"},
	{MSG_PROFILE_LINEAGE, "lineage"},
	{MSG_PROFILE_ISSUING, "issuing"},
};

static const struct word state_words[] = {
	{MSG_STATE_INTENDED, "intended"},
	{MSG_STATE_SIGNED, "signed"},
	{MSG_STATE_UNCONFIRMED, "unconfirmed"},
	{MSG_STATE_REVOKED, "revoked"},
	{MSG_STATE_EXPIRED, "expired"},
};

static const struct word user_role_words[] = {
	{MSG_USER_VIEWER, "viewer"},
	{MSG_USER_OPERATOR, "operator"},
	{MSG_USER_ADMIN, "admin"},
};

/* RFC 5280 5.3.1. Not 6 (certificateHold), since holds are not supported, nor 8. */
static const struct word reason_words[] = {
	{MSG_REASON_UNSPECIFIED, "unspecified"},
	{MSG_REASON_KEY_COMPROMISE, "keyCompromise"},
	{MSG_REASON_CA_COMPROMISE, "cACompromise"},
	{MSG_REASON_AFFILIATION_CHANGED, "affiliationChanged"},
	{MSG_REASON_SUPERSEDED, "superseded"},
	{MSG_REASON_CESSATION_OF_OPERATION, "cessationOfOperation"},
	{MSG_REASON_PRIVILEGE_WITHDRAWN, "privilegeWithdrawn"},
	{MSG_REASON_AA_COMPROMISE, "aACompromise"},
};

static const struct word type_words[] = {
	{MSG_HELLO, "hello"},
	{MSG_CTL_CONFIG, "ctl-config"},
	{MSG_CTL_CHANNEL, "ctl-channel"},
	{MSG_CTL_LISTENER, "ctl-listener"},
	{MSG_CTL_KEYFILE, "ctl-keyfile"},
	{MSG_CTL_START, "ctl-start"},
	{MSG_CTL_UNSEAL, "ctl-unseal"},
	{MSG_CTL_DRAIN, "ctl-drain"},
	{MSG_CTL_CLOCK, "ctl-clock"},
	{MSG_CTL_CEREMONY, "ctl-ceremony"},
	{MSG_CTL_STATUS, "ctl-status"},
	{MSG_CTL_WANT_CRL, "ctl-want-crl"},
	{MSG_CTL_PROGRESS, "ctl-progress"},
	{MSG_ISSUE, "issue"},
	{MSG_USER_ISSUE, "user-issue"},
	{MSG_SIGNER_INFO, "signer-info"},
	{MSG_CRL_SIGN, "crl-sign"},
	{MSG_INTENT, "intent"},
	{MSG_SIGNATURE, "signature"},
	{MSG_ISSUER_PUT, "issuer-put"},
	{MSG_CRL_BEGIN, "crl-begin"},
	{MSG_REVOKED_LIST, "revoked-list"},
	{MSG_CRL_CHUNK, "crl-chunk"},
	{MSG_USER_PUT, "user-put"},
	{MSG_CERT_GET, "cert-get"},
	{MSG_CERT_LIST, "cert-list"},
	{MSG_REVOKE, "revoke"},
	{MSG_ISSUER_LIST, "issuer-list"},
	{MSG_BUNDLE_GET, "bundle-get"},
	{MSG_CRL_GET, "crl-get"},
	{MSG_CRL_STATUS, "crl-status"},
	{MSG_USER_GET, "user-get"},
	{MSG_USER_LIST, "user-list"},
	{MSG_USER_REMOVE, "user-remove"},
	{MSG_EVENT_LIST, "event-list"},
	{MSG_LEDGER_STATUS, "ledger-status"},
	{MSG_CONFIG_PUT, "config-put"},
	{MSG_UNSEALED, "unsealed"},
	{MSG_INVENTORY_CHUNK, "inventory-chunk"},
	{MSG_INVENTORY_PUT, "inventory-put"},
	{MSG_INVENTORY_GET, "inventory-get"},
	{MSG_REGISTRATION_LIST, "registration-list"},
	{MSG_ADM_STATUS, "adm-status"},
	{MSG_ADM_UNSEAL, "adm-unseal"},
	{MSG_ADM_RELOAD, "adm-reload"},
	{MSG_ADM_ROTATE, "adm-rotate"},
	{MSG_ADM_ENV_ADD, "adm-env-add"},
	{MSG_ADM_USER_ADD, "adm-user-add"},
	{MSG_ADM_CLOCK, "adm-clock"},
	{MSG_ADM_CA_CRL, "adm-ca-crl"},
};

static const char *
word_or(const char *word, const char *other)
{
	return word != NULL ? word : other;
}

const char *
msg_role_name(enum msg_role role)
{
	return word_or(word_of(role_words, COUNT(role_words), role), "invalid");
}

const char *
msg_profile_name(enum msg_profile profile)
{
	return word_or(word_of(profile_words, COUNT(profile_words), profile), "invalid");
}

enum msg_profile
msg_profile_parse(struct base_span name)
{
	int value = word_value(profile_words, COUNT(profile_words), name);

	return value < 0 ? MSG_PROFILE_INVALID : (enum msg_profile)value;
}

const char *
msg_state_name(enum msg_state state)
{
	return word_or(word_of(state_words, COUNT(state_words), state), "invalid");
}

enum msg_state
msg_state_parse(struct base_span name)
{
	int value = word_value(state_words, COUNT(state_words), name);

	return value < 0 ? MSG_STATE_INVALID : (enum msg_state)value;
}

const char *
msg_user_role_name(enum msg_user_role role)
{
	return word_or(word_of(user_role_words, COUNT(user_role_words), role), "invalid");
}

enum msg_user_role
msg_user_role_parse(struct base_span name)
{
	int value = word_value(user_role_words, COUNT(user_role_words), name);

	return value < 0 ? MSG_USER_INVALID : (enum msg_user_role)value;
}

const char *
msg_reason_name(uint8_t reason)
{
	return word_of(reason_words, COUNT(reason_words), reason);
}

int
msg_reason_parse(struct base_span name)
{
	return word_value(reason_words, COUNT(reason_words), name);
}

const char *
msg_type_name(uint16_t type)
{
	/* An answer goes by its request's name. */
	return word_or(word_of(type_words, COUNT(type_words), type & ~1U), "unknown");
}

/* --- encoding --- */

static const struct base_span *
span_field(const void *object, const struct msg_field *field)
{
	return (const void *)((const char *)object + field->offset);
}

/* Length of the encoding of *object. */
static enum mc_err
encoded_len(const struct msg_table *table, const void *object, size_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct msg_field *field = &table->fields[i];
		const struct base_span *span;

		switch (field->kind) {
		case MSG_F_U8:
			len += 1;
			break;
		case MSG_F_U32:
			len += 4;
			break;
		case MSG_F_U64:
			len += 8;
			break;
		case MSG_F_FIXED:
			len += field->max;
			break;
		case MSG_F_SPAN:
			span = span_field(object, field);
			if (span->len > field->max) {
				return MC_FAIL(MC_ETOOBIG, "%s.%s: %zu bytes", table->name,
				    field->name, span->len);
			}
			len += 4 + span->len;
			break;
		}
	}
	*out = len;
	return MC_OK;
}

static uint8_t *
put_u32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	base_copy(to, &value, 4);
	return to + 4;
}

static uint8_t *
put_field(uint8_t *to, const void *object, const struct msg_field *field)
{
	const char *from = (const char *)object + field->offset;
	const struct base_span *span;
	uint32_t u32;
	uint64_t u64;

	switch (field->kind) {
	case MSG_F_U8:
		*to = *(const uint8_t *)from;
		return to + 1;
	case MSG_F_U32:
		base_copy(&u32, from, 4);
		return put_u32(to, u32);
	case MSG_F_U64:
		base_copy(&u64, from, 8);
		u64 = htole64(u64);
		base_copy(to, &u64, 8);
		return to + 8;
	case MSG_F_FIXED:
		base_copy(to, from, field->max);
		return to + field->max;
	case MSG_F_SPAN:
		span = span_field(object, field);
		to = put_u32(to, (uint32_t)span->len);
		base_copy(to, span->ptr, span->len);
		return to + span->len;
	}
	return to;
}

static void
put_object(uint8_t *to, const struct msg_table *table, const void *object)
{
	for (size_t i = 0; i < table->count; i++) {
		to = put_field(to, object, &table->fields[i]);
	}
}

enum mc_err
msg_encode(const struct msg_table *table, const void *object, struct base_buf *out)
{
	uint8_t *to;
	size_t len;
	enum mc_err ret = encoded_len(table, object, &len);

	if (ret != MC_OK || len == 0) {
		return ret;
	}
	to = base_buf_reserve(out, len);
	if (to == NULL) {
		return MC_FAIL(MC_ETOOBIG, "%s: %zu bytes", table->name, len);
	}
	put_object(to, table, object);
	return MC_OK;
}

/* --- decoding --- */

/* False when the field is not whole or above its maximum. */
static bool
take_field(struct base_rd *rd, const struct msg_field *field, void *object)
{
	char *to = (char *)object + field->offset;
	struct base_span span;
	uint64_t u64;
	uint32_t u32;

	switch (field->kind) {
	case MSG_F_U8:
		*(uint8_t *)to = base_rd_u8(rd);
		break;
	case MSG_F_U32:
		u32 = base_rd_le32(rd);
		base_copy(to, &u32, 4);
		break;
	case MSG_F_U64:
		u64 = base_rd_le64(rd);
		base_copy(to, &u64, 8);
		break;
	case MSG_F_FIXED:
		span = base_rd_bytes(rd, field->max);
		base_copy(to, span.ptr, span.len);
		break;
	case MSG_F_SPAN:
		u32 = base_rd_le32(rd);
		if (u32 > field->max) {
			return false;
		}
		span = base_rd_bytes(rd, u32);
		base_copy(to, &span, sizeof(span));
		break;
	}
	return !rd->failed;
}

enum mc_err
msg_decode(const struct msg_table *table, struct base_span payload, void *object)
{
	struct base_rd rd;

	base_rd_init(&rd, payload);
	memset(object, 0, table->size);
	for (size_t i = 0; i < table->count; i++) {
		if (!take_field(&rd, &table->fields[i], object)) {
			memset(object, 0, table->size);
			return MC_FAIL(MC_EFRAME, "%s.%s", table->name, table->fields[i].name);
		}
	}
	if (!base_rd_done(&rd)) {
		memset(object, 0, table->size);
		return MC_FAIL(MC_EFRAME, "%s: %zu bytes too many", table->name, rd.left);
	}
	return MC_OK;
}

/* --- sending --- */

enum mc_err
msg_send(struct base_chan *chan, uint16_t type, uint16_t flags, uint64_t corr,
    const struct msg_table *table, const void *object)
{
	struct base_item head = {.type = type, .flags = flags, .corr = corr, .fd = -1};
	uint8_t *to = NULL;
	size_t len;
	enum mc_err ret = encoded_len(table, object, &len);

	if (ret == MC_OK) {
		ret = base_chan_reserve(chan, &head, len, &to);
	}
	if (ret == MC_OK) {
		put_object(to, table, object);
	}
	return ret;
}

enum mc_err
msg_send_failure(struct base_chan *chan, uint16_t type, uint64_t corr,
    const struct msg_table *answer_table, enum mc_err status)
{
	union {
		struct msg_status_ans answer;
		uint8_t room[MSG_STRUCT_MAX];
	} object = {.room = {0}};

	object.answer.status = status;
	if (mc_err_last()->code == status) {
		object.answer.detail = base_span_str(mc_err_last()->detail);
	}
	return msg_send(chan, MSG_ANSWER(type), 0, corr, answer_table, &object);
}

enum mc_err
msg_hello_send(struct base_chan *chan, enum msg_role role, const char *environment)
{
	struct msg_hello hello = {
		.version = MSG_VERSION,
		.role = (uint8_t)role,
		.environment = base_span_str(environment),
	};

	return msg_send(chan, MSG_HELLO, 0, 0, &msg_hello_table, &hello);
}

enum mc_err
msg_hello_check(const struct base_item *item, enum msg_role role, const char *environment)
{
	struct msg_hello hello;
	enum mc_err ret;

	if (item->type != MSG_HELLO || item->fd >= 0) {
		return MC_FAIL(MC_EFRAME, "the channel does not begin with hello but with %s",
		    msg_type_name(item->type));
	}
	ret = msg_decode(&msg_hello_table, item->payload, &hello);
	if (ret != MC_OK) {
		return ret;
	}
	if (hello.version != MSG_VERSION || hello.role != role ||
	    !base_span_equal(hello.environment, base_span_str(environment))) {
		return MC_FAIL(MC_EFRAME, "hello of version %u, role %u instead of %s",
		    hello.version, hello.role, msg_role_name(role));
	}
	return MC_OK;
}

/* --- permits --- */

static bool
may_carry_fd(uint16_t type)
{
	return type == MSG_CTL_CONFIG || type == MSG_CTL_CHANNEL || type == MSG_CTL_LISTENER ||
	    type == MSG_CTL_KEYFILE;
}

enum mc_err
msg_dispatch(const struct msg_permit *permits, size_t count, enum msg_role from, void *self,
    struct base_chan *chan, const struct base_item *item)
{
	const char *why = "unknown here";

	for (size_t i = 0; i < count; i++) {
		if (permits[i].type != item->type) {
			continue;
		}
		if ((permits[i].from & MSG_FROM(from)) == 0) {
			why = "not permitted";
		} else if ((item->fd >= 0) != may_carry_fd(item->type)) {
			why = item->fd >= 0 ? "with a descriptor" : "without its descriptor";
		} else {
			return permits[i].fn(self, chan, item);
		}
		break;
	}
	if (item->fd >= 0) {
		(void)close(item->fd);
	}
	return MC_FAIL(MC_EFRAME, "%s (%u) from %s: %s", msg_type_name(item->type),
	    (unsigned)item->type, msg_role_name(from), why);
}
