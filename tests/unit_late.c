/* SPDX-License-Identifier: GPL-2.0 */
/* Records that ended late and who takes them, when memory is short. No root needed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tables/late.h"

/* Takes all but what comes from the call `fails` on, and notes each record by its first word. */
struct picky {
	uint32_t fails, calls, taken;
	bool seen[100];
};

static int pick(void *arg, const struct strand *s, const struct ended_lines *e)
{
	struct picky *p = arg;
	uint32_t i;

	(void)s;
	if (p->calls++ == p->fails)
		return -ENOMEM;
	for (i = 0; i < e->n; i++) {
		assert_false(p->seen[e->line[i][0]]);
		p->seen[e->line[i][0]] = true;
		p->taken++;
	}
	return 0;
}

/* Where memory is short half way, what was not taken is there the next time. */
static void late_records_are_taken_once(void **state)
{
	static const struct strand none;
	struct picky p = { .fails = 1 };
	const struct ended_taker taker = { pick, &p };
	struct late_record record[100] = { 0 };
	struct late l = { record, 100, 100 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		record[i].line[0] = i;
	assert_int_equal(late_flush(&l, &none, &taker), -ENOMEM);
	assert_int_equal(p.taken, STRAND_BATCH);
	assert_int_equal(late_flush(&l, &none, &taker), 0);
	assert_int_equal(p.taken, 100);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_records_are_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
