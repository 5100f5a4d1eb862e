/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics of the books: what is in no flow and why, records made and lost, the tables; see
 * scrape.h. */
#include "export/scrape.h"
#include "views/view.h"

/* ---- the books ---- */

static void put_reason(struct scrape *s, bool bytes)
{
	const struct look *l;
	int i;

	each_look(s, l) for (i = 1; l->up && i < WEIR_REASONS; i++)
		metric_u64(&s->m, bytes ? l->totals.reason[i].bytes : l->totals.reason[i].packets,
			   "interface", l->name, "reason", reason_names[i], NULL);
}

static void put_reason_packets(struct scrape *s)
{
	put_reason(s, false);
}

static void put_reason_bytes(struct scrape *s)
{
	put_reason(s, true);
}

static void put_uncounted(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
	{
		metric_u64(&s->m,
			   l->totals.filtered[WEIR_DIR_INGRESS].packets +
				   l->totals.filtered[WEIR_DIR_EGRESS].packets,
			   "interface", l->name, "reason", "filtered", NULL);
		metric_u64(&s->m, l->reentered.packets, "interface", l->name, "reason", "reentered",
			   NULL);
	}
}

static void put_records(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->kept.records, "interface", l->name, NULL);
}

static void put_record_packets(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.exported.packets, "interface", l->name, NULL);
}

static void put_record_bytes(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.exported.bytes, "interface", l->name, NULL);
}

static void put_lost_packets(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.gone.packets, "interface", l->name, NULL);
}

static void put_lost_bytes(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.gone.bytes, "interface", l->name, NULL);
}

static void put_pending(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->scanned.ledger.pending.packets, "interface", l->name, NULL);
}

static void put_balanced(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->scanned.ledger.balanced, "interface", l->name, NULL);
}

/* ---- tables ---- */

static void put_table(struct scrape *s, bool room)
{
	const struct look *l;

	each_look(s, l) if (l->up)
	{
		metric_u64(&s->m, room ? l->flow_room : l->scanned.flows, "interface", l->name,
			   "table", "flows", NULL);
		metric_u64(&s->m, room ? l->syn_room : l->scanned.syns, "interface", l->name,
			   "table", "syn", NULL);
	}
}

static void put_table_records(struct scrape *s)
{
	put_table(s, false);
}

static void put_table_room(struct scrape *s)
{
	put_table(s, true);
}

static void put_ended(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->ended, "interface", l->name, NULL);
}

static void put_memory(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->memory, "interface", l->name, NULL);
}

const struct family scrape_ledger[] = {
	{ "weir_reason_packets", METRIC_COUNTER, NULL, put_reason_packets,
	  "Packets that are other, malformed, truncated or odd, by reason." },
	{ "weir_reason_bytes", METRIC_COUNTER, "bytes", put_reason_bytes,
	  "Bytes of L2 frames that are other, malformed, truncated or odd, by reason." },
	{ "weir_uncounted_packets", METRIC_COUNTER, NULL, put_uncounted,
	  "Packets seen and of no class: kept out by the filter, or met within another program." },
	{ "weir_flow_records", METRIC_COUNTER, NULL, put_records, "Flow records made." },
	{ "weir_flow_record_packets", METRIC_COUNTER, NULL, put_record_packets,
	  "IP packets in flow records made." },
	{ "weir_flow_record_bytes", METRIC_COUNTER, "bytes", put_record_bytes,
	  "Bytes of L2 frames in flow records made." },
	{ "weir_flow_lost_packets", METRIC_COUNTER, NULL, put_lost_packets,
	  "IP packets that no flow record will hold, for the ended ring was overwritten unread." },
	{ "weir_flow_lost_bytes", METRIC_COUNTER, "bytes", put_lost_bytes,
	  "Bytes of L2 frames that no flow record will hold." },
	{ "weir_flow_pending_packets", METRIC_GAUGE, NULL, put_pending,
	  "IP packets counted, whose flow record is yet to come." },
	{ "weir_ledger_balanced", METRIC_GAUGE, NULL, put_balanced,
	  "1 where the sums of the last scan came out right." },
	{ "weir_table_records", METRIC_GAUGE, NULL, put_table_records,
	  "Records in a table, as of the last scan." },
	{ "weir_table_records_max", METRIC_GAUGE, NULL, put_table_room,
	  "Records that a table has room for." },
	{ "weir_table_flows_ended", METRIC_COUNTER, NULL, put_ended,
	  "Flow records that left the table for others." },
	{ "weir_table_memory_bytes", METRIC_GAUGE, "bytes", put_memory, "Memory of all tables." },
	{ NULL },
};
