/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Biflows (RFC 5103): which records of a batch are the two directions of one conversation. Each
 * record is of one pair at most, so sums stay what they were.
 */
#ifndef WEIR_IPFIX_BIFLOW_H
#define WEIR_IPFIX_BIFLOW_H

#include "export/record.h"

#define BIFLOW_NONE UINT32_MAX

/*
 * For each record the number of its other direction, or BIFLOW_NONE. The caller frees it; NULL
 * where memory is short.
 */
uint32_t *biflow_pair(const struct batch *b);
/* Of a pair, whether record `i` began it. */
bool biflow_ahead(const struct batch *b, uint32_t i, uint32_t mate);

#endif
