/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader for google.protobuf.Struct that never descends: it finds string members of the top
 * level and steps over everything else by its length.
 */
#ifndef API_STRUCT_READER_H
#define API_STRUCT_READER_H

#include "base/err.h"
#include "base/span.h"

struct struct_member {
	const char *key;        /* asked for */
	bool found;
	struct base_span value; /* into the input; not NUL-terminated */
};

/* Finds each member once. Returns MC_OK, or MC_EENCODING for what is not a Struct, a member that is asked
 * for and not a string, or one that comes twice. Linear in the input's length, constant stack. */
enum mc_err struct_reader_find(struct base_span bytes, struct struct_member *members,
    size_t count) MC_MUST_CHECK;

#endif
