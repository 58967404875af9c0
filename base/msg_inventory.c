/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_inventory.h"

#include "base/msg_table.h"

#define INVENTORY_CHUNK(F, S)                                                   \
	F(S, FIXED, request_id, 16)                                             \
	F(S, U64, offset, 0)                                                    \
	F(S, SPAN, bytes, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_inventory_chunk, INVENTORY_CHUNK)

#define INVENTORY_PUT(F, S)                                                     \
	F(S, FIXED, request_id, 16)                                             \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, from, MSG_FROM_MAX)                                          \
	F(S, FIXED, replaces, 32)                                               \
	F(S, FIXED, approver_sha256, 32)                                        \
	F(S, SPAN, approver_spki, LIMIT_P256_SPKI)                              \
	F(S, I64, approval_expires_at, 0)                                       \
	F(S, SPAN, approval_sig, LIMIT_P256_SIG)
MSG_TABLE(msg_inventory_put, INVENTORY_PUT)

#define INVENTORY_GET(F, S)                                                     \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, with_document, 0)                                              \
	F(S, U64, offset, 0)
MSG_TABLE(msg_inventory_get, INVENTORY_GET)

#define INVENTORY_ROW(F, S)                                                     \
	MSG_STATUS(F, S)                                                        \
	F(S, U64, seq, 0)                                                       \
	F(S, U8, registered_only, 0)                                            \
	F(S, U32, count, 0)                                                     \
	F(S, FIXED, sha256, 32)                                                 \
	F(S, U64, total, 0)                                                     \
	F(S, I64, applied_at, 0)                                                \
	F(S, SPAN, applied_by, LIMIT_REQUESTER)                                 \
	F(S, U8, changed, 0)                                                    \
	F(S, U32, added, 0)                                                     \
	F(S, U32, removed, 0)                                                   \
	F(S, U32, altered, 0)                                                   \
	F(S, U64, offset, 0)                                                    \
	F(S, SPAN, bytes, LIMIT_BULK_CHUNK)
MSG_TABLE(msg_inventory_row, INVENTORY_ROW)

#define REGISTRATION_LIST(F, S)                                                 \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, U64, after, 0)                                                     \
	F(S, U32, limit, 0)
MSG_TABLE(msg_registration_list, REGISTRATION_LIST)

#define REGISTRATION_ROW(F, S)                                                  \
	MSG_STATUS(F, S)                                                        \
	F(S, SPAN, identity, LIMIT_SPIFFE_ID)                                   \
	F(S, SPAN, ns, LIMIT_K8S_NAMESPACE)                                     \
	F(S, SPAN, sa, LIMIT_K8S_NAME)                                          \
	F(S, SPAN, owner, LIMIT_K8S_NAME)                                       \
	F(S, U8, state, 0)                                                      \
	F(S, I64, max_ttl_s, 0)                                                 \
	F(S, U32, key_types, 0)                                                 \
	F(S, SPAN, dns_names, MSG_DNS_NAMES_MAX)                                \
	F(S, I64, registered_at, 0)                                             \
	F(S, I64, last_issued_at, 0)                                            \
	F(S, I64, last_not_after_at, 0)
MSG_TABLE(msg_registration_row, REGISTRATION_ROW)
