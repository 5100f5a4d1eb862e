/* SPDX-License-Identifier: GPL-2.0 */
/* Settings of weir export: files that are read, files that are refused, the table itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/export_config.h"

static int read_text(struct export_config *c, const char *text, char *why)
{
	char path[] = "/tmp/weir-unit-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err = export_config_read(c, path, why);
	unlink(path);
	return err;
}

static const struct setting *setting_named(const char *option)
{
	const struct setting *s;
	char name[64];
	int i;

	for (i = 0; (s = setting_row(i)); i++)
		if (!strcmp(setting_option(s, name, sizeof(name)), option))
			return s;
	fail();
	return NULL;
}

static void a_file_is_read(void **state)
{
	struct export_config *c = export_config_new();
	char why[CONFIG_WHY];

	(void)state;
	assert_int_equal(
		read_text(c,
			  "; a comment\n[export]\ninterface = eth0\ninterface=eth1\n"
			  "active_timeout = 5m\n[json]\ntarget = /tmp/a\nrotate_size = 2M\n"
			  "target = /tmp/b\n",
			  why),
		0);
	assert_int_equal(c->interface_count, 2);
	assert_string_equal(c->interfaces[1], "eth1");
	assert_int_equal(c->section_count, 3);
	assert_int_equal((int)section_seconds(c->sections[0], "active_timeout"), 300);
	assert_int_equal((int)section_seconds(c->sections[0], "idle_timeout"), 15);
	assert_int_equal(section_count(c->sections[1], "rotate_size"), 2 << 20);
	assert_int_equal(section_count(c->sections[2], "rotate_size"), 0);
	assert_string_equal(section_text(c->sections[2], "target"), "/tmp/b");
	export_config_free(c);
}

/* Past lines that say nothing, and one without an end. */
static void a_section_is_known_by_its_line(void **state)
{
	struct export_config *c = export_config_new();
	char why[CONFIG_WHY], where[CONFIG_WHY];

	(void)state;
	assert_int_equal(
		read_text(c,
			  "; a comment\n\n[json]\n\ntarget = /a\nrotate_keep = 3\n[ipfix]\n"
			  "target = h:1\n[json]\ntarget = /b",
			  why),
		0);
	assert_int_equal(export_config_set(c, setting_named("json"), "/c", why), 0);
	assert_int_equal(c->section_count, 5);
	assert_int_equal(c->sections[1]->line, 5);
	assert_int_equal(c->sections[2]->line, 8);
	assert_int_equal(c->sections[3]->line, 10);
	section_where(c, c->sections[3], where, sizeof(where));
	assert_non_null(strstr(where, "/weir-unit-"));
	assert_string_equal(strrchr(where, ':'), ":10");
	assert_string_equal(section_where(c, c->sections[4], where, sizeof(where)), "--json");
	export_config_free(c);
}

static void a_bad_file_is_refused_by_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[export]\ninterfaces = eth0\n", ":2: [export] has no key interfaces" },
		{ "[exprot]\na = b\n", ":2: there is no section [exprot]" },
		{ "[export]\n\nactive_timeout = soon\n", ":3: active_timeout soon is not a value" },
		{ "[export]\nactive_timeout = 0\n", ":2: active_timeout 0 is not a value" },
		{ "[export]\nidle_timeout =\n", ":2: idle_timeout (nothing) is not a value" },
		{ "[export]\nsince = yesterday\n", ":2: since yesterday is not a value" },
		{ "[json]\nrotate_keep = 5\n", ":2: rotate_keep comes before any target" },
		{ "[export]\nnonsense\n", ":2: not a line of the form" },
		{ "[export]\ndrop_privileges = perhaps\n", ":2: drop_privileges perhaps is not a "
							   "value it can take: yes or no" },
		{ "[export]\nidle_timeout = 1d\n",
		  ":2: idle_timeout 1d is not a value it can take: " },
		{ "[json]\ntarget = /x\nrotate_size = 1X\n", ":3: rotate_size 1X is not" },
	};
	char why[CONFIG_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct export_config *c = export_config_new();

		assert_int_equal(read_text(c, cases[i].text, why), -EINVAL);
		if (!strstr(why, cases[i].says))
			fail_msg("said %s, not %s", why, cases[i].says);
		export_config_free(c);
	}
}

/* Each setting's default is a value it takes, and its option's name is its own. */
static void the_table_is_sound(void **state)
{
	char name[64], other[64], why[CONFIG_WHY];
	const struct setting *a, *b;
	int i, k;

	(void)state;
	for (i = 0; (a = setting_row(i)); i++) {
		struct export_config *c = export_config_new();

		setting_option(a, name, sizeof(name));
		for (k = 0; k < i; k++) {
			b = setting_row(k);
			assert_string_not_equal(name, setting_option(b, other, sizeof(other)));
		}
		for (k = 0; (b = setting_row(k)); k++)
			if (b->type == SETTING_TARGET && !strcmp(b->section, a->section))
				assert_int_equal(export_config_set(c, b, "x", why), 0);
		if (a->initial)
			assert_int_equal(export_config_set(c, a, a->initial, why), 0);
		export_config_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_section_is_known_by_its_line),
		cmocka_unit_test(a_bad_file_is_refused_by_line),
		cmocka_unit_test(the_table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}