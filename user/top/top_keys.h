/* SPDX-License-Identifier: GPL-2.0 */
/* The keys of weir top, in one table: what they do and what the help says of them. */
#ifndef WEIR_TOP_KEYS_H
#define WEIR_TOP_KEYS_H

#include "top/top.h"

/* Does what a key asks for. */
void keys_press(struct top *t, int key);

/* Lines of the help screen, up to a NULL `keys`; NULL text is a heading. */
struct key_help {
	const char *keys;
	const char *text;
};

extern const struct key_help key_help[];
/* Labels of F1 to F10. */
extern const char *const function_labels[10];

#endif
