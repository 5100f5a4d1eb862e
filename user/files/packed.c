/* SPDX-License-Identifier: GPL-2.0 */
/* Files that are no capture files as they lie there; see packed.h. */
#include <stdio.h>
#include <string.h>

#include "files/packed.h"

static const struct {
	const char *program;
	size_t size;
	const char *magic;
} packers[] = {
	{ "gzip", 2, "\x1f\x8b" },
	{ "zstd", 4, "\x28\xb5\x2f\xfd" },
	{ "xz", 6,
	  "\xfd"
	  "7zXZ\0" },
	{ "bzip2", 3, "BZh" },
	{ "lz4", 4, "\x04\x22\x4d\x18" },
};

static const char *packed_by(const unsigned char *head, size_t have)
{
	size_t i;

	for (i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		if (have >= packers[i].size && !memcmp(head, packers[i].magic, packers[i].size))
			return packers[i].program;
	return NULL;
}

bool packed_why(const unsigned char *head, size_t have, const char *path, const char *reader,
		char *why, size_t size)
{
	const char *program = packed_by(head, have);
	bool standard = !strcmp(path, "-");

	if (!have)
		snprintf(why, size, "%.200s: %s", path,
			 standard ? "nothing came on standard input" : "the file is empty");
	else if (program)
		snprintf(why, size, "%.200s: compressed: `%s -dc%s%.200s | %s -` reads it", path,
			 program, standard ? "" : " ", standard ? "" : path, reader);
	return !have || program;
}
