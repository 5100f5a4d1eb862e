/* SPDX-License-Identifier: GPL-2.0 */
/* The order of rows in weir top, against a sort of all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "chance.h"
#include "top/top_order.h"

static struct table table_of_hosts(uint32_t rows)
{
	struct table t = { .view = &view_hosts };
	struct host_row key;
	uint32_t i;
	bool fresh;

	rowset_init(&t.set, sizeof(struct host_row) + sizeof(struct windows), view_hosts.key_size);
	for (i = 0; i < rows; i++) {
		struct host_row *row;
		struct windows *w;

		memset(&key, 0, sizeof(key));
		key.addr.bytes[1] = i;
		row = rowset_row(&t.set, rowset_find(&t.set, &key, &fresh));
		row->sent.bytes = any(100);
		row->received.bytes = any(1000);
		row->flows = any(5);
		w = (struct windows *)(row + 1);
		w->sum[1][1] = any(50);
		w->sum[1][3] = any(50);
	}
	return t;
}

static bool has_flows(const struct matcher *m, const struct view *v, const void *row)
{
	(void)m;
	(void)v;
	return ((const struct host_row *)row)->flows == 3;
}

/* The first rows are the first of all rows, by every field, either way round. */
static void check_order(const struct table *t, const struct field *f, bool reverse,
			const struct matcher *m)
{
	struct order all = { .field = *f, .reverse = reverse }, some = all;
	uint32_t want, i;

	assert_int_equal(order_make(&all, t, 0, m), 0);
	assert_int_equal(all.count, all.matched);
	for (i = 1; i < all.count; i++) {
		int order = field_compare(f, rowset_row(&t->set, all.rows[i - 1]),
					  rowset_row(&t->set, all.rows[i]));

		assert_true(reverse ? order >= 0 : order <= 0);
	}
	for (want = 1; want < all.count + 10; want += 1 + want / 2) {
		assert_int_equal(order_make(&some, t, want, m), 0);
		assert_int_equal(some.matched, all.matched);
		assert_int_equal(some.count, want < all.count ? want : all.count);
		assert_memory_equal(some.rows, all.rows, some.count * sizeof(*some.rows));
	}
	order_free(&all);
	order_free(&some);
}

static void test_order(void **state)
{
	struct table t = table_of_hosts(3000);
	struct matcher m = { has_flows, NULL };
	const struct field *f;

	(void)state;
	for (f = view_hosts.fields; f->key; f++) {
		if (!view_field(&view_hosts, f->key, true))
			continue;
		check_order(&t, f, false, NULL);
		check_order(&t, f, true, NULL);
		check_order(&t, f, false, &m);
	}
	rowset_free(&t.set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}