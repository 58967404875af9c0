/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <check.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
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
	/* a second call keeps what is bound */
	ck_assert_int_eq(sup_listen(&sup, &config), MC_OK);
	ck_assert_uint_eq(sup.listener_count, 3);
	sup_listen_clear(&sup);
}
END_TEST

/* Holds the port of listening socket fd for so long in another process, then lets go. */
static pid_t
hold_elsewhere(int fd, int64_t ms)
{
	const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)nanosleep(&wait, NULL);
		_exit(0);
	}
	(void)close(fd);
	return child;
}

START_TEST(test_a_port_that_becomes_free)
{
	struct config config = {.rest = {.host = "127.0.0.1"}, .probes = {.host = "127.0.0.1"}};
	struct sup sup = {0};
	int64_t begin_us;
	pid_t holder;
	int busy, other = occupy(&config.probes.port);

	busy = occupy(&config.rest.port);
	(void)close(other);
	holder = hold_elsewhere(busy, 1000);
	begin_us = base_clock_boot_us();
	ck_assert_int_eq(sup_listen(&sup, &config), MC_OK);
	ck_assert_int_ge(base_clock_boot_us() - begin_us, 900 * 1000);
	ck_assert_uint_eq(sup.listener_count, 2);
	ck_assert_int_eq(waitpid(holder, NULL, 0), holder);
	sup_listen_clear(&sup);
}
END_TEST

START_TEST(test_a_port_that_stays_busy)
{
	struct config config = {.rest = {.host = "127.0.0.1"}};
	struct sup_proc running = {0};
	struct sup sup = {0};
	int64_t begin_us = base_clock_boot_us();
	int busy = occupy(&config.rest.port);

	ck_assert_int_eq(sup_listen(&sup, &config), MC_EIO);
	ck_assert_ptr_nonnull(strstr(mc_err_last()->detail, "in use by another program"));
	ck_assert_int_ge(base_clock_boot_us() - begin_us, LIMIT_LISTEN_WAIT_MS * 1000);
	/* a reload does not keep the processes waiting */
	sup.procs = &running;
	begin_us = base_clock_boot_us();
	ck_assert_int_eq(sup_listen(&sup, &config), MC_EIO);
	ck_assert_int_lt(base_clock_boot_us() - begin_us, LIMIT_LISTEN_WAIT_MS * 1000 / 2);
	(void)close(busy);
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

/* Whether a connection to the port arrives at fd, and not at another. */
static bool
arrives(uint16_t port, int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server = -1;

	if (connect(client, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	}
	(void)close(client);
	if (server >= 0) {
		(void)close(server);
	}
	return server >= 0;
}

/* What a front may have done to its listeners before it ended. */
START_TEST(test_renewed)
{
	struct config config = {.rest = {.host = "127.0.0.1"}, .probes = {.host = "127.0.0.1"}};
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {1, &drop};
	struct sup sup = {0};
	int zero = 0, one = 1, copy;
	int busy = occupy(&config.rest.port), other = occupy(&config.probes.port);

	(void)close(busy);
	(void)close(other);
	ck_assert_int_eq(sup_listen(&sup, &config), MC_OK);
	ck_assert(arrives(config.rest.port, sup.listeners[0].fd));
	/* shut down by somebody who has it no more */
	(void)shutdown(sup.listeners[0].fd, SHUT_RDWR);
	sup_listen_renew(&sup);
	ck_assert(arrives(config.rest.port, sup.listeners[0].fd));
	ck_assert(arrives(config.probes.port, sup.listeners[1].fd));
	/* a copy kept, deaf, locked so and not to be shared */
	copy = dup(sup.listeners[0].fd);
	ck_assert_int_eq(setsockopt(copy, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	ck_assert_int_eq(setsockopt(copy, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof(one)), 0);
	ck_assert_int_eq(setsockopt(copy, SOL_SOCKET, SO_REUSEADDR, &zero, sizeof(zero)), 0);
	sup_listen_renew(&sup);
	ck_assert(arrives(config.rest.port, sup.listeners[0].fd));
	ck_assert_int_ne(listen(copy, 1), 0);
	ck_assert_int_lt(accept4(copy, NULL, NULL, SOCK_NONBLOCK), 0);
	ck_assert(arrives(config.rest.port, sup.listeners[0].fd));
	(void)close(copy);
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

	tcase_set_timeout(tcase, 50);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, test_all_or_nothing);
	tcase_add_test(tcase, test_a_port_that_becomes_free);
	tcase_add_test(tcase, test_a_port_that_stays_busy);
	tcase_add_test(tcase, test_foreign_address);
	tcase_add_test(tcase, test_renewed);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
