/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The settings of `weir export`: one table gives its options, the keys of its INI file, their
 * checks, their defaults and their help. A new setting is a line in export_config.c.
 *
 * [SECTION] key=value in the file is --SECTION-KEY on the command line; keys of [export] go
 * without the section, and the key that names a section's target is --SECTION alone. Each target
 * begins a section of its own, so that there can be several: what follows it belongs to it.
 */
#ifndef WEIR_EXPORT_CONFIG_H
#define WEIR_EXPORT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_WHY 400
#define CONFIG_INTERFACES 64

enum setting_type {
	SETTING_TEXT,
	SETTING_TARGET, /* text that begins a section */
	SETTING_FLAG,	/* yes or no; an option without a value */
	SETTING_COUNT,
	SETTING_SIZE,	 /* bytes: 4096, 64K, 16M, 2G */
	SETTING_SECONDS, /* 60, 60s, 500ms, 5m */
	SETTING_CHOICE,	 /* one of the words in `arg`, between bars */
	SETTING_PORTS,	 /* 443/tcp,53/udp */
	SETTING_FILTER,	 /* of pcap-filter(7) */
};

struct port_wanted {
	uint16_t port;
	uint8_t row; /* as in weir_port: 0 TCP, 1 UDP, 2 SCTP */
};
#define PORTS_WANTED 64
extern const char *const port_protos[3];

/* Reads a list of ports: their number, or -EINVAL. */
int ports_of(const char *text, struct port_wanted to[PORTS_WANTED]);

struct setting {
	const char *section;
	const char *key;
	const char *arg;
	enum setting_type type;
	const char *initial; /* as it would be written; NULL for none */
	const char *help;
	double min, max; /* of numbers; max 0: none */
};

/* One section as it was given: the values in the order of the table, NULL where not given. */
struct section {
	const char *name;
	char **value;
	int line; /* of the file, where it begins; 0: an option */
};

struct export_config {
	struct section **sections; /* of [export] exactly one, the first */
	int section_count;
	char *interfaces[CONFIG_INTERFACES];
	int interface_count;
	char *path; /* of the file, or NULL */
	int line;   /* of it that is being read, or 0 */
};

/* Row `i` of the table, or NULL past its end. */
const struct setting *setting_row(int i);
/* The option's name, without dashes. */
const char *setting_option(const struct setting *row, char *to, size_t size);

/* NULL where memory is short. */
struct export_config *export_config_new(void);
void export_config_free(struct export_config *c);
/* Sets one value. 0, or -EINVAL or -ENOMEM with a line in `why`. */
int export_config_set(struct export_config *c, const struct setting *row, const char *value,
		      char why[CONFIG_WHY]);
/* Reads an INI file over what there is: -EINVAL, or what it could not be read for. */
int export_config_read(struct export_config *c, const char *path, char why[CONFIG_WHY]);

/* Where a section was given: FILE:LINE, or the option that begins it. */
const char *section_where(const struct export_config *c, const struct section *s, char *to,
			  size_t size);
/* Values of a key, the default where it was not given. A key that is not in the table aborts. */
const char *section_text(const struct section *s, const char *key); /* "" for none */
bool section_flag(const struct section *s, const char *key);
uint64_t section_count(const struct section *s, const char *key);
double section_seconds(const struct section *s, const char *key);
bool section_same(const struct section *a, const struct section *b);

#endif
