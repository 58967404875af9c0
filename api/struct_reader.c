/* SPDX-License-Identifier: Apache-2.0 */
#include "api/struct_reader.h"

#include "base/rd.h"

enum wire { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LEN = 2, WIRE_I32 = 5 };

struct field {
	uint32_t number;
	enum wire wire;
	struct base_span bytes; /* WIRE_LEN */
};

static uint64_t
varint_read(struct base_rd *rd)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = base_rd_u8(rd);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			return value;
		}
	}
	rd->failed = true;
	return 0;
}

/* The next field; groups, which would nest, count as malformed. */
static bool
field_read(struct base_rd *rd, struct field *out)
{
	uint64_t tag = varint_read(rd);
	uint64_t len;

	out->number = (uint32_t)(tag >> 3);
	out->bytes = base_span_of(NULL, 0);
	switch (tag & 7) {
	case WIRE_VARINT:
		out->wire = WIRE_VARINT;
		varint_read(rd);
		break;
	case WIRE_I64:
		out->wire = WIRE_I64;
		base_rd_le64(rd);
		break;
	case WIRE_LEN:
		out->wire = WIRE_LEN;
		len = varint_read(rd);
		if (len > rd->left) {
			rd->failed = true;
			break;
		}
		out->bytes = base_rd_bytes(rd, (size_t)len);
		break;
	case WIRE_I32:
		out->wire = WIRE_I32;
		base_rd_le32(rd);
		break;
	default:
		rd->failed = true;
		break;
	}
	if (tag >> 3 == 0 || tag >> 32 != 0) {
		rd->failed = true;
	}
	return !rd->failed;
}

/* google.protobuf.Value: string_value is field 3. Of several fields the last one counts. */
static bool
value_read(struct base_span bytes, struct base_span *out)
{
	struct base_rd rd;
	struct field field;
	bool is_string = false;

	base_rd_init(&rd, bytes);
	while (rd.left > 0) {
		if (!field_read(&rd, &field)) {
			return false;
		}
		is_string = field.number == 3 && field.wire == WIRE_LEN;
		*out = field.bytes;
	}
	return is_string;
}

static enum mc_err
entry_read(struct base_span bytes, struct struct_member *members, size_t count)
{
	struct base_span key = {NULL, 0};
	struct base_span value = {NULL, 0};
	struct base_rd rd;
	struct field field;

	base_rd_init(&rd, bytes);
	while (rd.left > 0) {
		if (!field_read(&rd, &field)) {
			return MC_FAIL(MC_EENCODING, "metadata is not a Struct");
		}
		if (field.number == 1 && field.wire == WIRE_LEN) {
			key = field.bytes;
		} else if (field.number == 2 && field.wire == WIRE_LEN) {
			value = field.bytes;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (!base_span_equal_str(key, members[i].key)) {
			continue;
		}
		if (members[i].found) {
			return MC_FAIL(MC_EENCODING, "metadata has %s twice", members[i].key);
		}
		if (!value_read(value, &members[i].value)) {
			return MC_FAIL(MC_EENCODING, "metadata %s is not a string",
			    members[i].key);
		}
		members[i].found = true;
	}
	return MC_OK;
}

enum mc_err
struct_reader_find(struct base_span bytes, struct struct_member *members, size_t count)
{
	struct base_rd rd;
	struct field field;

	base_rd_init(&rd, bytes);
	while (rd.left > 0) {
		enum mc_err err = MC_OK;

		if (!field_read(&rd, &field)) {
			return MC_FAIL(MC_EENCODING, "metadata is not a Struct");
		}
		if (field.number == 1 && field.wire == WIRE_LEN) {
			err = entry_read(field.bytes, members, count);
		}
		if (err != MC_OK) {
			return err;
		}
	}
	return MC_OK;
}
