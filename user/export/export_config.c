/* SPDX-License-Identifier: GPL-2.0 */
/* The table of settings, and values by it; see export_config.h. */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/export_config.h"
#include "filter/filter.h"

/* clang-format off */
static const struct setting settings[] = {
	{ "export", "interface", "IF", SETTING_TEXT, NULL, "interface to watch, may be repeated", 0, 0 },
	{ "export", "active_timeout", "SECONDS", SETTING_SECONDS, "60", "a record at least this often of a flow that goes on", 1, 86400 },
	{ "export", "idle_timeout", "SECONDS", SETTING_SECONDS, "15", "a record once a flow has had no packet for so long", 1, 86400 },
	{ "export", "scan_interval", "SECONDS", SETTING_SECONDS, "1", "between two looks at the tables", 0.1, 60 },
	{ "export", "since", "start|attach", SETTING_CHOICE, "start", "records of what comes from now on, or of all since weir was attached", 0, 0 },
	{ "export", "queue_records", "N", SETTING_COUNT, "1048576", "records that may wait for a sink, 120 bytes each", 1, 1e9 },
	{ "export", "queue_batches", "N", SETTING_COUNT, "4096", "batches that may wait for a sink", 1, 1e6 },
	{ "export", "mode", "auto|native|skb", SETTING_CHOICE, "auto", "how to attach an interface that is not", 0, 0 },
	{ "export", "memory", "MIB", SETTING_COUNT, "64", "for its tables", 1, 1e6 },
	{ "export", "flows", "RECORDS", SETTING_COUNT, "0", "its flow records per CPU, 0: by memory", 0, 1 << 28 },
	{ "export", "filter", "EXPRESSION", SETTING_FILTER, NULL, "count only what this pcap-filter expression matches", 0, 0 },
	{ "export", "drop_privileges", NULL, SETTING_FLAG, "no", "once it has attached, give up all that reading does not need; an interface that comes back then needs a new start", 0, 0 },
	{ "export", "ports", "PORT/PROTO,...", SETTING_PORTS, NULL, "ports to count in metrics, e.g. 443/tcp,53/udp", 0, 0 },
	{ "export", "top_talkers", "N", SETTING_COUNT, "0", "addresses that sent most in 10 s, as labels of metrics, and all others as one", 0, 100 },
	{ "export", "finding_window", "SECONDS", SETTING_SECONDS, "10", "what findings are judged over", 1, 3600 },
	{ "export", "sweep_targets", "N", SETTING_COUNT, "100", "addresses to which a source's SYNs are a sweep", 1, 1e9 },
	{ "export", "scan_ports", "N", SETTING_COUNT, "100", "ports to which a source's SYNs are a scan", 1, 1e9 },
	{ "export", "flood_syns", "N", SETTING_COUNT, "10000", "SYNs to an address and port that are a flood", 1, 1e12 },

	{ "prometheus", "listen", "ADDR:PORT", SETTING_TARGET, NULL, "metrics for Prometheus at /metrics; :PORT is 127.0.0.1:PORT", 0, 0 },
	{ "prometheus", "tls_cert", "FILE", SETTING_TEXT, NULL, "TLS, with this certificate (PEM)", 0, 0 },
	{ "prometheus", "tls_key", "FILE", SETTING_TEXT, NULL, "and its key", 0, 0 },
	{ "prometheus", "basic_auth_users", "USER:HASH,...", SETTING_TEXT, NULL, "who may ask; HASH is crypt(5)'s, bcrypt for one", 0, 0 },

	{ "ipfix", "target", "[udp:|tcp:]HOST:PORT", SETTING_TARGET, NULL, "flow records to an IPFIX collector", 0, 0 },
	{ "ipfix", "biflow", NULL, SETTING_FLAG, "no", "both directions in one record where a batch has them (RFC 5103)", 0, 0 },
	{ "ipfix", "time", "ms|ns", SETTING_CHOICE, "ms", "absolute times in milliseconds or nanoseconds", 0, 0 },
	{ "ipfix", "domain", "N", SETTING_COUNT, "1", "observation domain of all interfaces", 0, UINT32_MAX },
	{ "ipfix", "domain_by_interface", NULL, SETTING_FLAG, "no", "a domain for each interface, its ifIndex", 0, 0 },
	{ "ipfix", "templates", "SECONDS", SETTING_SECONDS, "60", "between templates (UDP) and options records", 0.1, 86400 },
	{ "ipfix", "no_options", NULL, SETTING_FLAG, "no", "flow records only: no interface names, losses, sampling", 0, 0 },
	{ "ipfix", "message", "BYTES", SETTING_SIZE, "1400", "the largest message", 512, 65000 },

	{ "sflow", "target", "HOST:PORT", SETTING_TARGET, NULL, "sFlow v5 samples and counters to a collector", 0, 0 },
	{ "sflow", "rate", "N", SETTING_COUNT, "1000", "sample one packet in so many, at random", 1, 1 << 30 },
	{ "sflow", "header", "BYTES", SETTING_SIZE, "128", "of each sampled packet, from its beginning", 16, 1024 },
	{ "sflow", "counters", "SECONDS", SETTING_SECONDS, "20", "between two samples of an interface's counters", 1, 86400 },
	{ "sflow", "agent", "ADDRESS", SETTING_TEXT, NULL, "the agent's address; default: that datagrams come from", 0, 0 },
	{ "sflow", "sub_agent", "N", SETTING_COUNT, "0", "for several agents with one address", 0, UINT32_MAX },

	{ "json", "target", "FILE", SETTING_TARGET, NULL, "JSON lines to a file, or - for standard output", 0, 0 },
	{ "json", "rotate_size", "BYTES", SETTING_SIZE, "0", "begin a new file past this size, e.g. 100M; 0: never", 0, 0 },
	{ "json", "rotate_keep", "N", SETTING_COUNT, "5", "old files to keep, FILE.1 the newest", 1, 1000 },

	{ "clickhouse", "target", "URL", SETTING_TARGET, NULL, "rows to ClickHouse's HTTP interface, http://HOST:8123/", 0, 0 },
	{ "clickhouse", "host", "NAME", SETTING_TEXT, NULL, "this host, on each row, instead of its host name", 0, 0 },
	{ "clickhouse", "user", "NAME", SETTING_TEXT, NULL, "user of the server", 0, 0 },
	{ "clickhouse", "password_file", "FILE", SETTING_TEXT, NULL, "its password, in the first line", 0, 0 },
	{ "clickhouse", "ca", "FILE", SETTING_TEXT, NULL, "certificates to trust with https instead of the system's", 0, 0 },
	{ "clickhouse", "interval", "SECONDS", SETTING_SECONDS, "10", "rows of so long in one insert", 0.1, 3600 },
	{ "clickhouse", "rows", "N", SETTING_COUNT, "50000", "or so many", 1, 500000 },
	{ "clickhouse", "timeout", "SECONDS", SETTING_SECONDS, "10", "for the server to answer", 0.1, 3600 },
	{ "clickhouse", "spool", "DIR", SETTING_TEXT, NULL, "where rows wait while the server is away; else /var/lib/weir/clickhouse, or the service's own", 0, 0 },
	{ "clickhouse", "spool_size", "BYTES", SETTING_SIZE, "1G", "most that may wait there", 1, 0 },
};
/* clang-format on */

#define SETTINGS ((int)(sizeof(settings) / sizeof(settings[0])))

const struct setting *setting_row(int i)
{
	return i >= 0 && i < SETTINGS ? &settings[i] : NULL;
}

const char *setting_option(const struct setting *row, char *to, size_t size)
{
	char *at;

	if (row->type == SETTING_TARGET)
		snprintf(to, size, "%s", row->section);
	else if (!strcmp(row->section, "export"))
		snprintf(to, size, "%s", row->key);
	else
		snprintf(to, size, "%s-%s", row->section, row->key);
	for (at = to; *at; at++)
		if (*at == '_')
			*at = '-';
	return to;
}

/* ---- values ---- */

static bool number_of(const char *text, double *to, const char **unit)
{
	char *end;

	*to = strtod(text, &end);
	*unit = end;
	return end != text && *to >= 0 && *to < 1e18;
}

static bool as_seconds(const char *text, double *to)
{
	static const struct {
		const char *unit;
		double worth;
	} units[] = { { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "m", 60 }, { "h", 3600 } };
	const char *unit;
	size_t i;

	if (!number_of(text, to, &unit))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].unit)) {
			*to *= units[i].worth;
			return true;
		}
	return false;
}

static bool as_size(const char *text, double *to)
{
	static const char letters[] = "KMGT";
	const char *unit, *at;

	if (!number_of(text, to, &unit))
		return false;
	if (!*unit)
		return true;
	at = strchr(letters, *unit);
	if (!at || unit[1])
		return false;
	for (; at >= letters; at--)
		*to *= 1024;
	return true;
}

static bool as_count(const char *text, double *to)
{
	const char *unit;

	return number_of(text, to, &unit) && !*unit && *to == (double)(uint64_t)*to;
}

static bool as_flag(const char *text, bool *to)
{
	*to = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on") ||
	      !strcmp(text, "1");
	return *to || !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "off") ||
	       !strcmp(text, "0");
}

static bool is_choice(const char *words, const char *text)
{
	size_t size = strlen(text);
	const char *at;

	for (at = words; size && (at = strstr(at, text)); at += size)
		if ((at == words || at[-1] == '|') && (at[size] == '|' || !at[size]))
			return true;
	return false;
}

const char *const port_protos[3] = { "tcp", "udp", "sctp" };

int ports_of(const char *text, struct port_wanted to[PORTS_WANTED])
{
	int n = 0, used;
	unsigned int port;
	uint8_t row;
	char proto[8];

	for (;; text += used + 1) {
		if (n == PORTS_WANTED || *text < '0' || *text > '9' ||
		    sscanf(text, "%u/%7[a-z]%n", &port, proto, &used) != 2 || port > 65535)
			return -EINVAL;
		for (row = 0; row < 3 && strcmp(proto, port_protos[row]); row++)
			;
		if (row == 3)
			return -EINVAL;
		to[n++] = (struct port_wanted){ (uint16_t)port, row };
		if (!text[used])
			return n;
		if (text[used] != ',')
			return -EINVAL;
	}
}

static bool in_range(const struct setting *row, double n)
{
	return n >= row->min && (!row->max || n <= row->max);
}

static bool is_valid(const struct setting *row, const char *text)
{
	struct port_wanted ports[PORTS_WANTED];
	double n;
	bool flag;

	switch (row->type) {
	case SETTING_PORTS:
		return ports_of(text, ports) > 0;
	case SETTING_FLAG:
		return as_flag(text, &flag);
	case SETTING_COUNT:
		return as_count(text, &n) && in_range(row, n);
	case SETTING_SIZE:
		return as_size(text, &n) && in_range(row, n);
	case SETTING_SECONDS:
		return as_seconds(text, &n) && in_range(row, n);
	case SETTING_CHOICE:
		return is_choice(row->arg, text);
	case SETTING_FILTER:
		return *text && filter_can_be(text);
	default:
		return *text;
	}
}

static const char *wanted(const struct setting *row)
{
	if (row->type == SETTING_FLAG)
		return "yes or no";
	if (row->type == SETTING_FILTER)
		return "an expression of pcap-filter(7); `weir filter` tells what is wrong with it";
	return row->arg ? row->arg : row->help;
}

static int complain(const struct setting *row, const char *value, char why[CONFIG_WHY])
{
	int n = snprintf(why, CONFIG_WHY, "%s %.100s is not a value it can take: %s", row->key,
			 *value ? value : "(nothing)", wanted(row));

	if (row->max && n < CONFIG_WHY)
		snprintf(why + n, (size_t)(CONFIG_WHY - n), ", %g to %g", row->min, row->max);
	return -EINVAL;
}

/* ---- sections ---- */

static void section_free(struct section *s)
{
	int i;

	for (i = 0; s && s->value && i < SETTINGS; i++)
		free(s->value[i]);
	if (s)
		free(s->value);
	free(s);
}

static struct section *section_add(struct export_config *c, const char *name)
{
	struct section **more =
		reallocarray(c->sections, (size_t)c->section_count + 1, sizeof(*more));
	struct section *s = calloc(1, sizeof(*s));

	if (more)
		c->sections = more;
	if (s)
		s->value = calloc(SETTINGS, sizeof(*s->value));
	if (!more || !s || !s->value) {
		section_free(s);
		return NULL;
	}
	s->name = name;
	s->line = c->line;
	c->sections[c->section_count++] = s;
	return s;
}

/* The section that a key belongs to: the last of its name. */
static struct section *section_of(const struct export_config *c, const char *name)
{
	int i;

	for (i = c->section_count - 1; i >= 0; i--)
		if (!strcmp(c->sections[i]->name, name))
			return c->sections[i];
	return NULL;
}

struct export_config *export_config_new(void)
{
	struct export_config *c = calloc(1, sizeof(*c));

	if (c && !section_add(c, "export")) {
		free(c);
		return NULL;
	}
	return c;
}

void export_config_free(struct export_config *c)
{
	int i;

	if (!c)
		return;
	for (i = 0; i < c->section_count; i++)
		section_free(c->sections[i]);
	for (i = 0; i < c->interface_count; i++)
		free(c->interfaces[i]);
	free(c->sections);
	free(c->path);
	free(c);
}

static int add_interface(struct export_config *c, const char *name, char why[CONFIG_WHY])
{
	int i;

	for (i = 0; i < c->interface_count; i++)
		if (!strcmp(c->interfaces[i], name))
			return 0;
	if (c->interface_count == CONFIG_INTERFACES) {
		snprintf(why, CONFIG_WHY, "interface %.40s is one too many: at most %d", name,
			 CONFIG_INTERFACES);
		return -EINVAL;
	}
	c->interfaces[c->interface_count] = strdup(name);
	return c->interfaces[c->interface_count++] ? 0 : -ENOMEM;
}

int export_config_set(struct export_config *c, const struct setting *row, const char *value,
		      char why[CONFIG_WHY])
{
	struct section *s;
	char **at;

	if (!is_valid(row, value))
		return complain(row, value, why);
	if (row == &settings[0])
		return add_interface(c, value, why);
	s = row->type == SETTING_TARGET ? section_add(c, row->section)
					: section_of(c, row->section);
	if (!s && row->type != SETTING_TARGET) {
		snprintf(why, CONFIG_WHY, "%s comes before any target of [%s]", row->key,
			 row->section);
		return -EINVAL;
	}
	if (!s)
		return -ENOMEM;
	at = &s->value[row - settings];
	free(*at);
	*at = strdup(value);
	return *at ? 0 : -ENOMEM;
}

/* ---- the file ---- */

struct reading {
	struct export_config *config;
	FILE *file;
	int lines; /* whole ones */
	char *why;
	int err;
};

/* A line, or of a long one a part, which inih takes for one. */
static char *next_line(char *to, int size, void *arg)
{
	struct reading *r = arg;
	char *line = fgets(to, size, r->file);

	r->config->line = r->lines + 1;
	r->lines += line && strchr(line, '\n');
	return line;
}

static bool section_known(const char *name)
{
	int i;

	for (i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].section, name))
			return true;
	return false;
}

static int take_line(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	int i;

	for (i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].section, section) && !strcmp(settings[i].key, key))
			break;
	if (r->err)
		return 0;
	if (i < SETTINGS)
		r->err = export_config_set(r->config, &settings[i], value, r->why);
	else
		r->err = -EINVAL;
	if (i == SETTINGS && !section_known(section))
		snprintf(r->why, CONFIG_WHY, "there is no section [%.40s]", section);
	else if (i == SETTINGS)
		snprintf(r->why, CONFIG_WHY, "[%.40s] has no key %.60s", section, key);
	return !r->err;
}

static int cannot_read(const char *path, int err, char why[CONFIG_WHY])
{
	snprintf(why, CONFIG_WHY, "%.200s: %s", path, strerror(-err));
	return err;
}

int export_config_read(struct export_config *c, const char *path, char why[CONFIG_WHY])
{
	char reason[CONFIG_WHY] = "not a line of the form key = value, or longer than 200";
	struct reading r = { .config = c, .why = reason, .file = fopen(path, "re") };
	int line, err = 0;

	if (!r.file)
		return cannot_read(path, -errno, why);
	c->path = c->path ?: strdup(path);
	line = ini_parse_stream(next_line, &r, take_line, &r);
	if (ferror(r.file))
		err = errno ? -errno : -EIO;
	fclose(r.file);
	c->line = 0;
	if (err || line < 0)
		return cannot_read(path, err ?: -ENOMEM, why);
	if (!line)
		return 0;
	snprintf(why, CONFIG_WHY, "%.150s:%d: %.220s", path, line, reason);
	return r.err ? r.err : -EINVAL;
}

/* ---- what is asked of a section ---- */

static int index_of(const char *section, const char *key)
{
	int i;

	for (i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].section, section) && !strcmp(settings[i].key, key))
			return i;
	fprintf(stderr, "weir: no setting %s of [%s] in the table\n", key, section);
	abort();
}

const char *section_where(const struct export_config *c, const struct section *s, char *to,
			  size_t size)
{
	if (s->line)
		snprintf(to, size, "%.150s:%d", c->path ?: "", s->line);
	else
		snprintf(to, size, "--%s", s->name);
	return to;
}

const char *section_text(const struct section *s, const char *key)
{
	int i = index_of(s->name, key);

	if (s->value[i])
		return s->value[i];
	return settings[i].initial ? settings[i].initial : "";
}

bool section_flag(const struct section *s, const char *key)
{
	bool flag = false;

	as_flag(section_text(s, key), &flag);
	return flag;
}

uint64_t section_count(const struct section *s, const char *key)
{
	double n = 0;

	as_size(section_text(s, key), &n);
	return (uint64_t)n;
}

double section_seconds(const struct section *s, const char *key)
{
	double n = 0;

	as_seconds(section_text(s, key), &n);
	return n;
}

bool section_same(const struct section *a, const struct section *b)
{
	int i;

	if (strcmp(a->name, b->name))
		return false;
	for (i = 0; i < SETTINGS; i++)
		if (strcmp(a->value[i] ? a->value[i] : "", b->value[i] ? b->value[i] : ""))
			return false;
	return true;
}
