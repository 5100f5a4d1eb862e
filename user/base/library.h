/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Libraries that some commands want and most do not. Linked, they and the forty that they bring
 * would take every command milliseconds before main(); so they are loaded by who wants one.
 *
 * Each has a header with a list X(name) of the functions that weir calls. It makes a struct of
 * pointers, typed by the library's own header, and the table of names and places to be filled in.
 */
#ifndef WEIR_LIBRARY_H
#define WEIR_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library_function {
	const char *name;
	void *place; /* of the pointer to it */
};

struct library {
	const char *soname;  /* of the library whose header was compiled with: sonames.h */
	const char *package; /* Debian's, that has it */
	const struct library_function *functions;
	size_t count;
	struct library *under; /* that it uses without naming it, or NULL */
	bool (*begin)(void);   /* called once when it is loaded; or NULL */
	bool loaded;
};

/*
 * 0, all functions being there from then on, or -ELIBACC with a line in `why`. From any thread, any
 * number of times: what was missing may have been installed meanwhile.
 */
int library_load(struct library *l, char *why, size_t size);

#endif
