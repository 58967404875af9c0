/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chan.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check_main.h"

#define REQUEST 16

/* One end under test, with what it saw. */
struct end {
	struct base_chan *chan;
	bool answers; /* answer every request at once */
	bool refuses; /* find every item wrong */
	unsigned items;
	uint64_t last_corr;
	bool in_order;
	uint32_t held[LIMIT_CHAN_WINDOW + 1];
	unsigned held_count;
	int fd;
	unsigned gone_count;
	enum mc_err gone;
};

static struct base_loop *loop;

static enum mc_err
end_item(void *self, struct base_chan *chan, const struct base_item *item)
{
	struct end *end = self;

	end->items++;
	end->in_order = end->in_order && item->corr >= end->last_corr;
	end->last_corr = item->corr;
	end->fd = item->fd;
	if (end->refuses) {
		return MC_EDENIED;
	}
	if (item->type == REQUEST) {
		if (end->answers) {
			return base_chan_send(chan, REQUEST + 1, 0, item->corr, item->payload);
		}
		end->held[end->held_count++] = (uint32_t)item->corr;
	}
	return MC_OK;
}

static void
end_gone(void *self, struct base_chan *chan, enum mc_err why)
{
	struct end *end = self;

	ck_assert_ptr_eq(chan, end->chan);
	end->gone_count++;
	end->gone = why;
	base_chan_free(chan);
	end->chan = NULL;
}

static void
end_open(struct end *end, int fd)
{
	*end = (struct end){.in_order = true, .fd = -1};
	end->chan = base_chan_new(loop, fd, end_item, end_gone, end);
}

static void
turns(int count)
{
	for (int i = 0; i < count; i++) {
		base_loop_turn(loop, 0);
	}
}

static void
pair_open(struct end *a, struct end *b)
{
	int fds[2];

	loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(fds), MC_OK);
	end_open(a, fds[0]);
	end_open(b, fds[1]);
}

static void
pair_close(struct end *a, struct end *b)
{
	base_chan_free(a->chan);
	base_chan_free(b->chan);
	base_loop_free(loop);
}

static enum mc_err
ask(struct end *end, uint64_t corr)
{
	return base_chan_send(end->chan, REQUEST, 0, corr, base_span_str("question"));
}

START_TEST(test_credit_is_taken_and_given_back)
{
	struct end a;
	struct end b;

	pair_open(&a, &b);
	for (unsigned i = 0; i < LIMIT_CHAN_WINDOW; i++) {
		ck_assert(base_chan_has_credit(a.chan));
		ck_assert_int_eq(ask(&a, i + 1), MC_OK);
	}
	ck_assert(!base_chan_has_credit(a.chan));
	ck_assert_int_eq(ask(&a, 5000), MC_EBUSY);
	/* The other direction has its own window, and the greeting takes none. */
	ck_assert_int_eq(ask(&b, 1), MC_OK);
	ck_assert_int_eq(base_chan_send(a.chan, BASE_CHAN_HELLO, 0, 0, base_span_str("")), MC_OK);
	turns(50);
	ck_assert_uint_eq(b.held_count, LIMIT_CHAN_WINDOW);
	/* An item with more to follow keeps the credit; the last one gives it back. */
	ck_assert_int_eq(base_chan_send(b.chan, REQUEST + 1, BASE_ITEM_MORE, 1, base_span_str("")),
	    MC_OK);
	turns(3);
	ck_assert_uint_eq(base_chan_pending(a.chan), LIMIT_CHAN_WINDOW);
	ck_assert_int_eq(base_chan_send(b.chan, REQUEST + 1, 0, 1, base_span_str("")), MC_OK);
	turns(3);
	ck_assert_uint_eq(base_chan_pending(a.chan), LIMIT_CHAN_WINDOW - 1);
	ck_assert_int_eq(ask(&a, 5000), MC_OK);
	turns(3);
	ck_assert_uint_eq(b.held[LIMIT_CHAN_WINDOW - 1], LIMIT_CHAN_WINDOW);
	ck_assert_uint_eq(a.gone_count + b.gone_count, 0);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_own_mistakes_are_refused)
{
	static uint8_t big[LIMIT_FRAME];
	struct end a;
	struct end b;

	pair_open(&a, &b);
	ck_assert_int_eq(ask(&a, 7), MC_OK);
	ck_assert_int_eq(ask(&a, 7), MC_EINTERNAL);
	ck_assert_int_eq(base_chan_send(a.chan, REQUEST + 1, 0, 9, base_span_str("")), MC_EINTERNAL);
	ck_assert_int_eq(base_chan_send(a.chan, REQUEST, 0, 8, base_span_of(big, LIMIT_FRAME - 20)),
	    MC_OK);
	ck_assert_int_eq(base_chan_send(a.chan, REQUEST, 0, 9, base_span_of(big, LIMIT_FRAME - 19)),
	    MC_ETOOBIG);
	turns(4);
	ck_assert_uint_eq(b.items, 2);
	ck_assert_int_eq(base_chan_send(b.chan, REQUEST + 3, 0, 7, base_span_str("")), MC_EINTERNAL);
	pair_close(&a, &b);
}
END_TEST

/* Writes one raw packet to a channel end and tells how it ended. */
static enum mc_err
hostile(const void *bytes, size_t len, const int *fds, size_t fd_count)
{
	struct iovec iov = {.iov_len = len};
	char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct end end;
	int pair[2];

	loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(pair), MC_OK);
	end_open(&end, pair[0]);
	ck_assert_int_eq(ask(&end, 1), MC_OK);
	turns(2);
	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	if (fd_count > 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(pair[1], &msg, 0), (ssize_t)len);
	turns(4);
	ck_assert_uint_le(end.gone_count, 1);
	if (end.fd >= 0) {
		(void)close(end.fd);
	}
	base_chan_free(end.chan);
	(void)close(pair[1]);
	base_loop_free(loop);
	return end.gone;
}

struct raw {
	uint8_t bytes[256];
	size_t len;
};

static void
raw_start(struct raw *raw, uint16_t version, uint16_t count)
{
	raw->len = 0;
	memcpy(raw->bytes, &version, 2);
	memcpy(raw->bytes + 2, &count, 2);
	raw->len = 4;
}

static void
raw_item(struct raw *raw, uint16_t type, uint16_t flags, uint32_t len, uint64_t corr)
{
	memcpy(raw->bytes + raw->len, &type, 2);
	memcpy(raw->bytes + raw->len + 2, &flags, 2);
	memcpy(raw->bytes + raw->len + 4, &len, 4);
	memcpy(raw->bytes + raw->len + 8, &corr, 8);
	raw->len += 16;
}

static enum mc_err
hostile_raw(const struct raw *raw)
{
	return hostile(raw->bytes, raw->len, NULL, 0);
}

static enum mc_err
one_item(uint16_t type, uint16_t flags, uint32_t len, uint64_t corr)
{
	struct raw raw;

	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, type, flags, len, corr);
	return hostile_raw(&raw);
}

START_TEST(test_frames_of_wrong_form)
{
	static uint8_t huge[LIMIT_FRAME + 1] = {BASE_CHAN_VERSION, 0, 1};
	struct raw raw;

	ck_assert_int_eq(one_item(REQUEST, 0, 0, 9), MC_OK); /* the form that is right */
	ck_assert_int_eq(one_item(REQUEST + 1, BASE_ITEM_MORE, 0, 1), MC_OK);
	raw_start(&raw, BASE_CHAN_VERSION + 1, 1);
	raw_item(&raw, REQUEST, 0, 0, 9);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 0);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, LIMIT_FRAME_ITEMS + 1);
	raw_item(&raw, REQUEST, 0, 0, 9);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 2);
	raw_item(&raw, REQUEST, 0, 0, 9);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* one item of two */
	raw_item(&raw, REQUEST, 0, 0, 10);
	raw_item(&raw, REQUEST, 0, 0, 11);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* three of two */
	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, REQUEST, 0, 0, 9);
	raw.len--;
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* a cut head */
	raw.len = 3;
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME);
	ck_assert_int_eq(one_item(REQUEST, 0, 1, 9), MC_EFRAME); /* a cut payload */
	ck_assert_int_eq(one_item(REQUEST, 0, UINT32_MAX, 9), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, REQUEST, 0, 0, 9);
	raw.len++;
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* a byte too many */
	ck_assert_int_eq(hostile(huge, sizeof(huge), NULL, 0), MC_EFRAME);
}
END_TEST

START_TEST(test_items_against_the_rules)
{
	struct raw raw;

	ck_assert_int_eq(one_item(0, 0, 0, 9), MC_EFRAME);
	ck_assert_int_eq(one_item(BASE_CHAN_HELLO + 1, 0, 0, 9), MC_EFRAME);
	ck_assert_int_eq(one_item(REQUEST, BASE_ITEM_MORE, 0, 9), MC_EFRAME);
	ck_assert_int_eq(one_item(REQUEST + 1, 2, 0, 1), MC_EFRAME);
	ck_assert_int_eq(one_item(REQUEST + 1, 0, 0, 2), MC_EFRAME); /* an answer to nothing */
	ck_assert_int_eq(one_item(REQUEST + 3, 0, 0, 1), MC_EFRAME); /* of another type */
	raw_start(&raw, BASE_CHAN_VERSION, 2);
	raw_item(&raw, REQUEST + 1, 0, 0, 1);
	raw_item(&raw, REQUEST + 1, 0, 0, 1);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* answered twice */
	raw_start(&raw, BASE_CHAN_VERSION, 2);
	raw_item(&raw, REQUEST, 0, 0, 5);
	raw_item(&raw, REQUEST, 0, 0, 5);
	ck_assert_int_eq(hostile_raw(&raw), MC_EFRAME); /* asked twice under one number */
}
END_TEST

static unsigned
open_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

START_TEST(test_descriptors_where_none_may_be)
{
	unsigned before = open_fds();
	int fds[2] = {0, 1};
	struct raw raw;

	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, REQUEST, 0, 0, 9);
	ck_assert_int_eq(hostile(raw.bytes, raw.len, fds, 1), MC_OK);
	ck_assert_int_eq(hostile(raw.bytes, raw.len, fds, 2), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 2);
	raw_item(&raw, REQUEST, 0, 0, 9);
	raw_item(&raw, REQUEST, 0, 0, 10);
	ck_assert_int_eq(hostile(raw.bytes, raw.len, fds, 1), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, REQUEST + 1, 0, 0, 1);
	ck_assert_int_eq(hostile(raw.bytes, raw.len, fds, 1), MC_EFRAME);
	raw_start(&raw, BASE_CHAN_VERSION, 1);
	raw_item(&raw, REQUEST, 0, 1, 9);
	ck_assert_int_eq(hostile(raw.bytes, raw.len, fds, 1), MC_EFRAME);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(test_requests_beyond_the_window)
{
	struct end end;
	int pair[2];

	loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(pair), MC_OK);
	end_open(&end, pair[0]);
	for (uint64_t i = 1; i <= LIMIT_CHAN_WINDOW + 1; i++) {
		struct raw raw;

		ck_assert_uint_eq(end.gone_count, 0);
		raw_start(&raw, BASE_CHAN_VERSION, 1);
		raw_item(&raw, REQUEST, 0, 0, i);
		ck_assert_int_eq(write(pair[1], raw.bytes, raw.len), (ssize_t)raw.len);
		turns(1);
	}
	ck_assert_uint_eq(end.gone_count, 1);
	ck_assert_int_eq(end.gone, MC_EFRAME);
	ck_assert_uint_eq(end.held_count, LIMIT_CHAN_WINDOW);
	(void)close(pair[1]);
	base_loop_free(loop);
}
END_TEST

START_TEST(test_a_handler_drops_its_peer)
{
	struct end a;
	struct end b;

	pair_open(&a, &b);
	b.refuses = true;
	ck_assert_int_eq(ask(&a, 1), MC_OK);
	ck_assert_int_eq(ask(&a, 2), MC_OK);
	turns(4);
	ck_assert_uint_eq(b.items, 1);
	ck_assert_int_eq(b.gone, MC_EFRAME);
	ck_assert_int_eq(a.gone, MC_EPEER);
	ck_assert_uint_eq(a.gone_count + b.gone_count, 2);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_last_words_are_heard)
{
	struct end a;
	struct end b;

	pair_open(&a, &b);
	ck_assert_int_eq(ask(&a, 1), MC_OK);
	turns(2);
	/* b answers and leaves with an unread item of a's; a still gets the answer. */
	ck_assert_int_eq(base_chan_send(b.chan, REQUEST + 1, 0, 1, base_span_str("bye")), MC_OK);
	ck_assert_int_eq(ask(&a, 2), MC_OK);
	base_chan_flush(a.chan);
	base_chan_free(b.chan);
	b.chan = NULL;
	ck_assert_int_eq(ask(&a, 3), MC_OK);
	turns(3);
	ck_assert_uint_eq(a.items, 1);
	ck_assert_int_eq(a.gone, MC_EPEER);
	ck_assert_uint_eq(a.gone_count, 1);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_descriptor_travels_in_order)
{
	struct end a;
	struct end b;
	char byte = 0;
	int ends[2];

	pair_open(&a, &b);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(ask(&a, 1), MC_OK);
	ck_assert_int_eq(base_chan_send_fd(a.chan, REQUEST, 2, base_span_str("x"), ends[1]), MC_OK);
	(void)close(ends[1]);
	turns(3);
	ck_assert_uint_eq(b.items, 2);
	ck_assert(b.in_order);
	ck_assert_int_ge(b.fd, 0);
	ck_assert_int_ne(fcntl(b.fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(write(b.fd, "y", 1), 1);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	(void)close(b.fd);
	ck_assert_int_eq(ask(&a, 3), MC_OK);
	turns(3);
	ck_assert_uint_eq(b.items, 3);
	ck_assert_int_eq(b.fd, -1);
	(void)close(ends[0]);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_slow_reader_bounded_memory)
{
	static uint8_t payload[900];
	struct rusage before;
	struct rusage after;
	struct end a;
	struct end b;
	uint64_t sent = 0;

	pair_open(&a, &b);
	(void)getrusage(RUSAGE_SELF, &before);
	while (b.items < 100000) {
		while (sent < 100000 && base_chan_has_credit(a.chan)) {
			ck_assert_int_eq(base_chan_send(a.chan, REQUEST, 0, ++sent,
			    base_span_of(payload, sizeof(payload))), MC_OK);
		}
		base_loop_turn(loop, 0);
		/* Slow: it answers only when the window has run full. */
		if (b.held_count == LIMIT_CHAN_WINDOW || b.items == 100000) {
			for (unsigned i = 0; i < b.held_count; i++) {
				ck_assert_int_eq(base_chan_send(b.chan, REQUEST + 1, 0, b.held[i],
				    base_span_of(payload, sizeof(payload))), MC_OK);
			}
			b.held_count = 0;
		}
	}
	turns(100);
	(void)getrusage(RUSAGE_SELF, &after);
	ck_assert_uint_eq(a.items, 100000);
	ck_assert(a.in_order && b.in_order);
	ck_assert_uint_eq(base_chan_pending(a.chan), 0);
	/* A window's frames; 90 MB passed each way. AddressSanitizer keeps freed memory a while. */
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 64 * 1024);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_endless_answers_to_one_who_does_not_read)
{
	static uint8_t payload[LIMIT_BULK_CHUNK];
	struct end a;
	struct end b;
	enum mc_err ret = MC_OK;
	unsigned count = 0;

	pair_open(&a, &b);
	ck_assert_int_eq(ask(&a, 1), MC_OK);
	turns(2);
	while (ret == MC_OK && count < 100000) {
		ret = base_chan_send(b.chan, REQUEST + 1, BASE_ITEM_MORE, 1,
		    base_span_of(payload, sizeof(payload)));
		count++;
	}
	ck_assert_int_eq(ret, MC_EPEER);
	ck_assert_uint_le(count, LIMIT_CHAN_QUEUE / LIMIT_BULK_CHUNK);
	turns(2);
	ck_assert_uint_eq(b.gone_count, 1);
	pair_close(&a, &b);
}
END_TEST

START_TEST(test_batches_are_few_frames)
{
	struct end a;
	static uint8_t frame[LIMIT_FRAME];
	unsigned frames = 0;
	int pair[2];

	loop = base_loop_new();
	ck_assert_int_eq(base_chan_pair(pair), MC_OK);
	end_open(&a, pair[0]);
	for (uint64_t i = 1; i <= 3 * LIMIT_FRAME_ITEMS + 1; i++) {
		ck_assert_int_eq(ask(&a, i), MC_OK);
	}
	turns(1);
	while (read(pair[1], frame, sizeof(frame)) > 0) {
		frames++;
	}
	ck_assert_uint_eq(frames, 4);
	base_chan_free(a.chan);
	(void)close(pair[1]);
	base_loop_free(loop);
}
END_TEST

/* --- without a loop --- */

static unsigned call_items;

static enum mc_err
call_item(void *self, const struct base_item *item)
{
	ck_assert_ptr_eq(self, &call_items);
	ck_assert_uint_eq(item->type, REQUEST + 1);
	call_items++;
	return MC_OK;
}

/* A peer with a loop, in a process of its own. */
static pid_t
echo_peer(const int pair[2], bool silent)
{
	struct end end;
	pid_t pid = fork();

	if (pid != 0) {
		(void)close(pair[1]);
		return pid;
	}
	/* Or the end of the test would not be the end of the channel. */
	(void)close(pair[0]);
	loop = base_loop_new();
	end_open(&end, pair[1]);
	end.answers = !silent;
	while (end.gone_count == 0) {
		base_loop_turn(loop, -1);
	}
	_exit(0);
}

START_TEST(test_blocking_call)
{
	int pair[2];
	struct base_chan *chan;
	pid_t pid;

	ck_assert_int_eq(base_chan_pair(pair), MC_OK);
	pid = echo_peer(pair, false);
	ck_assert_int_gt(pid, 0);
	chan = base_chan_new(NULL, pair[0], NULL, NULL, NULL);
	for (unsigned i = 1; i <= 2000; i++) {
		ck_assert_int_eq(base_chan_call(chan, REQUEST, base_span_str("q"), 5000, call_item,
		    &call_items), MC_OK);
		ck_assert_uint_eq(call_items, i);
	}
	base_chan_free(chan);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(test_blocking_call_deadline_and_death)
{
	int pair[2];
	struct base_chan *chan;
	int64_t start;
	pid_t pid;

	ck_assert_int_eq(base_chan_pair(pair), MC_OK);
	pid = echo_peer(pair, true);
	chan = base_chan_new(NULL, pair[0], NULL, NULL, NULL);
	start = base_clock_boot_us();
	ck_assert_int_eq(base_chan_call(chan, REQUEST, base_span_str("q"), 50, NULL, NULL),
	    MC_EDEADLINE);
	ck_assert(base_clock_boot_us() - start >= 50000);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(base_chan_call(chan, REQUEST, base_span_str("q"), 5000, NULL, NULL),
	    MC_EPEER);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	base_chan_free(chan);
}
END_TEST

CHECK_MAIN("base_chan", test_credit_is_taken_and_given_back, test_own_mistakes_are_refused,
    test_frames_of_wrong_form, test_items_against_the_rules,
    test_descriptors_where_none_may_be, test_requests_beyond_the_window,
    test_a_handler_drops_its_peer, test_last_words_are_heard,
    test_descriptor_travels_in_order, test_slow_reader_bounded_memory,
    test_endless_answers_to_one_who_does_not_read, test_batches_are_few_frames,
    test_blocking_call, test_blocking_call_deadline_and_death)
