/* SPDX-License-Identifier: GPL-2.0 */
/* The HTTP side of metrics; see prometheus.h. One thread, by libmicrohttpd, serves all clients. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "export/auth.h"
#include "export/listen.h"
#include "export/microhttpd.h"
#include "export/prometheus.h"
#include "base/say.h"

#define CLIENTS 1024		/* connections at once; more wait to be accepted */
#define CLIENT_MEMORY 8192	/* bytes for a request's head */
#define SHARED_NS 100000000ULL	/* an answer so young is given again */
#define FIRST_NS 10000000000ULL /* for the first request, from connecting to the answer's end */
#define NEXT_NS 90000000000ULL	/* from one answer's end to the next's */
#define CALM_NS 60000000000ULL	/* without a slow client, after which they are over */
#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct client {
	int fd;
	bool asked;	/* it has finished a request before */
	bool cut;	/* off: it is gone as soon as the HTTP thread sees it */
	uint64_t until; /* ns: then it is cut off */
};

struct answer {
	struct MHD_Response *response;
	uint64_t made;
};

struct prometheus {
	struct exporter *exporter;
	const struct section *section;
	struct MHD_Daemon *daemon;
	char url[96];
	struct answer shared[2]; /* text, OpenMetrics: the HTTP thread's alone */
	char *cert, *key;	 /* of TLS, or NULL */
	struct auth auth;
	pthread_mutex_t lock;
	struct client client[CLIENTS];
	int clients;
	uint64_t slow;	  /* clients cut off in the middle of their first request, since... */
	uint64_t slow_ns; /* ...it was last said; when the last of them was */
};

/* ---- clients ---- */

static int fd_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		libmhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static void set_client(struct prometheus *p, int fd, uint64_t until, bool asked)
{
	int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->clients && p->client[i].fd != fd; i++)
		;
	if (i == p->clients && until && p->clients < CLIENTS)
		p->clients++;
	if (!until && i < p->clients)
		p->client[i] = p->client[--p->clients];
	else if (i < p->clients)
		p->client[i] = (struct client){ .fd = fd, .asked = asked, .until = until };
	pthread_mutex_unlock(&p->lock);
}

static void on_connection(void *arg, struct MHD_Connection *c, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	(void)socket_context;
	/* Closed only after this: nobody else can have the number yet. */
	set_client(arg, fd_of(c), code == MHD_CONNECTION_NOTIFY_STARTED ? now_ns() + FIRST_NS : 0,
		   false);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
			 enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)code;
	set_client(arg, fd_of(c), now_ns() + NEXT_NS, true);
}

/* Cuts off who is past his time. How many of them never got as far as a whole request. */
static uint64_t cut_off(struct prometheus *p, uint64_t now)
{
	uint64_t slow = 0;
	int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->clients; i++) {
		struct client *c = &p->client[i];

		if (c->cut || now < c->until)
			continue;
		shutdown(c->fd, SHUT_RDWR);
		c->cut = true;
		slow += !c->asked;
	}
	pthread_mutex_unlock(&p->lock);
	return slow;
}

/* libmicrohttpd's own timeout begins anew with each byte: a slow-loris lives on it. */
void prometheus_tick(struct prometheus *p)
{
	uint64_t now = now_ns(), slow = cut_off(p, now);

	auth_tell(&p->auth, now);
	if (slow && !p->slow)
		say("prometheus: cutting off clients that do not finish a request in %d s",
		    (int)(FIRST_NS / 1000000000));
	if (slow)
		p->slow_ns = now;
	p->slow += slow;
	if (!p->slow || now - p->slow_ns < CALM_NS)
		return;
	say("prometheus: no slow client for %d s, %llu were cut off", (int)(CALM_NS / 1000000000),
	    (unsigned long long)p->slow);
	p->slow = 0;
}

/* ---- who may ask ---- */

static void address_of(struct MHD_Connection *c, char *to, size_t size)
{
	const union MHD_ConnectionInfo *info =
		libmhd.get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	socklen_t length = a && a->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							: sizeof(struct sockaddr_in6);

	if (!a || getnameinfo(a, length, to, (socklen_t)size, NULL, 0, NI_NUMERICHOST))
		snprintf(to, size, "an unknown address");
}

static enum auth_answer may_ask(struct prometheus *p, struct MHD_Connection *c)
{
	enum auth_answer answer = AUTH_NO;
	char *user, *password = NULL, from[64];
	const char *header;

	if (!*p->auth.users)
		return AUTH_YES;
	header = libmhd.lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	if (!header)
		return AUTH_NO;
	if (auth_knows(&p->auth, header))
		return AUTH_YES;
	address_of(c, from, sizeof(from));
	user = libmhd.basic_auth_get_username_password(c, &password);
	if (user && password)
		answer = auth_ask(&p->auth, header, user, password, from, now_ns());
	libmhd.free(user);
	libmhd.free(password);
	return answer;
}

/* ---- answers ---- */

static struct MHD_Response *text_response(const char *text, const char *type)
{
	struct MHD_Response *r = libmhd.create_response_from_buffer(strlen(text), (void *)text,
								    MHD_RESPMEM_PERSISTENT);

	if (r)
		libmhd.add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return r;
}

static enum MHD_Result give_text(struct MHD_Connection *c, unsigned int code, const char *text,
				 const char *type)
{
	struct MHD_Response *r = text_response(text, type);
	enum MHD_Result done = r ? libmhd.queue_response(c, code, r) : MHD_NO;

	if (r)
		libmhd.destroy_response(r);
	return done;
}

static bool make_answer(struct prometheus *p, struct answer *a, bool openmetrics)
{
	size_t size;
	char *text;

	if (a->response)
		libmhd.destroy_response(a->response);
	a->response = NULL;
	text = export_metrics(p->exporter, openmetrics, &size);
	if (!text)
		return false;
	a->response = libmhd.create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	a->made = now_ns();
	if (a->response)
		libmhd.add_response_header(a->response, MHD_HTTP_HEADER_CONTENT_TYPE,
					   openmetrics ? TYPE_OPENMETRICS : TYPE_TEXT);
	return a->response;
}

static enum MHD_Result give_metrics(struct prometheus *p, struct MHD_Connection *c)
{
	const char *accept =
		libmhd.lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct answer *a = &p->shared[openmetrics];

	if ((!a->response || now_ns() - a->made > SHARED_NS) && !make_answer(p, a, openmetrics))
		return give_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n", "text/plain");
	return libmhd.queue_response(c, MHD_HTTP_OK, a->response);
}

#define INDEX                                                                                      \
	"<!DOCTYPE html>\n<html lang=\"en\"><head><title>weir</title></head><body><h1>weir</h1>\n" \
	"<ul><li><a href=\"/metrics\">/metrics</a></li><li><a "                                    \
	"href=\"/healthz\">/healthz</a></li></ul>\n</body></html>\n"

static enum MHD_Result refuse(struct MHD_Connection *c, enum auth_answer answer)
{
	bool later = answer == AUTH_LATER;
	struct MHD_Response *r = text_response(
		later ? "too many were wrong: try again later\n" : "who asks?\n", "text/plain");
	enum MHD_Result done = MHD_NO;

	if (r && later) {
		libmhd.add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
		done = libmhd.queue_response(c, MHD_HTTP_TOO_MANY_REQUESTS, r);
	} else if (r) {
		done = libmhd.queue_basic_auth_fail_response(c, "weir", r);
	}
	if (r)
		libmhd.destroy_response(r);
	return done;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_size, void **context)
{
	static int seen;
	struct prometheus *p = arg;
	enum auth_answer may;

	(void)version;
	(void)data;
	/* The first call is of the head; a body, should there be one, is of no interest. */
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	if (*data_size) {
		*data_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return give_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET it\n", "text/plain");
	if (!strcmp(url, "/healthz"))
		return give_text(c,
				 export_alive(p->exporter, 15) ? MHD_HTTP_OK
							       : MHD_HTTP_SERVICE_UNAVAILABLE,
				 export_alive(p->exporter, 15) ? "ok\n" : "stuck\n", "text/plain");
	may = may_ask(p, c);
	if (may != AUTH_YES)
		return refuse(c, may);
	if (!strcmp(url, "/metrics"))
		return give_metrics(p, c);
	if (!strcmp(url, "/"))
		return give_text(c, MHD_HTTP_OK, INDEX, "text/html; charset=utf-8");
	return give_text(c, MHD_HTTP_NOT_FOUND, "not here: /metrics, /healthz\n", "text/plain");
}

/* ---- starting ---- */

struct library *const prometheus_library = &libmhd.library;

/* A small file whole, or NULL with a line in `why`. */
static char *read_file(const char *path, char *why, size_t size)
{
	FILE *f = path_readable(path, why, size) ? NULL : fopen(path, "re");
	char *text = f ? calloc(1, 65536) : NULL;

	if (text && !fread(text, 1, 65535, f)) {
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static int read_tls(struct prometheus *p, char *why, size_t size)
{
	const char *cert = section_text(p->section, "tls_cert");
	const char *key = section_text(p->section, "tls_key");

	if (!*cert && !*key)
		return 0;
	if (!*cert || !*key) {
		snprintf(why, size, "TLS needs both tls_cert and tls_key");
		return -EINVAL;
	}
	p->cert = read_file(cert, why, size);
	p->key = p->cert ? read_file(key, why, size) : NULL;
	return p->key ? 0 : -EIO;
}

static void quiet(void *arg, const char *format, va_list args)
{
	(void)arg;
	(void)format;
	(void)args;
}

/* On socket `fd`, or, where that is -1, on none. */
static int start(struct prometheus *p, int fd, char *why, size_t size)
{
	struct MHD_OptionItem items[4] = { { MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem *at = items;
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

	if (p->cert) {
		flags |= MHD_USE_TLS;
		*at++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, p->cert };
		*at++ = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, p->key };
	}
	if (fd >= 0)
		*at++ = (struct MHD_OptionItem){ MHD_OPTION_LISTEN_SOCKET, fd, NULL };
	else
		flags |= MHD_USE_NO_LISTEN_SOCKET;
	*at = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	p->daemon = libmhd.start_daemon(flags, 0, NULL, NULL, handle, p, MHD_OPTION_EXTERNAL_LOGGER,
					quiet, NULL, MHD_OPTION_CONNECTION_LIMIT,
					(unsigned int)CLIENTS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
					(size_t)CLIENT_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
					(unsigned int)90, MHD_OPTION_NOTIFY_CONNECTION,
					on_connection, p, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
					p, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (p->daemon)
		return 0;
	snprintf(why, size, "the server does not start%s",
		 p->cert ? ": are tls_cert and tls_key a pair, in PEM?" : "");
	return -EIO;
}

static struct prometheus *make(struct exporter *e, const struct section *s)
{
	struct prometheus *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->exporter = e;
	p->section = s;
	pthread_mutex_init(&p->lock, NULL);
	auth_init(&p->auth, section_text(s, "basic_auth_users"), e ? &e->refused : NULL);
	return p;
}

static int begin(struct prometheus *p, char *why, size_t size)
{
	char address[80];
	int fd, err = read_tls(p, why, size);

	if (err)
		return err;
	fd = listen_on(section_text(p->section, "listen"), why, size);
	if (fd < 0)
		return fd;
	snprintf(p->url, sizeof(p->url), "http%s://%s/metrics", p->cert ? "s" : "",
		 listen_address(fd, address, sizeof(address)));
	err = start(p, fd, why, size);
	if (err)
		close(fd);
	return err;
}

struct prometheus *prometheus_start(struct exporter *e, const struct section *s, char why[WHY_SIZE])
{
	struct prometheus *p = make(e, s);
	char reason[WHY_SIZE - 20] = "no memory";

	if (p && !begin(p, reason, sizeof(reason)))
		return p;
	snprintf(why, WHY_SIZE, "prometheus: %s", reason);
	prometheus_stop(p);
	return NULL;
}

int prometheus_check(const struct section *s, bool taken, char *why, size_t size)
{
	struct prometheus *p = make(NULL, s);
	int err = -ENOMEM;

	snprintf(why, size, "no memory");
	if (p)
		err = auth_check(section_text(s, "basic_auth_users"), why, size)
			      ?: read_tls(p, why, size)
			      ?: listen_check(section_text(s, "listen"), taken, why, size);
	/* Only the server knows whether a certificate and a key are some, and a pair. */
	if (!err && p->cert)
		err = start(p, -1, why, size);
	prometheus_stop(p);
	return err;
}

void prometheus_stop(struct prometheus *p)
{
	int i;

	if (!p)
		return;
	if (p->daemon)
		libmhd.stop_daemon(p->daemon);
	for (i = 0; i < 2; i++)
		if (p->shared[i].response)
			libmhd.destroy_response(p->shared[i].response);
	auth_tell(&p->auth, UINT64_MAX);
	pthread_mutex_destroy(&p->lock);
	auth_free(&p->auth);
	free(p->cert);
	free(p->key);
	free(p);
}

const struct section *prometheus_section(const struct prometheus *p)
{
	return p->section;
}

const char *prometheus_url(const struct prometheus *p)
{
	return p->url;
}
