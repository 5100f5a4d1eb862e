/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of addresses, looked up by a thread of its own: asking never waits. The cache and the
 * queue are bounded; a name nobody has asked for long makes room. Names come from the network,
 * so what is not a letter, digit, dot, hyphen or underscore is a question mark.
 */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include "views/view.h"

#define NAME_SIZE 128

struct names;

/* Starts the thread. NULL where that fails. */
struct names *names_new(void);
/* Does not wait for a look-up under way: the thread goes when it has ended. */
void names_free(struct names *n);
/* The name, good until the next call, or NULL while it is not known or where there is none. */
const char *names_get(struct names *n, const struct addr *a);
/* Grows whenever a name has come. */
uint64_t names_version(struct names *n);
/* Makes a text harmless to a terminal, and short. */
void name_clean(char to[NAME_SIZE], const char *from);

#endif
