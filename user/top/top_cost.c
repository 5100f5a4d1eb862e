/* SPDX-License-Identifier: GPL-2.0 */
/* What weir costs; see top_cost.h. */
#include <bpf/bpf.h>
#include <sys/resource.h>
#include <unistd.h>

#include "top/top_cost.h"

static int fd_of(const struct live *l, bool egress)
{
	uint32_t id = egress ? l->meta.tc_id : l->meta.xdp_id;

	if (l->skel)
		return dup(live_program(l, egress));
	return id ? bpf_prog_get_fd_by_id(id) : -1;
}

void cost_open(struct cost *c, const struct live *lives, int count)
{
	int i;

	*c = (struct cost){ .stats_fd = -1, .since = -COST_EVERY };
	for (i = 0; i < count && c->count + 2 <= COST_PROGRAMS; i++) {
		c->prog_fd[c->count++] = fd_of(&lives[i], false);
		c->prog_fd[c->count++] = fd_of(&lives[i], true);
	}
}

void cost_close(struct cost *c)
{
	int i;

	for (i = 0; i < c->count; i++)
		if (c->prog_fd[i] >= 0)
			close(c->prog_fd[i]);
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	c->count = 0;
	c->stats_fd = -1;
}

/* Time and runs of all programs since the last call. */
static void read_runs(struct cost *c, uint64_t *ns, uint64_t *runs)
{
	int i;

	*ns = *runs = 0;
	for (i = 0; i < c->count; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (c->prog_fd[i] < 0 || bpf_obj_get_info_by_fd(c->prog_fd[i], &info, &size))
			continue;
		*ns += info.run_time_ns - c->then_ns[i];
		*runs += info.run_cnt - c->then_runs[i];
		c->then_ns[i] = info.run_time_ns;
		c->then_runs[i] = info.run_cnt;
	}
}

void cost_tick(struct cost *c, double now)
{
	uint64_t ns, runs;

	if (c->stats_fd < 0) {
		if (now - c->since < COST_EVERY - COST_SAMPLE)
			return;
		c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		c->since = now;
		read_runs(c, &ns, &runs);
		return;
	}
	if (now - c->since < COST_SAMPLE)
		return;
	read_runs(c, &ns, &runs);
	close(c->stats_fd);
	c->stats_fd = -1;
	c->since = now;
	c->measured = true;
	if (runs)
		c->per_packet = (double)ns / (double)runs;
}

void cost_frame(struct cost *c, double now)
{
	struct rusage u;
	double cpu;

	if (getrusage(RUSAGE_SELF, &u))
		return;
	cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	if (c->wall_then > 0 && now > c->wall_then)
		c->cpu = (cpu - c->cpu_then) / (now - c->wall_then);
	c->cpu_then = cpu;
	c->wall_then = now;
}
