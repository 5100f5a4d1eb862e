/* SPDX-License-Identifier: GPL-2.0 */
/* libpcap's own interpreter, beside which everything else is judged. */
#ifndef WEIR_TEST_REFERENCE_H
#define WEIR_TEST_REFERENCE_H

#include <linux/filter.h>
#include <stdint.h>

#define REFERENCE_ENDLESS (-1)

/* 1: the frame matches, 0: it does not, REFERENCE_ENDLESS: libpcap would run for ever. */
int reference_verdict(const struct sock_filter *code, const void *frame, uint32_t n);

#endif
