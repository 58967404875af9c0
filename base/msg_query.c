/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_query.h"

#include "base/msg_table.h"

#define CERT_ROW(F, S)                                                          \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, profile, 0)                                                    \
	F(S, U8, state, 0)                                                      \
	F(S, U8, reason, 0)                                                     \
	F(S, U8, issuer_revoked, 0)                                             \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, cluster, LIMIT_CLUSTER)                                      \
	F(S, SPAN, identity, LIMIT_SPIFFE_ID)                                   \
	F(S, SPAN, requester, LIMIT_REQUESTER)                                  \
	F(S, SPAN, evidence, LIMIT_EVIDENCE)                                    \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, FIXED, spki_sha256, 32)                                            \
	F(S, FIXED, request_id, 16)                                             \
	F(S, I64, recorded_at, 0)                                               \
	F(S, I64, not_before_at, 0)                                             \
	F(S, I64, not_after_at, 0)                                              \
	F(S, I64, revoked_at, 0)                                                \
	F(S, FIXED, leaf_hash, 32)                                              \
	F(S, SPAN, cert, LIMIT_CERT)                                            \
	F(S, SPAN, tbs, LIMIT_TBS)
MSG_TABLE(msg_cert_row, CERT_ROW)

#define CERT_GET(F, S)                                                          \
	F(S, SPAN, serial, LIMIT_SERIAL)
MSG_TABLE(msg_cert_get, CERT_GET)

#define CERT_LIST(F, S)                                                         \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, identity, LIMIT_SPIFFE_ID)                                   \
	F(S, U8, profile, 0)                                                    \
	F(S, U8, state, 0)                                                      \
	F(S, I64, expires_before_at, 0)                                         \
	F(S, U64, before_seq, 0)                                                \
	F(S, U32, limit, 0)
MSG_TABLE(msg_cert_list, CERT_LIST)

#define LIST_END(F, S)                                                          \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, next_seq, 0)
MSG_TABLE(msg_list_end, LIST_END)

#define REVOKE(F, S)                                                            \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, U8, reason, 0)                                                     \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)                                          \
	F(S, FIXED, approver_sha256, 32)                                        \
	F(S, SPAN, approver_spki, LIMIT_P256_SPKI)                              \
	F(S, I64, approval_expires_at, 0)                                       \
	F(S, SPAN, approval_sig, LIMIT_P256_SIG)
MSG_TABLE(msg_revoke, REVOKE)

#define ISSUER_LIST(F, S)                                                       \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_issuer_list, ISSUER_LIST)

#define ISSUER_ROW(F, S)                                                        \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, profile, 0)                                                    \
	F(S, U8, state, 0)                                                      \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, trust_domain, LIMIT_TRUST_DOMAIN)                            \
	F(S, SPAN, subject, MSG_SUBJECT_MAX)                                    \
	F(S, SPAN, key_id, MSG_KEY_ID_MAX)                                      \
	F(S, I64, not_before_at, 0)                                             \
	F(S, I64, not_after_at, 0)                                              \
	F(S, U64, crl_number, 0)                                                \
	F(S, I64, crl_this_update_at, 0)                                        \
	F(S, I64, crl_next_update_at, 0)                                        \
	F(S, SPAN, cert, LIMIT_CERT)
MSG_TABLE(msg_issuer_row, ISSUER_ROW)

#define BUNDLE_GET(F, S)                                                        \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)
MSG_TABLE(msg_bundle_get, BUNDLE_GET)

#define BUNDLE_ANS(F, S)                                                        \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, sequence, 0)                                                  \
	F(S, SPAN, trust_domain, LIMIT_TRUST_DOMAIN)                            \
	F(S, SPAN, anchors, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_bundle_ans, BUNDLE_ANS)

#define CRL_GET(F, S)                                                           \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, U64, number, 0)                                                    \
	F(S, U64, offset, 0)
MSG_TABLE(msg_crl_get, CRL_GET)

#define CRL_ANS(F, S)                                                           \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, number, 0)                                                    \
	F(S, I64, this_update_at, 0)                                            \
	F(S, I64, next_update_at, 0)                                            \
	F(S, U64, total, 0)                                                     \
	F(S, U64, offset, 0)                                                    \
	F(S, SPAN, bytes, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_crl_ans, CRL_ANS)

#define CRL_STATUS_ROW(F, S)                                                    \
	MSG_STATUS(F, S)                                                        \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, U8, profile, 0)                                                    \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, I64, issuer_not_after_at, 0)                                       \
	F(S, U64, number, 0)                                                    \
	F(S, I64, this_update_at, 0)                                            \
	F(S, I64, next_update_at, 0)                                            \
	F(S, U64, revocation_seq, 0)                                            \
	F(S, U64, newest_revocation_seq, 0)
MSG_TABLE(msg_crl_status_row, CRL_STATUS_ROW)

#define USER_GET(F, S)                                                          \
	F(S, FIXED, cert_sha256, 32)
MSG_TABLE(msg_user_get, USER_GET)

#define USER_ROW(F, S)                                                          \
	MSG_STATUS(F, S)                                                        \
	F(S, SPAN, name, LIMIT_USER_NAME)                                       \
	F(S, U8, role, 0)                                                       \
	F(S, FIXED, cert_sha256, 32)                                            \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, I64, added_at, 0)                                                  \
	F(S, SPAN, added_by, LIMIT_REQUESTER)                                   \
	F(S, I64, not_after_at, 0)
MSG_TABLE(msg_user_row, USER_ROW)

#define USER_REMOVE(F, S)                                                       \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, name, LIMIT_USER_NAME)                                       \
	F(S, SPAN, from, MSG_FROM_MAX)                                          \
	F(S, FIXED, approver_sha256, 32)                                        \
	F(S, SPAN, approver_spki, LIMIT_P256_SPKI)                              \
	F(S, I64, approval_expires_at, 0)                                       \
	F(S, SPAN, approval_sig, LIMIT_P256_SIG)
MSG_TABLE(msg_user_remove, USER_REMOVE)

#define EVENT_LIST(F, S)                                                        \
	F(S, U64, before_seq, 0)                                                \
	F(S, U32, limit, 0)
MSG_TABLE(msg_event_list, EVENT_LIST)

#define EVENT_ROW(F, S)                                                         \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, I64, at, 0)                                                        \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, action, MSG_ACTION_MAX)                                      \
	F(S, SPAN, target, LIMIT_SPIFFE_ID)                                     \
	F(S, SPAN, from, MSG_FROM_MAX)                                          \
	F(S, SPAN, note, MSG_NOTE_MAX)                                          \
	F(S, FIXED, request_id, 16)
MSG_TABLE(msg_event_row, EVENT_ROW)

#define LEDGER_STATUS_ANS(F, S)                                                 \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, intent_count, 0)                                              \
	F(S, U64, signed_count, 0)                                              \
	F(S, U64, unconfirmed_count, 0)                                         \
	F(S, I64, newest_intent_at, 0)                                          \
	F(S, U64, disk_free_bytes, 0)                                           \
	F(S, U8, blocked, 0)                                                    \
	F(S, U64, commit_count, 0)                                              \
	F(S, U64, commit_us, 0)                                                 \
	F(S, U64, fsync_us_last, 0)                                             \
	F(S, U64, cpu_us, 0)                                                    \
	F(S, FIXED, head, 32)
MSG_TABLE(msg_ledger_status_ans, LEDGER_STATUS_ANS)

#define CONFIG_PUT(F, S)                                                        \
	F(S, FIXED, hash, 32)                                                   \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)                                          \
	F(S, SPAN, text, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_config_put, CONFIG_PUT)

#define UNSEALED(F, S)                                                          \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_unsealed, UNSEALED)
