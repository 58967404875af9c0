/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_JOSE_INT_H
#define API_JOSE_INT_H

#include <openssl/evp.h>

#include "api/jose.h"

struct jose_key {
	char *kid; /* NULL: none */
	enum jose_alg alg;
	EVP_PKEY *pkey;
};

/* JOSE_ALG_INVALID for what is not on the allow-list; NULL too. */
enum jose_alg jose_alg_parse(const char *name);

#endif
