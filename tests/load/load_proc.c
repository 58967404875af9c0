/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/load/load.h"

static size_t
file_read(const char *path, char *out, size_t max)
{
	FILE *file = fopen(path, "r");
	size_t len = 0;

	if (file != NULL) {
		len = fread(out, 1, max - 1, file);
		(void)fclose(file);
	}
	out[len] = '\0';
	return len;
}

/* The n-th field after the command's name in /proc/PID/stat; 1 is the state. */
static long long
stat_field(const char *stat, int n)
{
	const char *at = strrchr(stat, ')');

	while (at != NULL && n-- > 0) {
		at = strchr(at + 1, ' ');
	}
	return at != NULL ? strtoll(at + 1, NULL, 10) : -1;
}

static bool
proc_read(int pid, int parent, struct load_proc *out)
{
	char path[64];
	char stat[1024];
	char line[256];
	size_t len;
	const char *base;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, stat, sizeof(stat)) == 0 ||
	    (pid != parent && stat_field(stat, 2) != parent)) {
		return false;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	len = file_read(path, line, sizeof(line));
	base = strrchr(line, '/') != NULL ? strrchr(line, '/') + 1 : line;
	out->pid = pid;
	(void)snprintf(out->name, sizeof(out->name), "%.40s", base);
	if (pid != parent && strlen(line) + 1 < len) {
		(void)snprintf(out->name, sizeof(out->name), "%.30s %.30s", base,
		    line + strlen(line) + 1);
	}
	out->cpu_us = (stat_field(stat, 12) + stat_field(stat, 13)) * (1000000 / sysconf(_SC_CLK_TCK));
	out->rss_kib = stat_field(stat, 22) * (sysconf(_SC_PAGESIZE) / 1024);
	return true;
}

int64_t
load_proc_pss(int pid)
{
	char path[64];
	char text[2048];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	(void)file_read(path, text, sizeof(text));
	at = strstr(text, "\nPss:");
	return at != NULL ? strtoll(at + 5, NULL, 10) : 0;
}

size_t
load_procs_read(int pid, struct load_proc out[LOAD_PROCS])
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	size_t count = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL && count < LOAD_PROCS) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			count += proc_read((int)strtol(entry->d_name, NULL, 10), pid, &out[count]);
		}
	}
	(void)closedir(dir);
	return count;
}

int64_t
load_http_get(const char *address, const char *path, struct base_buf *out)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct timeval limit = {.tv_sec = 30};
	int64_t start_us = base_clock_boot_us();
	char host[64];
	char request[256];
	const char *colon = strrchr(address, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t got = -1;

	(void)snprintf(host, sizeof(host), "%.63s", address);
	host[strcspn(host, ":")] = '\0';
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	(void)inet_pton(AF_INET, host, &to.sin_addr);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    path, host);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)) {
		uint8_t bytes[4096];

		while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
			base_buf_append(out, bytes, (size_t)got);
		}
	}
	(void)close(fd);
	return got == 0 ? base_clock_boot_us() - start_us : -1;
}

double
load_metric(const char *address, const char *name)
{
	struct base_buf buf;
	double sum = -1;
	char *text;

	base_buf_init(&buf, 1 << 20);
	(void)load_http_get(address, "/metrics", &buf);
	text = base_buf_take_str(&buf);
	for (char *line = text; line != NULL && *line != '\0';) {
		char *end = strchr(line, '\n');
		size_t len = strlen(name);

		if (strncmp(line, name, len) == 0 && (line[len] == ' ' || line[len] == '{')) {
			const char *value = line[len] == '{' ? strchr(line, '}') : line + len;

			sum = (sum < 0 ? 0 : sum) + (value != NULL ? strtod(value + 1, NULL) : 0);
		}
		line = end != NULL ? end + 1 : NULL;
	}
	free(text);
	return sum;
}
