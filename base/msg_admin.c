/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg_admin.h"

#include "base/msg_table.h"

/* Together with two certificates less than a frame. */
#define MSG_ADM_TEXT_MAX (16 * 1024)
#define MSG_ADM_ANCHORS_MAX (16 * 1024)

#define ADM_ANS(F, S)                                                           \
	MSG_STATUS(F, S)                                                        \
	F(S, SPAN, text, MSG_ADM_TEXT_MAX)                                      \
	F(S, SPAN, cert, LIMIT_CERT)                                            \
	F(S, SPAN, issuer, LIMIT_CERT)                                          \
	F(S, SPAN, anchors, MSG_ADM_ANCHORS_MAX)
MSG_TABLE(msg_adm_ans, ADM_ANS)

#define ADM_ENVIRONMENT(F, S)                                                   \
	F(S, SPAN, environment, LIMIT_ENVIRONMENT)                              \
	F(S, SPAN, passphrase, LIMIT_PASSPHRASE)                                \
	F(S, SPAN, root_passphrase, LIMIT_PASSPHRASE)
MSG_TABLE(msg_adm_environment, ADM_ENVIRONMENT)

#define ADM_USER_ADD(F, S)                                                      \
	F(S, SPAN, name, LIMIT_USER_NAME)                                       \
	F(S, U8, role, 0)                                                       \
	F(S, U8, key_alg, 0)                                                    \
	F(S, SPAN, key, LIMIT_KEY_BYTES)
MSG_TABLE(msg_adm_user_add, ADM_USER_ADD)
