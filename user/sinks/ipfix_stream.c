/* SPDX-License-Identifier: GPL-2.0 */
/* Streams, one an observation domain, and which interface is in which; see ipfix_parts.h. */
#include <errno.h>
#include <string.h>

#include "sinks/ipfix_parts.h"

static int new_stream(struct ipfix *x, uint32_t domain)
{
	struct ipfix_shape shape = x->shape;
	struct stream *s = &x->stream[x->streams];
	char why[200];

	shape.domain = domain;
	s->domain = domain;
	s->encoder = ipfix_encoder_new(&shape, why, sizeof(why));
	if (!s->encoder) {
		sink_say(x->sink, "%s", why);
		return -ENOMEM;
	}
	x->streams++;
	return 0;
}

/* The number of the stream for a domain, or a negative errno. */
static int stream_of(struct ipfix *x, uint32_t domain)
{
	unsigned int i;

	for (i = 0; i < x->streams; i++)
		if (x->stream[i].domain == domain)
			return (int)i;
	if (i == OUTBOX_STREAMS)
		return -ENOSPC;
	return new_stream(x, domain) ?: (int)i;
}

int ipfix_iface_of(struct ipfix *x, const struct batch_iface *b)
{
	unsigned int i;
	int stream;

	for (i = 0; i < x->ifaces; i++)
		if (x->iface[i].is.index == b->index && !strcmp(x->iface[i].is.name, b->name))
			return (int)i;
	stream = stream_of(x, x->by_interface ? b->index : x->shape.domain);
	if (stream < 0)
		return stream;
	/* One that was made anew takes the place of the oldest where there are too many. */
	if (i == OUTBOX_STREAMS) {
		memmove(x->iface, x->iface + 1, sizeof(x->iface) - sizeof(x->iface[0]));
		i--;
	}
	x->iface[i].is = *b;
	x->iface[i].stream = (unsigned int)stream;
	x->ifaces = i + 1;
	x->out.greeted = false;
	return (int)i;
}

int ipfix_put(struct ipfix *x, unsigned int stream, bool first)
{
	struct stream *s = &x->stream[stream];
	struct message *m;
	uint32_t records;
	size_t size;
	const uint8_t *data = ipfix_take(s->encoder, &size, &records);

	if (!data)
		return 0;
	m = message_new(data, size);
	if (m) {
		m->stream = (uint16_t)stream;
		m->records = records;
		m->flows = s->flows;
		m->sum = s->sum;
		outbox_put(&x->out, m, first);
	} else if (s->flows) {
		sink_drop(x->sink, DROP_QUEUE_FULL, s->flows, s->sum);
	}
	s->flows = 0;
	s->sum = (struct weir_sum){ 0 };
	return m ? 0 : -ENOMEM;
}
