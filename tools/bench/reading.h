/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What reading costs one core, by the reader's own code: snapshots of a million live flows beside
 * a plain scan of the memory they lie in, and ended records taken from a ring.
 */
#ifndef WEIR_BENCH_READING_H
#define WEIR_BENCH_READING_H

/* Milliseconds, but for the rates. The snapshots are of tables that fill `table_mib`. */
struct reading {
	double table_mib;
	double scan;	 /* every word of the tables added up */
	double snapshot; /* every flow was added to since the last one */
	double ratio;	 /* snapshot and top 100 to scan: of one round, the median */
	double lean;	 /* as `snapshot`, without the sums of ports that few tables want */
	double lean_ratio;
	double top;	  /* the 100 flows with most bytes, sorted, out of it */
	double crowded;	  /* as `snapshot`, where one flow in seven was ended and begun anew */
	double hundredth; /* a snapshot; one flow in a hundred was added to */
	double rest;	  /* a snapshot; none was */
	double first;	  /* of a new reader */
	double known;	  /* million ended records/s into the store, of flows it knows */
	double fresh;	  /* and of flows it does not */
};

void reading_measure(struct reading *m, int rounds);
void reading_print(const struct reading *m, const char *dir);

#endif
