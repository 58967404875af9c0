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

json_t *
rest_body(struct rest_request *req, const char *const *names)
{
	json_error_t error;
	json_t *body = json_loadb((const char *)req->body.ptr, req->body.len,
	    JSON_REJECT_DUPLICATES, &error);
	const char *name;
	json_t *value;

	if (body == NULL) {
		(void)MC_FAIL(MC_EUSAGE, "the body is not JSON: line %d: %s", error.line, error.text);
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
