/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metrics.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *metrics;
static char *text;

static void
setup(void)
{
	metrics = metrics_new();
	text = NULL;
}

static void
teardown(void)
{
	free(text);
	metrics_free(metrics);
}

static void
render(void)
{
	struct base_buf out;

	base_buf_init(&out, 65536);
	metrics_render(metrics, &out);
	ck_assert(!base_buf_failed(&out));
	text = base_buf_take_str(&out);
}

static bool
has_line(const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)) != NULL; p++) {
		if ((p == text || p[-1] == '\n') && p[len] == '\n') {
			return true;
		}
	}
	return false;
}

START_TEST(counts_under_the_names_of_istiod)
{
	metrics_add(metrics, METRICS_CSR, 7);
	metrics_add(metrics, METRICS_SUCCESS, 3);
	metrics_add(metrics, METRICS_AUTH_FAILURE, 1);
	ck_assert_uint_eq(metrics_get(metrics, METRICS_CSR), 7);
	render();
	ck_assert(has_line("citadel_server_csr_count 7"));
	ck_assert(has_line("# TYPE citadel_server_csr_count counter"));
	ck_assert(has_line("citadel_server_success_cert_issuance_count 3"));
	ck_assert(has_line("citadel_server_authentication_failure_count 1"));
	ck_assert(has_line("citadel_server_csr_parsing_err_count 0"));
	ck_assert(has_line("citadel_server_id_extraction_err_count 0"));
}
END_TEST

START_TEST(maps_refusals_to_the_error_classes_of_istiod)
{
	metrics_sign_error(metrics, MC_ETTL);
	metrics_sign_error(metrics, MC_ECSR_SAN);
	metrics_sign_error(metrics, MC_ECSR_DER);
	metrics_sign_error(metrics, MC_ESEALED);
	metrics_sign_error(metrics, MC_EPEER);
	metrics_sign_error(metrics, MC_ECRYPTO);
	metrics_sign_error(metrics, MC_EINTERNAL);
	render();
	ck_assert(has_line("citadel_server_csr_sign_err_count{error=\"TTL_ERROR\"} 1"));
	ck_assert(has_line("citadel_server_csr_sign_err_count{error=\"CSR_ERROR\"} 2"));
	ck_assert(has_line("citadel_server_csr_sign_err_count{error=\"CA_NOT_READY\"} 2"));
	ck_assert(has_line("citadel_server_csr_sign_err_count{error=\"CERT_GEN_ERROR\"} 1"));
	ck_assert(has_line("citadel_server_csr_sign_err_count{error=\"UNKNOWN\"} 1"));
}
END_TEST

START_TEST(histogram_is_cumulative_with_inclusive_bounds)
{
	metrics_observe_us(metrics, METRICS_SIGN, -5);
	metrics_observe_us(metrics, METRICS_SIGN, 100);
	metrics_observe_us(metrics, METRICS_SIGN, 101);
	metrics_observe_us(metrics, METRICS_SIGN, 20000000);
	render();
	ck_assert(has_line("meshca_stage_seconds_bucket{stage=\"sign\",le=\"0.0001\"} 2"));
	ck_assert(has_line("meshca_stage_seconds_bucket{stage=\"sign\",le=\"0.00025\"} 3"));
	ck_assert(has_line("meshca_stage_seconds_bucket{stage=\"sign\",le=\"10\"} 3"));
	ck_assert(has_line("meshca_stage_seconds_bucket{stage=\"sign\",le=\"+Inf\"} 4"));
	ck_assert(has_line("meshca_stage_seconds_sum{stage=\"sign\"} 20.000201"));
	ck_assert(has_line("meshca_stage_seconds_count{stage=\"sign\"} 4"));
	ck_assert(has_line("meshca_stage_seconds_count{stage=\"csr\"} 0"));
}
END_TEST

START_TEST(refusals_carry_the_word_of_the_error)
{
	metrics_refused(metrics, MC_ERATE);
	metrics_refused(metrics, MC_ERATE);
	metrics_refused(metrics, MC_OK);
	render();
	ck_assert(has_line("meshca_refused_total{error=\"rate\"} 2"));
	ck_assert(strstr(text, "error=\"unknown\"") == NULL);
}
END_TEST

START_TEST(each_name_is_declared_once)
{
	render();
	for (const char *p = text; (p = strstr(p, "# TYPE ")) != NULL; p++) {
		const char *end = strchr(p, '\n');
		char head[128];

		ck_assert_ptr_nonnull(end);
		ck_assert_uint_lt((size_t)(end - p), sizeof(head));
		memcpy(head, p, (size_t)(end - p));
		head[end - p] = '\0';
		ck_assert_ptr_null(strstr(p + 1, head));
	}
}
END_TEST

START_TEST(values_and_labels_are_written_as_the_format_wants)
{
	struct base_buf out;

	base_buf_init(&out, 4096);
	metrics_put_int(&out, "a", "l", "q\"b\\n\n", -3);
	metrics_put_int(&out, "b", NULL, NULL, 4);
	metrics_put_seconds(&out, "c", NULL, NULL, -1500000);
	metrics_put_seconds(&out, "d", "e", "f", 2000001);
	text = base_buf_take_str(&out);
	ck_assert_str_eq(text, "a{l=\"q\\\"b\\\\n\\n\"} -3\nb 4\nc -1.500000\nd{e=\"f\"} 2.000001\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("api_metrics");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, counts_under_the_names_of_istiod);
	tcase_add_test(tcase, maps_refusals_to_the_error_classes_of_istiod);
	tcase_add_test(tcase, histogram_is_cumulative_with_inclusive_bounds);
	tcase_add_test(tcase, refusals_carry_the_word_of_the_error);
	tcase_add_test(tcase, each_name_is_declared_once);
	tcase_add_test(tcase, values_and_labels_are_written_as_the_format_wants);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
