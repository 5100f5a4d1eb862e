/* SPDX-License-Identifier: GPL-2.0 */
/* The largest of many, without sorting them all. */
#ifndef WEIR_LARGEST_H
#define WEIR_LARGEST_H

#include <stddef.h>
#include <stdint.h>

#include "tables/store.h"

/*
 * Numbers of the rows with the largest uint64_t, the largest first, of equal ones the first first.
 * `first` is that of row 0, the next lies `stride` bytes on. As many as are `want`ed and there
 * are; 0 where there is no memory for 16 bytes of each.
 */
uint32_t largest(const void *first, size_t stride, uint32_t rows, uint32_t *numbers, uint32_t want);
/*
 * The same of a store's flows by bytes, as the reader left them: where it knows their peaks, most
 * are not looked at.
 */
uint32_t largest_flows(const struct store *s, uint32_t *numbers, uint32_t want);

#endif
