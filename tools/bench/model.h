/* SPDX-License-Identifier: GPL-2.0 */
/* A machine larger than this one, on paper, from what was measured here; see docs/scale.md. */
#ifndef WEIR_BENCH_MODEL_H
#define WEIR_BENCH_MODEL_H

#include "bench.h"
#include "reading.h"

void model_print(const struct table *t, const struct reading *r);

#endif
