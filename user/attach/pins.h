/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an attached interface's programs and tables are pinned:
 * WEIR_PIN_ROOT/v<ABI>/<inode of the network namespace>-<ifindex>/<object>.
 */
#ifndef WEIR_PINS_H
#define WEIR_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_PATH 160

struct pin_dir {
	uint64_t netns;
	unsigned int ifindex;
	unsigned int abi;
	char path[PIN_PATH];
};

void pins_dir(struct pin_dir *d, unsigned int ifindex);
/*
 * Makes the directory, and mounts a bpffs where none is. 0 or a negative errno: -EXDEV where a
 * bpffs would go with a private mount namespace, -ESRCH where it cannot be told whether it would.
 */
int pins_make(const struct pin_dir *d);
/* Removes the directory and all in it; its parents, if they are empty then. */
void pins_remove(const struct pin_dir *d);
bool pins_exist(const struct pin_dir *d);
const char *pins_file(const struct pin_dir *d, const char *object, char *to, size_t size);
/* All pin directories of all versions: their number, or a negative errno. Free *dirs. */
int pins_all(struct pin_dir **dirs);

#endif
