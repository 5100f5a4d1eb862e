/* SPDX-License-Identifier: GPL-2.0 */
/* What weir packets shows or saves; see packets.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "packets/packets.h"

static uint32_t any(void)
{
	static uint64_t state;

	while (!state)
		if (getrandom(&state, sizeof(state), 0) != sizeof(state))
			state = 88172645463325252ULL;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

int packets_open(struct packets *k, const struct config *cfg, uint32_t linktype, uint32_t snaplen)
{
	const struct savefile_options o = { .path = cfg->write,
					    .linktype = linktype,
					    .snaplen = snaplen,
					    .rotate_seconds = cfg->rotate_seconds,
					    .rotate_bytes = cfg->rotate_bytes };

	*k = (struct packets){ .cfg = cfg, .saves = cfg->write != NULL };
	if (cfg->sample > 1)
		k->chance = (uint32_t)((1ULL << 32) / cfg->sample);
	if (k->saves)
		return k->err = savefile_open(&k->file, &o);
	k->err = packet_text_open(&k->text);
	return k->err ? k->err : (k->err = writer_open(&k->out, STDOUT_FILENO));
}

int packets_take(void *to, const struct packet *p)
{
	struct packets *k = to;

	if (k->saves) {
		k->err = savefile_put(&k->file, p);
	} else {
		packet_text_write(&k->text, p);
		k->err = writer_put(&k->out, k->text.line.text, k->text.line.n);
	}
	if (k->err)
		return k->err;
	k->shown++;
	k->enough = k->cfg->count && k->shown >= k->cfg->count;
	return k->enough;
}

int packets_take_file(void *to, const struct packet *p)
{
	const struct packets *k = to;
	struct packet cut = *p;

	if (k->chance && any() >= k->chance)
		return 0;
	if (k->cfg->snaplen && cut.frame.captured > k->cfg->snaplen)
		cut.frame.captured = k->cfg->snaplen;
	return packets_take(to, &cut);
}

int packets_flush(struct packets *k)
{
	int err = k->saves ? savefile_flush(&k->file) : writer_flush(&k->out);

	if (err && !k->err)
		k->err = err;
	return err;
}

int packets_close(struct packets *k)
{
	int err = k->saves ? savefile_close(&k->file) : writer_close(&k->out);

	if (err && !k->err)
		k->err = err;
	packet_text_close(&k->text);
	/* Who does not want more need not be told; nor who asked to stop. */
	if (!k->err || k->err == -EPIPE || k->err == -EINTR)
		return EXIT_OK;
	say("writing %s failed: %s%s", k->saves ? k->file.name : "standard output",
	    strerror(-k->err),
	    k->err == -ENOSPC ? "; the packets before are in it, the last may be cut" : "");
	return EXIT_FAILED;
}
