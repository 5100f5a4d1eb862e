/* SPDX-License-Identifier: GPL-2.0 */
/* Which way this kernel lets XDP programs know of a frame's fragments (see weir/frags.h). */
#ifndef FRAGS_H
#define FRAGS_H

#include <stdbool.h>
#include <weir/frags.h>

struct bpf_object;

/* Whether the kernel knows frames of several buffers at XDP (Linux 5.18): asked, not guessed. */
bool frags_supported(void);

/*
 * Makes the XDP programs of an object that is not loaded yet ready for the best way that there is,
 * and returns it: the object's constant weir_has_frags is to say so. Programs without the stand-ins
 * are left as they are, and WEIR_FRAGS_FLAG is never returned for an object that has none.
 */
enum weir_frags frags_prepare(struct bpf_object *obj);

#endif
