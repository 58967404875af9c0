/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "rotation/sup.h"
#include "tests/unit/check_main.h"

static char production[] = "production";
static struct base_chan *const up = (struct base_chan *)&production; /* only looked at */
static struct config_environment environment = {.name = production, .uid = 1004};
static struct config config = {.front_uid = 1001, .ledger_uid = 1002, .keeper_uid = 1003,
    .environments = &environment, .environment_count = 1};
static struct sup sup = {.config = &config};
static struct sup_proc ledger, signer, standby;

static void
start(void)
{
	ledger = (struct sup_proc){.next = &signer, .sup = &sup, .role = MSG_ROLE_LEDGER,
	    .phase = SUP_ACTIVE, .pid = 10, .chan = up, .state = MSG_RS_READY};
	signer = (struct sup_proc){.sup = &sup, .role = MSG_ROLE_SIGNER, .phase = SUP_ACTIVE,
	    .environment = production, .pid = 11, .chan = up, .state = MSG_RS_READY, .restarts = 2};
	standby = (struct sup_proc){.sup = &sup, .role = MSG_ROLE_SIGNER, .phase = SUP_STANDBY,
	    .environment = production, .pid = 12, .chan = up, .state = MSG_RS_SEALED};
	sup.procs = &ledger;
}

static void
says(const char *text)
{
	struct base_buf out;

	base_buf_init(&out, LIMIT_FRAME);
	sup_status(&sup, &out);
	base_buf_append_u8(&out, 0);
	ck_assert_msg(strstr((const char *)out.ptr, text) != NULL, "%s is not in %s", text,
	    (const char *)out.ptr);
	base_buf_clear(&out);
}

START_TEST(every_process_with_its_user_and_state)
{
	start();
	says("\"ready\":true,\"shared_uid\":false,\"roles\":["
	     "{\"role\":\"ledger\",\"environment\":\"\",\"pid\":10,\"uid\":1002,\"state\":\"ready\","
	     "\"detail\":\"\",\"restarts\":0},"
	     "{\"role\":\"signer\",\"environment\":\"production\",\"pid\":11,\"uid\":1004,"
	     "\"state\":\"ready\",\"detail\":\"\",\"restarts\":2}]}");
}
END_TEST

START_TEST(ready_is_what_serves)
{
	static const enum msg_role_state others[] = {MSG_RS_STARTING, MSG_RS_SEALED, MSG_RS_DRAINING,
	    MSG_RS_BLOCKED};

	start();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		signer.state = others[i];
		says("\"ready\":false");
	}
	says("\"state\":\"blocked\"");
	/* a process that is gone is down, whatever it said last */
	signer.state = MSG_RS_READY;
	signer.chan = NULL;
	says("\"ready\":false");
	says("\"state\":\"down\"");
	/* one that takes over, or goes, does not count */
	start();
	signer.next = &standby;
	says("\"ready\":true");
	standby.phase = SUP_DRAINING;
	standby.state = MSG_RS_READY;
	says("\"ready\":true");
	says("\"state\":\"draining\"");
}
END_TEST

START_TEST(a_shared_user_is_said)
{
	start();
	environment.uid = config.ledger_uid;
	says("\"shared_uid\":true");
	environment.uid = 1004;
	says("\"shared_uid\":false");
}
END_TEST

START_TEST(a_detail_stays_a_string)
{
	start();
	(void)snprintf(signer.detail, sizeof(signer.detail), "say \"yes\" \\ or\tno");
	says("\"detail\":\"say \\\"yes\\\" \\\\ or no\"");
}
END_TEST

/* At the end of a stop somebody may still ask. */
START_TEST(when_nothing_runs_nothing_is_ready)
{
	sup.procs = NULL;
	says("\"ready\":false,");
	says("\"roles\":[]}");
}
END_TEST

CHECK_MAIN("rotation_sup_status", every_process_with_its_user_and_state, ready_is_what_serves,
    a_shared_user_is_said, a_detail_stays_a_string, when_nothing_runs_nothing_is_ready)
