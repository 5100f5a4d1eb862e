/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to ClickHouse by libcurl; see clickhouse_http.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "sinks/clickhouse_http.h"
#include "sinks/curl.h"
#include "sinks/peer.h"

#define ANSWER 4096
#define QUERY 4096
#define USER_AGENT "weir"
#define CONNECT_MS 5000L
/* The first whose plain MergeTree tables know insert_deduplication_token. */
#define TOKEN_SINCE 2208 /* 22.8 */

struct ch_http {
	CURL *curl;
	CURLU *url;
	struct curl_slist *insert_headers, *query_headers;
	char error[CURL_ERROR_SIZE];
	char answer[ANSWER]; /* the beginning of it */
	size_t answered;
	double timeout;
	bool tokens, abort;
};

static const struct {
	const char *table;
	unsigned int bit;
	bool by_minute; /* has markers */
} targets[] = {
	{ "flows", 1, false },
	{ "ledger", 2, false },
	{ "ports_by_minute", 4, true },
	{ "talkers_by_minute", 8, true },
	{ "sweeps_by_minute", 16, true },
};

#define TARGETS (sizeof(targets) / sizeof(targets[0]))

/* ---- opening ---- */

static size_t on_answer(char *data, size_t one, size_t count, void *arg)
{
	struct ch_http *h = arg;
	size_t size = one * count, room = sizeof(h->answer) - 1 - h->answered;

	if (room > size)
		room = size;
	memcpy(h->answer + h->answered, data, room);
	h->answered += room;
	h->answer[h->answered] = 0;
	return size;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct ch_http *h = arg;

	(void)a, (void)b, (void)c, (void)d;
	return __atomic_load_n(&h->abort, __ATOMIC_RELAXED);
}

static bool url_has(CURLU *url, CURLUPart part, const char *word)
{
	char *text = NULL;
	bool has = !libcurl.url_get(url, part, &text, 0) && (!word || strstr(text, word));

	libcurl.free(text);
	return has;
}

static int parse_url(struct ch_http *h, const char *url, char *why, size_t size)
{
	if (libcurl.url_set(h->url, CURLUPART_URL, url, 0) ||
	    (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))) {
		snprintf(why, size,
			 "%.200s is not a URL as http://HOST:8123/ or https://HOST:8443/", url);
		return -EINVAL;
	}
	if (url_has(h->url, CURLUPART_PASSWORD, NULL) ||
	    url_has(h->url, CURLUPART_QUERY, "password=")) {
		snprintf(why, size,
			 "a password in the URL is for all to see: --clickhouse-user and "
			 "--clickhouse-password-file keep it");
		return -EINVAL;
	}
	if (!url_has(h->url, CURLUPART_QUERY, "database="))
		libcurl.url_set(h->url, CURLUPART_QUERY, "database=weir", CURLU_APPENDQUERY);
	return 0;
}

static int set_password(struct ch_http *h, const char *path, char *why, size_t size)
{
	char line[256] = "";
	int err = path_readable(path, why, size);
	FILE *f = err ? NULL : fopen(path, "re");

	if (err)
		return err;
	if (f && !fgets(line, sizeof(line), f))
		*line = 0;
	if (f)
		fclose(f);
	line[strcspn(line, "\r\n")] = 0;
	libcurl.easy_setopt(h->curl, CURLOPT_PASSWORD, line);
	return 0;
}

static void set_up(struct ch_http *h, const struct ch_options *o)
{
	CURL *c = h->curl;

	h->timeout = o->timeout;
	libcurl.easy_setopt(c, CURLOPT_CURLU, h->url);
	libcurl.easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	libcurl.easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	libcurl.easy_setopt(c, CURLOPT_USERAGENT, USER_AGENT);
	libcurl.easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	libcurl.easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
	libcurl.easy_setopt(c, CURLOPT_WRITEDATA, h);
	libcurl.easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	libcurl.easy_setopt(c, CURLOPT_XFERINFODATA, h);
	libcurl.easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	libcurl.easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	libcurl.easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(o->timeout * 1000));
	/* Longer than the request may take: never a body without "100 Continue". */
	libcurl.easy_setopt(c, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)(o->timeout * 1000) + 60000);
	if (*o->user)
		libcurl.easy_setopt(c, CURLOPT_USERNAME, o->user);
	if (*o->ca)
		libcurl.easy_setopt(c, CURLOPT_CAINFO, o->ca);
}

int ch_http_open(struct ch_http **to, const struct ch_options *o, char *why, size_t size)
{
	struct ch_http *h = calloc(1, sizeof(*h));
	int err = -ENOMEM;

	*to = NULL;
	snprintf(why, size, "no memory");
	if (!h)
		return err;
	h->curl = libcurl.easy_init();
	h->url = libcurl.url();
	h->query_headers = libcurl.slist_append(NULL, "Expect:");
	h->insert_headers = libcurl.slist_append(NULL, "Expect: 100-continue");
	if (h->curl && h->url && h->query_headers && h->insert_headers &&
	    libcurl.slist_append(h->insert_headers, "Content-Encoding: gzip"))
		err = parse_url(h, o->url, why, size);
	if (!err && *o->ca)
		err = path_readable(o->ca, why, size);
	if (!err)
		set_up(h, o);
	if (!err && *o->password_file)
		err = set_password(h, o->password_file, why, size);
	if (err)
		ch_http_close(h);
	else
		*to = h;
	return err;
}

/* An IPv6 address stands in brackets. */
static int host_resolves(const struct ch_http *h, char *why, size_t size)
{
	char *text = NULL, *host;
	size_t n;
	int err;

	if (libcurl.url_get(h->url, CURLUPART_HOST, &text, 0))
		return -ENOMEM;
	host = text;
	n = strlen(host);
	if (n > 2 && *host == '[') {
		host[n - 1] = 0;
		host++;
	}
	err = peer_resolves(host, why, size);
	libcurl.free(text);
	return err;
}

int ch_http_check(const struct ch_options *o, bool names, char *why, size_t size)
{
	struct ch_http *h;
	int err = ch_http_open(&h, o, why, size);

	if (!err && names)
		err = host_resolves(h, why, size);
	ch_http_close(h);
	return err;
}

void ch_http_close(struct ch_http *h)
{
	if (!h)
		return;
	libcurl.slist_free_all(h->insert_headers);
	libcurl.slist_free_all(h->query_headers);
	libcurl.easy_cleanup(h->curl);
	libcurl.url_cleanup(h->url);
	free(h);
}

void ch_http_abort(struct ch_http *h)
{
	__atomic_store_n(&h->abort, true, __ATOMIC_RELAXED);
}

/* ---- requests ---- */

/* What went wrong, in a line, whatever the server has sent. */
__attribute__((format(printf, 3, 4))) static void tell(const struct ch_http *h, char why[CH_WHY],
						       const char *format, ...)
{
	va_list args;
	size_t n;
	char *at;

	va_start(args, format);
	vsnprintf(why, CH_WHY, format, args);
	va_end(args);
	n = strlen(why);
	if (h->answered && n + 3 < CH_WHY)
		snprintf(why + n, CH_WHY - n, ": %.240s", h->answer);
	for (at = why; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	while (at > why && at[-1] == ' ')
		*--at = 0;
}

/* Makes one request. Whether it had an answer of 200; `why` where not, *sent: bytes of the body. */
static bool request(struct ch_http *h, struct curl_slist *headers, const void *body, size_t size,
		    curl_off_t *sent, char why[CH_WHY])
{
	long status = 0;
	CURLcode code;

	h->answered = 0;
	*h->answer = *h->error = 0;
	libcurl.easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	libcurl.easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
	libcurl.easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
	code = libcurl.easy_perform(h->curl);
	libcurl.easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	libcurl.easy_getinfo(h->curl, CURLINFO_SIZE_UPLOAD_T, sent);
	if (code == CURLE_OK && status == 200)
		return true;
	if (code == CURLE_OK)
		tell(h, why, "HTTP %ld", status);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		tell(h, why, "no answer within %g s (%s)", h->timeout, h->error);
	else
		tell(h, why, "%s", *h->error ? h->error : libcurl.easy_strerror(code));
	return false;
}

static bool ask(struct ch_http *h, const char *query, char why[CH_WHY])
{
	curl_off_t sent;

	return request(h, h->query_headers, query, strlen(query), &sent, why);
}

enum ch_result ch_greet(struct ch_http *h, char why[CH_WHY])
{
	unsigned int major, minor;

	if (!ask(h, "SELECT version()", why))
		return CH_NOT_SENT;
	if (sscanf(h->answer, "%u.%u.", &major, &minor) != 2) {
		tell(h, why, "it answers, but not as a ClickHouse does");
		return CH_NOT_SENT;
	}
	h->tokens = major * 100 + minor >= TOKEN_SINCE;
	return CH_OK;
}

/* The same for each attempt: the server refuses the second while the first still runs. */
static void query_id(const struct spool_meta *m, char *to, size_t size)
{
	snprintf(to, size, "weir-%" PRIu64 "-%" PRIu64, m->run, m->seq);
}

static bool set_insert_url(struct ch_http *h, CURLU *url, const struct spool_meta *m)
{
	char id[80], pair[160];
	bool ok;

	query_id(m, id, sizeof(id));
	snprintf(pair, sizeof(pair), "query_id=%s", id);
	ok = !libcurl.url_set(url, CURLUPART_QUERY,
			      "query=INSERT%20INTO%20inbox%20FORMAT%20TabSeparated",
			      CURLU_APPENDQUERY) &&
	     !libcurl.url_set(url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY);
	if (ok && h->tokens) {
		snprintf(pair, sizeof(pair), "insert_deduplication_token=%s", id);
		ok = !libcurl.url_set(url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY) &&
		     !libcurl.url_set(url, CURLUPART_QUERY,
				      "deduplicate_blocks_in_dependent_materialized_views=1",
				      CURLU_APPENDQUERY) &&
		     /*
		      * From 26.3 on the server would hold rows back to gather more, and an insert
		      * that was given up would be in no list of what runs, and happen all the same.
		      */
		     !libcurl.url_set(url, CURLUPART_QUERY, "async_insert=0", CURLU_APPENDQUERY);
	}
	return ok && !libcurl.easy_setopt(h->curl, CURLOPT_CURLU, url);
}

enum ch_result ch_insert(struct ch_http *h, const struct spool_meta *name, const void *data,
			 size_t size, char why[CH_WHY])
{
	CURLU *url = libcurl.url_dup(h->url);
	curl_off_t sent = 0;
	bool ok = false;

	snprintf(why, CH_WHY, "no memory");
	if (url && set_insert_url(h, url, name)) {
		ok = request(h, h->insert_headers, data, size, &sent, why);
		/* Inserts answer with nothing; an exception that came late is in the body. */
		if (ok && h->answered) {
			tell(h, why, "HTTP 200");
			ok = false;
		}
	}
	libcurl.easy_setopt(h->curl, CURLOPT_CURLU, h->url);
	libcurl.url_cleanup(url);
	return ok ? CH_OK : sent ? CH_UNCERTAIN : CH_NOT_SENT;
}

/* ---- has it arrived? ---- */

static bool runs_still(struct ch_http *h, const struct spool_meta *m, bool *runs, char why[CH_WHY])
{
	char id[80], query[QUERY];

	query_id(m, id, sizeof(id));
	snprintf(query, sizeof(query), "SELECT count() FROM system.processes WHERE query_id = '%s'",
		 id);
	if (!ask(h, query, why))
		return false;
	*runs = strcmp(h->answer, "0\n");
	if (*runs)
		tell(h, why, "the server is still at work on an insert that was given up");
	return true;
}

static void quote(const char *text, char *to, size_t size)
{
	char *at = to;

	for (; *text && at + 2 < to + size; *at++ = *text++)
		if (*text == '\'' || *text == '\\')
			*at++ = '\\';
	*at = 0;
}

static void landed_query(const struct spool_meta *m, char *to, size_t size)
{
	char host[2 * SPOOL_HOST];
	size_t i, n;

	quote(m->host, host, sizeof(host));
	n = (size_t)snprintf(to, size, "SELECT groupBitOr(bit) FROM (");
	for (i = 0; i < TARGETS; i++) {
		bool minute = targets[i].by_minute;

		n += (size_t)snprintf(to + n, size - n,
				      "%sSELECT toUInt8(%u) AS bit FROM %s WHERE %s%" PRIu64
				      ")%s = %s AND host = '%s' AND %s = %" PRIu64
				      " AND %s = %" PRIu64 " LIMIT 1",
				      i ? " UNION ALL " : "", targets[i].bit, targets[i].table,
				      minute ? "toStartOfMinute(toDateTime(" : "toDateTime(",
				      m->time, minute ? ")" : "", minute ? "minute" : "time", host,
				      minute ? "marker_run" : "run", m->run,
				      minute ? "marker_seq" : "seq", m->seq);
	}
	snprintf(to + n, size - n, ")");
}

enum ch_result ch_landed(struct ch_http *h, const struct spool_meta *name, unsigned int *mask,
			 char why[CH_WHY])
{
	char query[QUERY];
	bool runs;

	if (!runs_still(h, name, &runs, why) || runs)
		return CH_UNCERTAIN;
	landed_query(name, query, sizeof(query));
	if (!ask(h, query, why))
		return CH_UNCERTAIN;
	if (sscanf(h->answer, "%u", mask) != 1) {
		tell(h, why, "asked which batches it has, it says");
		return CH_UNCERTAIN;
	}
	return CH_OK;
}
