/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper asks for a CRL of an environment CA: a ceremony, whose outcome is the answer. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "rotation/sup.h"

#define ALARM_US (3600 * INT64_C(1000000))

struct crl_wish {
	struct sup *sup;
	uint64_t corr;
};

static void
on_crl_made(void *self, enum mc_err status, const char *detail)
{
	struct crl_wish *wish = self;
	struct sup_proc *keeper = sup_find(wish->sup, MSG_ROLE_KEEPER);

	if (keeper != NULL) {
		sup_proc_answer(keeper, MSG_CTL_WANT_CRL, wish->corr, status, detail);
	}
	free(wish);
}

/* An environment's alarm. NULL: there are more environments than a configuration can have. */
static struct sup_crl_alarm *
alarm_of(struct sup *sup, const char *environment)
{
	struct sup_crl_alarm *alarm = sup->crl_alarms;

	while (alarm < sup->crl_alarms + LIMIT_ENVIRONMENTS + 1) {
		if (alarm->environment[0] == '\0') {
			base_span_copy_str(base_span_str(environment), alarm->environment,
			    sizeof(alarm->environment));
		}
		if (strcmp(alarm->environment, environment) == 0) {
			return alarm;
		}
		alarm++;
	}
	return NULL;
}

static void
alarm_no_passphrase(struct sup *sup, const char *environment, const char *detail)
{
	struct sup_crl_alarm *alarm = alarm_of(sup, environment);
	int64_t now_us = base_clock_boot_us();

	if (alarm != NULL && (alarm->at_us == 0 || now_us - alarm->at_us >= ALARM_US)) {
		alarm->at_us = now_us;
		base_log(LOG_LVL_ERROR, "ca-crl-due", LOG_STR("of", environment),
		    LOG_STR("detail", detail),
		    LOG_STR("remedy", "run meshca crl renew --environment with its "
				      "passphrase, or set passphrase_file"), LOG_END);
	}
}

enum mc_err
sup_crl_request(struct sup_proc *proc, const struct base_item *item)
{
	struct msg_ctl_want_crl msg;
	struct sup_act act = {.act = MSG_CEREMONY_CRL, .asker = {"keeper", "schedule"},
	    .done = on_crl_made};
	struct crl_wish *wish;
	char *environment;
	enum mc_err ret;

	if (item->type != MSG_CTL_WANT_CRL) {
		return MC_FAIL(MC_EFRAME, "%s from the keeper", msg_type_name(item->type));
	}
	ret = msg_decode(&msg_ctl_want_crl_table, item->payload, &msg);
	if (ret != MC_OK) {
		return ret;
	}
	environment = base_xstrndup((const char *)msg.environment.ptr, msg.environment.len);
	wish = base_xcalloc(1, sizeof(*wish));
	*wish = (struct crl_wish){proc->sup, item->corr};
	act.environment = environment;
	act.self = wish;
	ret = sup_ceremony(proc->sup, &act);
	if (ret != MC_OK) {
		if (ret == MC_ESEALED) {
			alarm_no_passphrase(proc->sup, environment, mc_err_last()->detail);
		}
		on_crl_made(wish, ret, mc_err_last()->detail);
	}
	free(environment);
	return MC_OK;
}
