/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether files can be used as settings name them, without making or changing any. By the
 * effective user; what changes afterwards is for who uses them to find out.
 */
#ifndef WEIR_PATHS_H
#define WEIR_PATHS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether both name one file, which need not be there. A device is nobody's alone: never. */
bool path_same(const char *a, const char *b);

/* The others: 0, or a negative errno with a line in `why` that names the path. */

/* A file that can be read, and has something in it. */
int path_readable(const char *path, char *why, size_t size);
/* A file that can be written, or made where there is none. */
int path_writable(const char *path, char *why, size_t size);
/* A directory in which files can be made, or that can be made itself, with those above it. */
int path_has_room(const char *path, char *why, size_t size);

#endif
