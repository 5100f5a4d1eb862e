/* SPDX-License-Identifier: GPL-2.0 */
/* What sink.bpf.c and whoever loads it agree on. */
#ifndef SINK_H
#define SINK_H

#define SINK_STRIDE 32	      /* packets from one word to the generator to the next */
#define SINK_LINES (1U << 20) /* of 64 bytes each: what a random access is measured in */

#endif
