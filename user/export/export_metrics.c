/* SPDX-License-Identifier: GPL-2.0 */
/* The answer to a scrape: looks at what is watched and at the sinks, and puts every family. */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "export/prometheus.h"
#include "export/scrape.h"

static void look_at_program(int fd, struct bpf_prog_info *out)
{
	__u32 size = sizeof(*out);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, out, &size))
		*out = (struct bpf_prog_info){ 0 };
}

static void look_at_tables(const struct tables *t, struct look *l)
{
	uint32_t cpu;

	totals_read(t, &l->totals);
	l->reentered = totals_reentered(t);
	l->flow_room = (uint64_t)t->plan.flow_sets * WEIR_WAYS * t->plan.cpus;
	l->syn_room = (uint64_t)t->plan.syn_sets * WEIR_WAYS * t->plan.cpus;
	l->memory = plan_bytes(&t->plan);
	for (cpu = 0; cpu < t->plan.cpus; cpu++)
		l->ended += __atomic_load_n(&t->cpu[cpu].ended.head, __ATOMIC_ACQUIRE);
}

static void look_at(struct watch *w, struct look *l)
{
	int i;

	*l = (struct look){ 0 };
	pthread_mutex_lock(&w->lock);
	memcpy(l->name, w->name, sizeof(l->name));
	l->up = w->up;
	if (w->up) {
		look_at_tables(&w->live.tables, l);
		l->scanned = w->scanned;
		l->kept = *w->kept.counts;
		for (i = 0; i < 2; i++)
			look_at_program(w->program_fd[i], &l->program[i]);
	}
	pthread_mutex_unlock(&w->lock);
}

/* Under the lock of the lists: targets are the sections' own. */
static void look_round(struct scrape *s, struct exporter *e)
{
	int i;

	for (i = 0; i < e->watch_count; i++)
		look_at(e->watches[i], &s->look[s->looks++]);
	for (i = 0; i < e->sink_count; i++) {
		struct sink_look *l = &s->sink[s->sinks++];

		l->name = sink_name(e->sinks[i]);
		l->target = sink_target(e->sinks[i]);
		sink_stats_get(e->sinks[i], &l->stats);
	}
}

void put_number(struct scrape *s)
{
	const struct look *l;

	each_up (s, l)
		metric_u64(&s->m, number_at(l, s->at), "interface", l->name, NULL);
}

static void put_all(struct scrape *s, const struct family *f)
{
	for (; f->name; f++) {
		metric_begin(&s->m, f->name, f->type, f->unit, f->help);
		s->at = f->at;
		f->put(s);
	}
}

char *export_metrics(struct exporter *e, bool openmetrics, size_t *size)
{
	struct scrape *s = calloc(1, sizeof(*s));
	char *text = NULL;

	if (!s)
		return NULL;
	s->exporter = e;
	s->m.openmetrics = openmetrics;
	s->m.to = open_memstream(&text, size);
	if (!s->m.to) {
		free(s);
		return NULL;
	}
	pthread_rwlock_rdlock(&e->lock);
	look_round(s, e);
	put_all(s, scrape_traffic);
	put_all(s, scrape_ledger);
	put_all(s, scrape_daemon);
	pthread_rwlock_unlock(&e->lock);
	metrics_end(&s->m);
	if (fclose(s->m.to)) {
		free(text);
		text = NULL;
	}
	free(s);
	return text;
}
