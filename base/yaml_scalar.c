/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of plain scalars: the YAML 1.2 core schema (yaml.org/spec/1.2.2, section 10.3.2) where
 * PyYAML, go-yaml v2 (Kubernetes) and JSON agree with it. Numbers are those of JSON (RFC 8259
 * section 6); every other form that one of them takes for a number is refused. Dates are text.
 */
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/yaml_int.h"

bool
base_yaml_is_word(const char *text)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off",
	    "y", "n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

static const char *
skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9') {
		p++;
	}
	return p;
}

/* INT or FLOAT as JSON writes them; INVALID: neither. */
static enum base_tree_kind
json_number(const char *text)
{
	enum base_tree_kind kind = BASE_TREE_INT;
	const char *p = *text == '-' ? text + 1 : text, *end = skip_digits(p);

	if (end == p || (*p == '0' && end - p > 1)) {
		return BASE_TREE_INVALID;
	}
	p = end;
	if (*p == '.') {
		kind = BASE_TREE_FLOAT;
		end = skip_digits(p + 1);
		if (end == p + 1) {
			return BASE_TREE_INVALID;
		}
		p = end;
	}
	if (*p == 'e' || *p == 'E') {
		kind = BASE_TREE_FLOAT;
		p++;
		if (*p == '+' || *p == '-') {
			p++;
		}
		end = skip_digits(p);
		if (end == p) {
			return BASE_TREE_INVALID;
		}
		p = end;
	}
	return *p == '\0' ? kind : BASE_TREE_INVALID;
}

/* All of text is of this set, and there is at least one. */
static bool
only(const char *text, const char *set)
{
	return *text != '\0' && text[strspn(text, set)] == '\0';
}

/* 12:30:00 is 45000 for YAML 1.1. */
static bool
is_base_60(const char *p)
{
	size_t digits = strspn(p, "0123456789_");

	return digits > 0 && p[digits] == ':' && only(p + digits, "0123456789:._") &&
	    strstr(p, "::") == NULL && p[strlen(p) - 1] != ':';
}

/* Digits with at most one dot and an exponent, either side of the dot empty, "_" anywhere. */
static bool
is_loose_float(const char *p)
{
	bool digit = false;
	size_t dots = 0;

	for (; *p != '\0' && *p != 'e' && *p != 'E'; p++) {
		if (*p >= '0' && *p <= '9') {
			digit = true;
		} else if (*p == '.') {
			dots++;
		} else if (*p != '_' || (!digit && dots == 0)) {
			return false;
		}
	}
	if (!digit || dots > 1) {
		return false;
	}
	if (*p != '\0') {
		p++;
		p += *p == '+' || *p == '-' ? 1 : 0;
		return only(p, "0123456789_");
	}
	return true;
}

/* 0 and one of these letters; the end of a text is none, though strchr finds it. */
static bool
has_base(const char *p, const char *letters)
{
	return p[0] == '0' && p[1] != '\0' && strchr(letters, p[1]) != NULL;
}

/* What some reader takes for a number. */
static bool
looks_numeric(const char *text)
{
	const char *p = *text == '+' || *text == '-' ? text + 1 : text;

	if (has_base(p, "xX") && only(p + 2, "0123456789abcdefABCDEF_")) {
		return true;
	}
	if (has_base(p, "oObB") && only(p + 2, "01234567_")) {
		return true;
	}
	if (*p == '.' && (strcasecmp(p, ".inf") == 0 || strcasecmp(p, ".nan") == 0)) {
		return true;
	}
	return is_base_60(p) || is_loose_float(p);
}

enum base_tree_kind
base_yaml_type(const char *text, const char **why)
{
	enum base_tree_kind kind = json_number(text);

	if (kind != BASE_TREE_INVALID) {
		return kind;
	}
	if (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0) {
		return BASE_TREE_NULL;
	}
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		return BASE_TREE_BOOL;
	}
	if (base_yaml_is_word(text)) {
		*why = "is a boolean or null for some readers; write true, false or null, or quote it";
	} else if (looks_numeric(text)) {
		*why = "is a number that readers take differently; write it in decimal, or quote it";
	} else if (strcmp(text, "=") == 0 || strcmp(text, "<<") == 0) {
		*why = "is a control word for some readers; quote it";
	} else if (strchr(text, '\t') != NULL) {
		*why = "has a tab in it; quote it";
	} else {
		return BASE_TREE_STRING;
	}
	return BASE_TREE_INVALID;
}
