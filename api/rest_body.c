/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/rest_int.h"

static bool
is_known(const char *name, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* jansson's own texts quote the body, and its places are -1 where it has none. */
static enum mc_err
not_json(const json_error_t *error)
{
	const char *what;

	switch ((int)json_error_code(error)) {
	case json_error_premature_end_of_input:
		what = "it ends too early";
		break;
	case json_error_end_of_input_expected:
		what = "something follows it";
		break;
	case json_error_invalid_utf8:
		what = "it is not UTF-8";
		break;
	case json_error_duplicate_key:
		what = "a member is given twice";
		break;
	case json_error_null_character:
	case json_error_null_byte_in_key:
		what = "a string has a NUL";
		break;
	case json_error_numeric_overflow:
		what = "a number is out of range";
		break;
	case json_error_stack_overflow:
		what = "it is nested too deeply";
		break;
	default:
		what = "it is not JSON";
		break;
	}
	if (error->line < 1 || error->column < 0) {
		return MC_FAIL(MC_EUSAGE, "the body must be a JSON object: %s", what);
	}
	return MC_FAIL(MC_EUSAGE, "the body must be a JSON object: %s (line %d, column %d)", what,
	    error->line, error->column);
}

json_t *
rest_body(struct rest_request *req, const char *const *names)
{
	json_error_t error;
	const char *name;
	json_t *value;
	json_t *body;

	if (req->body.len == 0) {
		rest_fail(req, MC_EUSAGE, "the body is empty; send a JSON object");
		return NULL;
	}
	body = json_loadb((const char *)req->body.ptr, req->body.len, JSON_REJECT_DUPLICATES,
	    &error);
	if (body == NULL) {
		(void)not_json(&error);
		rest_fail(req, MC_EUSAGE, NULL);
		return NULL;
	}
	if (!json_is_object(body)) {
		rest_fail(req, MC_EUSAGE, "the body must be a JSON object");
		json_decref(body);
		return NULL;
	}
	json_object_foreach(body, name, value) {
		if (!is_known(name, names)) {
			(void)MC_FAIL(MC_EUSAGE, "member \"%s\" is not known", name);
			rest_fail(req, MC_EUSAGE, NULL);
			json_decref(body);
			return NULL;
		}
	}
	return body;
}

enum mc_err
rest_body_string(const json_t *object, const char *name, bool required, size_t max,
    struct base_span *out)
{
	const json_t *value = json_object_get(object, name);

	if (value == NULL && !required) {
		*out = base_span_of(NULL, 0);
		return MC_OK;
	}
	if (!json_is_string(value)) {
		return MC_FAIL(MC_EUSAGE, "member \"%s\" must be a string", name);
	}
	if (json_string_length(value) == 0 || json_string_length(value) > max) {
		return MC_FAIL(MC_EUSAGE, "member \"%s\" must have 1 to %zu bytes", name, max);
	}
	*out = base_span_of(json_string_value(value), json_string_length(value));
	return MC_OK;
}

enum mc_err
rest_body_int(const json_t *object, const char *name, bool required, int64_t *out)
{
	const json_t *value = json_object_get(object, name);
	double real;

	if (value == NULL && !required) {
		*out = 0;
		return MC_OK;
	}
	if (json_is_integer(value)) {
		*out = json_integer_value(value);
		return MC_OK;
	}
	/* JSON Schema counts 3600.0 as an integer. */
	real = json_is_real(value) ? json_real_value(value) : 0.5;
	if (real > -9e15 && real < 9e15 && !(real < (double)(int64_t)real) &&
	    !(real > (double)(int64_t)real)) {
		*out = (int64_t)real;
		return MC_OK;
	}
	return MC_FAIL(MC_EUSAGE, "member \"%s\" must be a whole number", name);
}
