/* SPDX-License-Identifier: GPL-2.0 */
/* Qdiscs and filters of an interface, by rtnetlink. */
#ifndef WEIR_TC_H
#define WEIR_TC_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Calls `take` with each answer to a dump of `type`, RTM_GETTFILTER (below `parent`) or
 * RTM_GETQDISC (of all interfaces). 0 or a negative errno.
 */
int tc_dump(unsigned int ifindex, uint16_t type, uint32_t parent, mnl_cb_t take, void *data);
/*
 * Whether the qdisc `ingress` is where clsact would be. It has one list of filters: a filter for
 * what is sent would be put there without complaint, and see what is received.
 */
bool tc_has_ingress_qdisc(unsigned int ifindex);

#endif
