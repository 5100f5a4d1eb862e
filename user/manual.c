/* SPDX-License-Identifier: GPL-2.0 */
/* See manual.h. What a page says beside its options is in tools/man/. */
#include <stdio.h>
#include <string.h>

#include "manual.h"

#define SECTION 8

static const struct cmd *find(const struct cmd *const *commands, const char *name)
{
	for (; *commands && strcmp((*commands)->name, name); commands++)
		;
	return *commands;
}

/* ---- manual pages ---- */

/* Text as scdoc(5) prints it. */
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_`#~[<", *text))
			putchar('\\');
		putchar(*text);
	}
}

static void man_head(const char *name, const char *help)
{
	printf("%s(%d)\n\n# NAME\n\n%s - ", name, SECTION, name);
	print_escaped(help);
	printf("\n\n# SYNOPSIS\n\n");
}

static void man_synopsis(const struct cmd *cmd)
{
	printf("*weir %s*", cmd->name);
	if (*cmd->args) {
		putchar(' ');
		print_escaped(cmd->args);
	}
}

static void man_options(const struct cmd *cmd)
{
	struct option_text o;
	int i;

	printf("\n\n# OPTIONS\n");
	for (i = 0; options_row(cmd, i, &o); i++) {
		printf("\n");
		if (o.letter)
			printf("*-%c*, ", o.letter);
		printf("*--%s*", o.name);
		if (o.arg) {
			printf(" _");
			print_escaped(o.arg);
			putchar('_');
		}
		printf("\n\t");
		print_escaped(o.help);
		if (o.initial) {
			printf("; default ");
			print_escaped(o.initial);
		}
		printf("\n");
	}
}

static void man_command(const struct cmd *cmd)
{
	char name[64];

	snprintf(name, sizeof(name), "weir-%s", cmd->name);
	man_head(name, cmd->help);
	man_synopsis(cmd);
	man_options(cmd);
}

static void man_all(const struct cmd *const *commands)
{
	man_head("weir", "counts a live interface's traffic in the driver, exactly");
	printf("*weir* _COMMAND_ [OPTION]... [ARGUMENT]...\n\n*weir version*\n\n# COMMANDS\n");
	for (; *commands; commands++) {
		printf("\n");
		man_synopsis(*commands);
		printf("\n\t");
		print_escaped((*commands)->help);
		printf(": *weir-%s*(%d)\n", (*commands)->name, SECTION);
	}
}

/* ---- bash completion ---- */

/* What follows an option: words for compgen, or a name of a bash function below. */
static void completion_value(const struct option_text *o)
{
	const char *how = "COMPREPLY=()";

	if (!o->arg)
		return;
	if (o->letter)
		printf("\t\t-%c|--%s) ", o->letter, o->name);
	else
		printf("\t\t--%s) ", o->name);
	if (strchr(o->arg, '|')) {
		const char *at;

		printf("_weir_words '");
		for (at = o->arg; *at; at++)
			putchar(*at == '|' ? ' ' : *at);
		printf("'");
		how = "";
	} else if (!strcmp(o->arg, "IF")) {
		how = "_weir_interfaces";
	} else if (!strcmp(o->arg, "FILE")) {
		how = "_weir_files -f";
	} else if (!strcmp(o->arg, "DIR")) {
		how = "_weir_files -d";
	}
	printf("%s; return ;;\n", how);
}

/* The words of "[this|that]" at the beginning of what a command takes. */
static void completion_operands(const char *args)
{
	size_t length = strcspn(args, "]"), i;

	if (*args != '[' || args[1] == '-' || !memchr(args, '|', length))
		return;
	for (i = 1; i < length; i++)
		putchar(args[i] == '|' ? ' ' : args[i]);
}

static void completion_command(const struct cmd *cmd)
{
	struct option_text o;
	int i;

	printf("\t%s)\n\t\tcase $prev in\n", cmd->name);
	for (i = 0; options_row(cmd, i, &o); i++)
		completion_value(&o);
	printf("\t\tesac\n\t\toptions='");
	for (i = 0; options_row(cmd, i, &o); i++) {
		if (o.letter)
			printf("-%c ", o.letter);
		printf("--%s ", o.name);
	}
	printf("'\n\t\twords='");
	completion_operands(cmd->args);
	printf("'\n\t\tfiles=%s ;;\n", strstr(cmd->args, "FILE") ? "1" : "");
}

static void completion(const struct cmd *const *commands)
{
	const struct cmd *const *c;

	puts("# bash completion for weir: made by `weir help --completion`\n"
	     "_weir_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
	     "_weir_files() { mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\"); }\n"
	     "_weir_interfaces()\n{\n"
	     "\tlocal names=(/sys/class/net/*)\n\n"
	     "\t_weir_words \"${names[*]##*/}\"\n}\n");
	printf("_weir()\n{\n\tlocal cur=$2 prev=$3 options words files\n\n"
	       "\tif ((COMP_CWORD == 1)); then\n\t\t_weir_words '");
	for (c = commands; *c; c++)
		printf("%s ", (*c)->name);
	puts("help version --help --version'\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in");
	for (c = commands; *c; c++)
		completion_command(*c);
	printf("\thelp) _weir_words '");
	for (c = commands; *c; c++)
		printf("%s ", (*c)->name);
	puts("'; return ;;\n\t*) return ;;\n\tesac\n"
	     "\tif [[ $cur == -* ]]; then\n\t\t_weir_words \"$options\"\n"
	     "\telse\n"
	     "\t\tCOMPREPLY=()\n"
	     "\t\t[[ $files ]] && _weir_files -f\n"
	     "\t\t[[ $words ]] && ((COMP_CWORD == 2)) &&\n"
	     "\t\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$words\" -- "
	     "\"$cur\")\n"
	     "\tfi\n}\n"
	     "complete -o filenames -F _weir weir");
}

int manual_answer(int argc, char **argv, const struct cmd *const *commands)
{
	const struct cmd *const *c;
	const char *name = argc > 1 ? argv[1] : argv[0];
	const struct cmd *cmd = find(commands, name);

	if (!strcmp(argv[0], "--list")) {
		for (c = commands; *c; c++)
			puts((*c)->name);
	} else if (!strcmp(argv[0], "--completion")) {
		completion(commands);
	} else if (!strcmp(argv[0], "--man") && argc == 1) {
		man_all(commands);
	} else if (!cmd) {
		say("there is no command %s; `weir --help` lists them", name);
		return EXIT_MISUSE;
	} else if (!strcmp(argv[0], "--man")) {
		man_command(cmd);
	} else {
		options_help(cmd);
	}
	return finish(EXIT_OK);
}
