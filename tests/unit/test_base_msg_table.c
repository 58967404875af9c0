/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of all messages have in common: how answers begin, and that one hop takes what another sends. */
#include "check_main.h"
#include "msg_tables.h"

#include <string.h>

static bool
ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* msg_send_failure() and whoever reads an outcome count on it. */
START_TEST(answers_begin_with_their_outcome)
{
	unsigned answers = 0;

	for (size_t t = 0; t < TABLES; t++) {
		const struct msg_table *table = tables[t];

		if (!ends_in(table->name, "_ans") && !ends_in(table->name, "_row") &&
		    !ends_in(table->name, "_end")) {
			continue;
		}
		ck_assert_msg(table->count >= 2 && strcmp(table->fields[0].name, "status") == 0 &&
			table->fields[0].kind == MSG_F_U32 &&
			strcmp(table->fields[1].name, "detail") == 0 && table->fields[1].max == LIMIT_DETAIL,
		    "%s", table->name);
		ck_assert_uint_eq(table->fields[1].offset, offsetof(struct msg_status_ans, detail));
		answers++;
	}
	ck_assert_uint_ge(answers, 15);
}
END_TEST

/* What one message carries of a kind another must, too: a name that fits an intent fits the row that tells of it. */
START_TEST(fields_of_one_name_have_one_limit)
{
	/* what goes to the command in one item with two certificates; and a signature of which only the signer knows
	 * by what key it is */
	static const char *const OTHERS[] = {"text", "anchors", "approval_sig"};

	for (size_t t = 0; t < TABLES; t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct msg_field *field = &tables[t]->fields[i];
			bool other = field->kind != MSG_F_SPAN && field->kind != MSG_F_FIXED;

			for (size_t k = 0; k < sizeof(OTHERS) / sizeof(OTHERS[0]); k++) {
				other = other || strcmp(field->name, OTHERS[k]) == 0;
			}
			for (size_t u = 0; u < t && !other; u++) {
				for (size_t k = 0; k < tables[u]->count; k++) {
					const struct msg_field *twin = &tables[u]->fields[k];

					ck_assert_msg(strcmp(field->name, twin->name) != 0 ||
						(field->kind == twin->kind && field->max == twin->max),
					    "%s.%s: %u, %s: %u", tables[t]->name, field->name, field->max,
					    tables[u]->name, twin->max);
				}
			}
		}
	}
}
END_TEST

CHECK_MAIN("base_msg_table", answers_begin_with_their_outcome, fields_of_one_name_have_one_limit)
