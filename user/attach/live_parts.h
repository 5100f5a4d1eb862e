/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of a watched interface, live*.c, share; see live.h. */
#ifndef WEIR_LIVE_PARTS_H
#define WEIR_LIVE_PARTS_H

#include <stdio.h>

#include "base/clock.h"
#include "attach/live.h"
#include "attach/pins.h"

/* Adds a warning to those that there are. */
void live_note(struct live *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define fail(l, ...) (snprintf((l)->why, WHY_SIZE, __VA_ARGS__), (void)0)

/* All that return an int: 0 or a negative errno, mostly with l->why set. */
void live_init(struct live *l);
int live_find(struct live *l, const char *name); /* the interface of that name */
int live_make_reader(struct live *l);
/* Says so, where the kernel is older than what weir needs: asked only once it refused. */
bool live_kernel_too_old(struct live *l);

/* live_maps.c: the tables by l->tables.plan, and the slots. */
int live_maps_make(struct live *l);
int live_maps_pin(const struct live *l, const struct pin_dir *d);
int live_maps_open(struct live *l, const struct pin_dir *d);
int live_maps_reuse(const struct live *l, struct weir_bpf *skel);
void live_maps_close(struct live *l);

/* live_programs.c: a skeleton over the tables of `l`, not loaded. */
int live_skeleton(struct live *l, struct weir_bpf **skel);
void live_skeleton_close(struct live *l);
/*
 * Loads one and attaches its XDP program: beside others; where the dispatcher takes no program with
 * a tail call, without it beside those that are there, else alone. (Linux 6.13 and stable kernels
 * since refuse it behind libxdp before 1.5.5.) The program's id or a negative errno.
 */
int live_keep_xdp(struct live *l, unsigned int ifindex, bool native, enum live_company *company);

/* live_slots.c: says what the dispatcher does not let weir have. */
void live_slots_refused(struct live *l, bool has_others);

/* live_kept.c */
int live_meta_pin(const struct live *l, const struct pin_dir *d);
/* Whether another version of weir is attached, and says so. */
bool live_other_version(struct live *l);
/* Whether there may be pins that we are not let see, and says so. */
bool live_hidden(struct live *l);

#endif
