/* SPDX-License-Identifier: GPL-2.0 */
/* Classic BPF programs that no expression makes, by chance, the same in every run. */
#ifndef WEIR_TESTS_CLASSIC_H
#define WEIR_TESTS_CLASSIC_H

#include <linux/filter.h>
#include <stdint.h>

#define CLASSIC_MAX 80 /* instructions */

/* Begins anew. */
void classic_begin(void);
/* The next one, in `code`, which has room for CLASSIC_MAX. Returns how many instructions it has. */
uint32_t classic_next(struct sock_filter *code);

#endif
