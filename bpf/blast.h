/* SPDX-License-Identifier: GPL-2.0 */
/* What the packet generator's two halves agree on: bpf/blast.bpf.c and tools/blast.c. */
#ifndef BLAST_H
#define BLAST_H

#define BLAST_DRAWS (1 << 20) /* flows drawn in advance, where drawing one takes too long */
#define BLAST_WINDOW 192      /* packets on the way; a veth holds 256 */

enum blast_order {
	BLAST_RANDOM, /* any flow, all alike */
	BLAST_TURNS,  /* one after the other */
	BLAST_ZIPF,   /* by blast_draws */
	BLAST_NEW,    /* none twice */
};

#endif
