/* SPDX-License-Identifier: GPL-2.0 */
/* ADDR:PORT, [ADDR]:PORT, or :PORT on loopback, as a place to listen on by TCP. */
#ifndef WEIR_LISTEN_H
#define WEIR_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A listening socket that does not block; or -EINVAL where `target` is no such text, another
 * negative errno where it cannot be had, with a line in `why`.
 */
int listen_on(const char *target, char *why, size_t size);
/* The same, listening on nothing. With `taken` 0 also where somebody has the port. */
int listen_check(const char *target, bool taken, char *why, size_t size);
/* Whether who listens on the one keeps others from the other: of two that listen_check() takes. */
bool listen_same(const char *a, const char *b);
/* ADDR:PORT that a socket listens on, as it stands in a URL. */
const char *listen_address(int fd, char *to, size_t size);

#endif
