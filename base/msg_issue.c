/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_issue.h"

#include "base/msg_table.h"

#define ISSUE(F, S)                                                             \
	F(S, FIXED, request_id, 16)                                             \
	F(S, U8, profile, 0)                                                    \
	F(S, U8, confirm, 0)                                                    \
	F(S, U8, key_alg, 0)                                                    \
	F(S, I64, ttl_s, 0)                                                     \
	F(S, SPAN, key, LIMIT_KEY_BYTES)                                        \
	F(S, SPAN, ns, LIMIT_K8S_NAMESPACE)                                     \
	F(S, SPAN, sa, LIMIT_K8S_NAME)                                          \
	F(S, SPAN, dns_names, MSG_DNS_NAMES_MAX)                                \
	F(S, SPAN, cluster, LIMIT_CLUSTER)                                      \
	F(S, SPAN, requester, LIMIT_REQUESTER)                                  \
	F(S, SPAN, evidence, LIMIT_EVIDENCE)                                    \
	F(S, U8, has_dedup, 0)                                                  \
	F(S, FIXED, dedup_key, 32)                                              \
	F(S, FIXED, dedup_body, 32)
MSG_TABLE(msg_issue, ISSUE)

#define ISSUE_ANS(F, S)                                                         \
	MSG_STATUS(F, S)                                                        \
	F(S, U8, duplicate, 0)                                                  \
	F(S, I64, not_before_at, 0)                                             \
	F(S, I64, not_after_at, 0)                                              \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, SPAN, serial, LIMIT_SERIAL)                                        \
	F(S, SPAN, cert, LIMIT_CERT)                                            \
	F(S, SPAN, issuer, LIMIT_CERT)
MSG_TABLE(msg_issue_ans, ISSUE_ANS)

#define USER_ISSUE(F, S)                                                        \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, name, LIMIT_USER_NAME)                                       \
	F(S, U8, role, 0)                                                       \
	F(S, U8, key_alg, 0)                                                    \
	F(S, SPAN, key, LIMIT_KEY_BYTES)                                        \
	F(S, SPAN, approver_cert, LIMIT_CERT)                                   \
	F(S, I64, approval_expires_at, 0)                                       \
	F(S, SPAN, approval_sig, LIMIT_SIGNATURE)                               \
	F(S, SPAN, actor, LIMIT_REQUESTER)                                      \
	F(S, SPAN, from, MSG_FROM_MAX)
MSG_TABLE(msg_user_issue, USER_ISSUE)

/* Nothing of it is encoded, so it has no fields. */
const struct msg_table msg_empty_table = {"msg_empty", NULL, 0, sizeof(struct msg_empty)};

#define SIGNER_INFO_ANS(F, S)                                                   \
	MSG_STATUS(F, S)                                                        \
	F(S, U8, state, 0)                                                      \
	F(S, I64, issuer_not_after_at, 0)                                       \
	F(S, FIXED, issuer_id, 32)                                              \
	F(S, SPAN, issuer, LIMIT_CERT)                                          \
	F(S, U64, signed_count, 0)                                              \
	F(S, U64, refused_count, 0)                                             \
	F(S, U64, cpu_us, 0)
MSG_TABLE(msg_signer_info_ans, SIGNER_INFO_ANS)

#define CRL_SIGN(F, S)                                                          \
	F(S, FIXED, request_id, 16)                                             \
	F(S, FIXED, issuer_id, 32)
MSG_TABLE(msg_crl_sign, CRL_SIGN)

#define CRL_SIGN_ANS(F, S)                                                      \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, number, 0)                                                    \
	F(S, I64, this_update_at, 0)                                            \
	F(S, I64, next_update_at, 0)
MSG_TABLE(msg_crl_sign_ans, CRL_SIGN_ANS)
