/* SPDX-License-Identifier: GPL-2.0 */
/* What `make bench` leaves behind for other programs: an array with an object for each figure. */
#ifndef WEIR_BENCH_JSON_H
#define WEIR_BENCH_JSON_H

#include "bench.h"

void make_dirs(const char *dir);
/* Writes `dir`/`name`. */
void json_write(const char *dir, const char *name, const struct table *t);

#endif
