/* SPDX-License-Identifier: GPL-2.0 */
/* The answer as Markdown, to be pasted into a README: the machine, then one table a question. */
#ifndef WEIR_BENCH_MARKDOWN_H
#define WEIR_BENCH_MARKDOWN_H

#include "bench.h"

void markdown_print(const struct bench_options *o, const struct table *udp, const struct table *syn,
		    const struct table *tcp);

#endif
