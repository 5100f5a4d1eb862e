/* SPDX-License-Identifier: GPL-2.0 */
/* What a service tells systemd: sd_notify(3) as a datagram to $NOTIFY_SOCKET; nothing without it.
 */
#ifndef WEIR_NOTIFY_H
#define WEIR_NOTIFY_H

#include <stdint.h>

/* E.g. "READY=1"; lines in between. */
void notify(const char *state);
/* "RELOADING=1", with the time that systemd 253 wants beside it. */
void notify_reloading(void);
/* How often to send "WATCHDOG=1", in ns: half of what is allowed. 0: nobody watches. */
uint64_t notify_watchdog(void);

#endif
