/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_ledger.h"

#include "base/msg_table.h"

#define INTENT(F, S)                                                            \
	F(S, FIXED, request_id, 16)                                             \
	F(S, U8, profile, 0)                                                    \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, SPAN, cluster, LIMIT_CLUSTER)                                      \
	F(S, SPAN, identity, LIMIT_SPIFFE_ID)                                   \
	F(S, FIXED, spki_sha256, 32)                                            \
	F(S, SPAN, requester, LIMIT_REQUESTER)                                  \
	F(S, SPAN, evidence, LIMIT_EVIDENCE)                                    \
	F(S, I64, not_before_at, 0)                                             \
	F(S, I64, not_after_at, 0)                                              \
	F(S, SPAN, tbs, LIMIT_TBS)                                              \
	F(S, U8, has_dedup, 0)                                                  \
	F(S, FIXED, dedup_key, 32)                                              \
	F(S, FIXED, dedup_body, 32)                                             \
	F(S, U32, key_type, 0)                                                  \
	F(S, SPAN, dns_names, MSG_DNS_NAMES_MAX)
MSG_TABLE(msg_intent, INTENT)

#define INTENT_ANS(F, S)                                                        \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, duplicate, 0)                                                  \
	F(S, I64, not_before_at, 0)                                             \
	F(S, I64, not_after_at, 0)                                              \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, cert, LIMIT_CERT)                                            \
	F(S, SPAN, issuer, LIMIT_CERT)                                          \
	F(S, FIXED, issuer_id, 32)
MSG_TABLE(msg_intent_ans, INTENT_ANS)

#define SIGNATURE(F, S)                                                         \
	F(S, U64, seq, 0)                                                       \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, tail, LIMIT_SIGNATURE)
MSG_TABLE(msg_signature, SIGNATURE)

#define ISSUER_PUT(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, profile, 0)                                                    \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, trust_domain, LIMIT_TRUST_DOMAIN)                            \
	F(S, SPAN, subject, MSG_SUBJECT_MAX)                                    \
	F(S, SPAN, key_id, MSG_KEY_ID_MAX)                                      \
	F(S, SPAN, cert, LIMIT_CERT)                                            \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_issuer_put, ISSUER_PUT)

#define CRL_BEGIN(F, S)                                                         \
	F(S, FIXED, request_id, 16)                                             \
	F(S, FIXED, issuer_id, 32)
MSG_TABLE(msg_crl_begin, CRL_BEGIN)

#define CRL_BEGIN_ANS(F, S)                                                     \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, number, 0)                                                    \
	F(S, U64, revocation_seq, 0)
MSG_TABLE(msg_crl_begin_ans, CRL_BEGIN_ANS)

#define REVOKED_LIST(F, S)                                                      \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, U64, up_to_seq, 0)
MSG_TABLE(msg_revoked_list, REVOKED_LIST)

#define REVOKED_LIST_ANS(F, S)                                                  \
	MSG_STATUS(F, S)                                                        \
	F(S, SPAN, entries, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_revoked_list_ans, REVOKED_LIST_ANS)

#define CRL_CHUNK(F, S)                                                         \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, U64, number, 0)                                                    \
	F(S, U64, revocation_seq, 0)                                            \
	F(S, I64, this_update_at, 0)                                            \
	F(S, I64, next_update_at, 0)                                            \
	F(S, U64, total, 0)                                                     \
	F(S, U64, offset, 0)                                                    \
	F(S, SPAN, bytes, LIMIT_BULK_CHUNK)                                     \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_crl_chunk, CRL_CHUNK)

#define USER_PUT(F, S)                                                          \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, name, LIMIT_USER_NAME)                                       \
	F(S, U8, role, 0)                                                       \
	F(S, FIXED, cert_sha256, 32)                                            \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, FIXED, approver_sha256, 32)                                        \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_user_put, USER_PUT)
