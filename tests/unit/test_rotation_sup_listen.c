/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rotation/sup.h"

/* Binds a free port and leaves it listening. */
static int
occupy(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

START_TEST(test_all_or_nothing)
{
	char name[] = "production";
	struct config_environment env = {.name = name, .grpc = {.host = "127.0.0.1"}};
	struct config config = {.rest = {.host = "127.0.0.1"}, .probes = {.host = "127.0.0.1"},
	    .environments = &env, .environment_count = 1};
	struct sup sup = {0};
	int busy, other, third;

	busy = occupy(&env.grpc.port);
	other = occupy(&config.rest.port);
	third = occupy(&config.probes.port);
	(void)close(other);
	(void)close(third);
	ck_assert_int_eq(sup_listen(&sup, &config), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "production: port"));
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "in use by another program"));
	ck_assert_uint_eq(sup.listener_count, 0);
	(void)close(busy);
	ck_assert_int_eq(sup_listen(&sup, &config), MC_OK);
	ck_assert_uint_eq(sup.listener_count, 3);
	/* a reload keeps what is bound */
	ck_assert_int_eq(sup_listen(&sup, &config), MC_OK);
	ck_assert_uint_eq(sup.listener_count, 3);
	sup_listen_clear(&sup);
}
END_TEST

START_TEST(test_foreign_address)
{
	struct config config = {.rest = {.host = "192.0.2.1", .port = 8443}};
	struct sup sup = {0};

	ck_assert_int_eq(sup_listen(&sup, &config), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "not an address of this machine"));
	sup_listen_clear(&sup);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rotation_sup_listen");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_all_or_nothing);
	tcase_add_test(tcase, test_foreign_address);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
