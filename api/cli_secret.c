/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases: from a file or the terminal, never from the command line or the environment. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "api/cli.h"
#include "base/crypto.h"
#include "base/limits.h"

static volatile sig_atomic_t interrupted;

static void
on_signal(int signo)
{
	interrupted = signo;
}

static struct base_secret *
read_file(const char *path)
{
	struct base_secret *secret = NULL;
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0) {
		return base_secret_read_fd(STDIN_FILENO, LIMIT_PASSPHRASE);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		(void)MC_FAIL(MC_EIO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		(void)MC_FAIL(MC_EUSAGE, "%s: others may read this passphrase; chmod 600 it", path);
	} else {
		secret = base_secret_read_fd(fd, LIMIT_PASSPHRASE);
	}
	(void)close(fd);
	return secret;
}

static struct base_secret *
from_file(const char *path)
{
	struct base_secret *secret = read_file(path);

	if (secret != NULL && base_secret_len(secret) == 0) {
		(void)MC_FAIL(MC_EUSAGE, "%s: the passphrase is empty", path);
		base_secret_free(secret);
		secret = NULL;
	}
	return secret;
}

/* One line from the terminal, whose echo is off. A signal that unblocked lets in ends the waiting. */
static struct base_secret *
read_line(int tty, const sigset_t *unblocked)
{
	struct base_secret *secret = base_secret_new(LIMIT_PASSPHRASE + 1);
	unsigned char *ptr = base_secret_ptr(secret);
	struct pollfd there = {.fd = tty, .events = POLLIN};
	ssize_t got = ppoll(&there, 1, NULL, unblocked) < 0 ? -1 : read(tty, ptr, LIMIT_PASSPHRASE + 1);

	if (got > 0 && ptr[got - 1] == '\n') {
		base_secret_shrink(secret, (size_t)got - 1);
	} else {
		/* an interrupt, the end of input, or a line that is too long */
		base_secret_shrink(secret, 0);
	}
	return secret;
}

static enum mc_err
no_terminal(const char *option)
{
	return MC_FAIL(MC_EUSAGE, "no terminal to ask for a passphrase; use %s", option);
}

static struct base_secret *
ask(int tty, const char *option, const char *prompt)
{
	static const int SIGNALS[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
	struct sigaction old[sizeof(SIGNALS) / sizeof(SIGNALS[0])];
	struct sigaction action = {.sa_handler = on_signal};
	struct base_secret *secret = NULL;
	struct termios before;
	struct termios quiet;
	sigset_t blocked;
	sigset_t unblocked;

	if (tcgetattr(tty, &before) != 0) {
		(void)no_terminal(option);
		return NULL;
	}
	/* The echo must come back whatever ends the question. Signals come in while it waits, or after
	 * all: one between the prompt and the waiting would be noticed with the next line only. */
	interrupted = 0;
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
		(void)sigaddset(&blocked, SIGNALS[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
		(void)sigaction(SIGNALS[i], &action, &old[i]);
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) == 0) {
		(void)dprintf(tty, "%s: ", prompt);
		secret = read_line(tty, &unblocked);
		(void)tcsetattr(tty, TCSAFLUSH, &before);
	}
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++) {
		(void)sigaction(SIGNALS[i], &old[i], NULL);
	}
	(void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
	if (interrupted != 0) {
		(void)raise(interrupted);
	}
	if (secret == NULL || base_secret_len(secret) == 0) {
		(void)MC_FAIL(MC_EUSAGE, "no passphrase was entered");
		base_secret_free(secret);
		return NULL;
	}
	return secret;
}

static struct base_secret *
from_terminal(const char *option, const char *prompt, bool is_new)
{
	struct base_secret *secret;
	struct base_secret *again;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (tty < 0) {
		(void)no_terminal(option);
		return NULL;
	}
	secret = ask(tty, option, prompt);
	if (secret != NULL && is_new) {
		again = ask(tty, option, "the same once more");
		if (again == NULL || base_secret_len(again) != base_secret_len(secret) ||
		    !base_crypto_equal(base_secret_ptr(again), base_secret_ptr(secret),
			base_secret_len(secret))) {
			(void)MC_FAIL(MC_EUSAGE, "the two passphrases differ");
			base_secret_free(secret);
			secret = NULL;
		}
		base_secret_free(again);
	}
	(void)close(tty);
	return secret;
}

struct base_secret *
cli_passphrase(const struct cli *cli, const char *option, const char *prompt, bool is_new)
{
	const char *path = cli_args_get(&cli->args, option);

	return path != NULL ? from_file(path) : from_terminal(option, prompt, is_new);
}
