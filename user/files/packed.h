/* SPDX-License-Identifier: GPL-2.0 */
/* Why a file is no capture file, as far as its first bytes tell: empty, or compressed. Reads none.
 */
#ifndef WEIR_PACKED_H
#define WEIR_PACKED_H

#include <stdbool.h>
#include <stddef.h>

#define PACKED_HEAD 6 /* first bytes that are looked at */

/* Whether that can be told: what, and what to do, into `why`. `reader` is the command for a pipe.
 */
bool packed_why(const unsigned char *head, size_t have, const char *path, const char *reader,
		char *why, size_t size);

#endif
