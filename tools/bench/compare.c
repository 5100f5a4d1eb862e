/* SPDX-License-Identifier: GPL-2.0 */
/* Paired differences and what they prove; see compare.h. */
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/abi.h>

#include "compare.h"
#include "measure.h"

#define TURNS 6		  /* runs of each build for a pair's figure; the least counts */
#define RUN_MS 4.0	  /* of one */
#define FALSE_ALARMS 0.01 /* runs of the whole table in which equal builds look different */

/* What is compared: columns that share tables lie together. */
static const struct figure {
	enum hook hook;
	int family;
	enum traffic traffic;
	const char *flows;
	uint32_t count;
	enum pattern pattern;
	uint32_t memory; /* MiB a CPU */
} all_figures[] = {
	{ XDP, 4, UDP, "1", 1, RANDOM, MEMORY_SMALL },
	{ XDP, 4, UDP, "1 k", 1 << 10, RANDOM, MEMORY_SMALL },
	{ XDP, 4, UDP, "64 k", 1 << 16, RANDOM, MEMORY_SMALL },
	{ XDP, 4, UDP, "new", 1 << 20, NEW, MEMORY_SMALL },
	{ XDP, 4, UDP, "1 M", 1 << 20, RANDOM, MEMORY_LARGE },
	{ XDP, 4, UDP, "zipf", 1 << 20, ZIPF, MEMORY_LARGE },
	{ XDP, 6, UDP, "1 k", 1 << 10, RANDOM, MEMORY_SMALL },
	{ XDP, 6, UDP, "64 k", 1 << 16, RANDOM, MEMORY_SMALL },
	{ XDP, 6, UDP, "new", 1 << 20, NEW, MEMORY_SMALL },
	{ XDP, 4, SYN, "1 k", 1 << 10, RANDOM, MEMORY_SMALL },
	{ XDP, 4, SYN, "64 k", 1 << 16, RANDOM, MEMORY_SMALL },
	{ TC, 4, UDP, "1 k", 1 << 10, RANDOM, MEMORY_SMALL },
	{ TC, 4, UDP, "64 k", 1 << 16, RANDOM, MEMORY_SMALL },
};

#define FIGURES (int)(sizeof(all_figures) / sizeof(all_figures[0]))
#define FIGURES_QUICK 2
#define LABEL 64

enum build { BEFORE, AFTER, BUILDS };

struct pair {
	struct stand stand;
	struct plan plan;
	struct shipped shipped[BUILDS];
	struct lane lanes[BUILDS];
	struct lane empty;
};

struct samples {
	double ns[BUILDS][MAX_ROUNDS]; /* net, of each pair */
	double difference[MAX_ROUNDS];
};

static const char *label_of(const struct figure *f, char *label, size_t size)
{
	snprintf(label, size, "%s, IPv%d, %s, %s", hook_names[f->hook], f->family,
		 traffic_names[f->traffic], f->flows);
	return label;
}

static bool same_tables(const struct figure *a, const struct figure *b)
{
	return a->hook == b->hook && a->family == b->family && a->traffic == b->traffic &&
	       a->memory == b->memory;
}

static void open_pair(struct pair *p, const struct compare_options *o, const struct figure *f,
		      int number)
{
	struct stand_sizes none = { 1, 1, 1 };
	const char *paths[BUILDS] = { o->before, o->after };

	p->plan = plan_for(f->memory);
	stand_open(&p->stand, f->hook, f->family, f->traffic, &none, o->cpu);
	lane_open(&p->stand, &p->empty, EMPTY, NULL);
	for (int i = 0; i < BUILDS; i++) {
		int b = number & 1 ? BUILDS - 1 - i : i;

		shipped_load(&p->shipped[b], paths[b], WEIR_TABLE_ALL, &p->plan, f->hook, o->cpu,
			     NULL);
		lane_open(&p->stand, &p->lanes[b], WEIR, &p->shipped[b]);
	}
	if (f->memory == MEMORY_LARGE)
		stand_load_zipf(&p->stand, 1 << 20);
}

static void close_pair(struct pair *p)
{
	for (int b = 0; b < BUILDS; b++) {
		lane_check(&p->stand, &p->lanes[b]);
		lane_close(&p->lanes[b]);
		shipped_close(&p->shipped[b]);
	}
	lane_close(&p->empty);
	stand_close(&p->stand);
}

static double turn(struct pair *p, struct lane *l, const struct figure *f)
{
	double ns;

	stand_choose(&p->stand, f->pattern, f->count, PIPELINED);
	ns = lane_run(&p->stand, l, f->count == 1 << 16 ? 1 << 16 : 1 << 14);
	return lane_run(&p->stand, l, packets_in(RUN_MS, ns));
}

static void measure_pair(struct pair *p, const struct figure *f, struct samples *s, int number)
{
	double least_of[BUILDS + 1] = { INFINITY, INFINITY, INFINITY };

	for (int b = 0; b < BUILDS; b++)
		warm_up(&p->stand, &p->lanes[b], &p->plan, f->pattern, f->count, false);
	for (int i = 0; i < TURNS * BUILDS; i++) {
		/* before, after, after, before: neither always follows the other. */
		int b = (i / 2 + i + number) & 1;

		least_of[b] = fmin(least_of[b], turn(p, &p->lanes[b], f));
		if (!b)
			least_of[BUILDS] = fmin(least_of[BUILDS], turn(p, &p->empty, f));
	}
	for (int b = 0; b < BUILDS; b++)
		s->ns[b][number] = least_of[b] - least_of[BUILDS];
	s->difference[number] = least_of[AFTER] - least_of[BEFORE];
}

/*
 * How many of `n` differences may have the other sign, if fewer than `chance` of equal builds are
 * to be called different: the sign test, which asks nothing of how noise is distributed.
 */
static int tolerated(int n, double chance)
{
	double one = pow(0.5, n), sum = 0;
	int k;

	for (k = 0; k < n / 2; k++) {
		sum += one;
		if (2 * sum > chance)
			return k - 1;
		one = one * (n - k) / (k + 1);
	}
	return k - 1;
}

/* Prints a figure; returns -1, 0 or 1: it got faster, did not move beyond noise, got slower. */
static int judge(const struct figure *f, struct samples *s, int pairs, int count)
{
	int k = tolerated(pairs, FALSE_ALARMS / count), verdict;
	double before = median(s->ns[BEFORE], pairs), after = median(s->ns[AFTER], pairs);
	double middle = median(s->difference, pairs), low, high;
	char label[LABEL];

	low = s->difference[k];
	high = s->difference[pairs - 1 - k];
	verdict = low > 0 ? 1 : high < 0 ? -1 : 0;
	printf("%-20s %9.1f %9.1f %+9.2f   %+8.2f to %+8.2f   %s\n",
	       label_of(f, label, sizeof(label)), before, after, middle, low, high,
	       verdict > 0   ? "SLOWER"
	       : verdict < 0 ? "faster"
			     : "no change");
	return verdict;
}

/* Puts the figures that are asked for first. Returns how many. */
static int choose_figures(const struct compare_options *o, struct figure *chosen)
{
	int count = 0, all = o->quick ? FIGURES_QUICK : FIGURES;
	char label[LABEL];
	regex_t only;

	if (regcomp(&only, o->only ? o->only : "", REG_EXTENDED | REG_NOSUB))
		die("%s is no regular expression", o->only);
	for (int i = 0; i < all; i++)
		if (!regexec(&only, label_of(&all_figures[i], label, sizeof(label)), 0, NULL, 0))
			chosen[count++] = all_figures[i];
	regfree(&only);
	if (!count)
		die("no figure is called like %s; one is called %s", o->only,
		    label_of(&all_figures[0], label, sizeof(label)));
	return count;
}

int compare_objects(const struct compare_options *o)
{
	struct samples *samples = allocate((size_t)FIGURES, sizeof(*samples));
	struct pair *p = allocate(1, sizeof(*p));
	struct figure figures[FIGURES];
	int count = choose_figures(o, figures), slower = 0, faster = 0;

	if (tolerated(o->pairs, FALSE_ALARMS / count) < 0)
		die("%d pairs cannot prove anything: take 12 or more", o->pairs);

	for (int number = 0; number < o->pairs; number++)
		for (int i = 0; i < count; i++) {
			progress("pair %d of %d", number + 1, o->pairs);
			if (!i || !same_tables(&figures[i], &figures[i - 1]))
				open_pair(p, o, &figures[i], number);
			measure_pair(p, &figures[i], &samples[i], number);
			if (i + 1 == count || !same_tables(&figures[i], &figures[i + 1]))
				close_pair(p);
		}
	progress("%s", "");
	printf("ns a packet above an empty program, pipelined, everything on; medians of %d pairs "
	       "of loads\n\n%-20s %9s %9s %9s   %-20s\n",
	       o->pairs, "hook, traffic, flows", "old", "new", "change", "surely between");
	for (int i = 0; i < count; i++) {
		int verdict = judge(&figures[i], &samples[i], o->pairs, count);

		slower += verdict > 0;
		faster += verdict < 0;
	}
	printf("\n%d slower, %d faster, %d did not move beyond noise\n", slower, faster,
	       count - slower - faster);
	free(samples);
	free(p);
	return slower;
}
