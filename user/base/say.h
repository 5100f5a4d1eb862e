/* SPDX-License-Identifier: GPL-2.0 */
/* The one way to speak: a line on standard error, whole though other threads speak too. */
#ifndef WEIR_SAY_H
#define WEIR_SAY_H

/* `weir: ` and a line to standard error. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

#endif
