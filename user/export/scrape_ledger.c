/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics of the books: what is in no flow and why, records made and lost, the tables; see
 * scrape.h. */
#include "export/scrape.h"
#include "views/view.h"

/* ---- the books ---- */

static void put_reason(struct scrape *s)
{
	const struct look *l;
	int i;

	each_up (s, l)
		for (i = 1; i < WEIR_REASONS; i++)
			metric_u64(&s->m, of_sum(s, l->totals.reason[i]), "interface", l->name,
				   "reason", reason_names[i], NULL);
}

static void put_uncounted(struct scrape *s)
{
	const struct look *l;

	each_up (s, l) {
		metric_u64(&s->m,
			   of_sum(s, l->totals.filtered[WEIR_DIR_INGRESS]) +
				   of_sum(s, l->totals.filtered[WEIR_DIR_EGRESS]),
			   "interface", l->name, "reason", "filtered", NULL);
		metric_u64(&s->m, of_sum(s, l->reentered), "interface", l->name, "reason",
			   "reentered", NULL);
	}
}

static void put_balanced(struct scrape *s)
{
	const struct look *l;

	each_up (s, l)
		metric_u64(&s->m, l->scanned.ledger.balanced, "interface", l->name, NULL);
}

/* ---- tables ---- */

/* A number of the flow table, and the one of the SYN table. */
static void put_tables(struct scrape *s, size_t flows, size_t syns)
{
	const struct look *l;

	each_up (s, l) {
		metric_u64(&s->m, number_at(l, flows), "interface", l->name, "table", "flows",
			   NULL);
		metric_u64(&s->m, number_at(l, syns), "interface", l->name, "table", "syn", NULL);
	}
}

static void put_table_records(struct scrape *s)
{
	put_tables(s, s->at, LOOK(scanned.syns));
}

static void put_table_room(struct scrape *s)
{
	put_tables(s, s->at, LOOK(syn_room));
}

const struct family scrape_ledger[] = {
	{ "weir_reason_packets", METRIC_COUNTER, NULL, put_reason, PACKETS,
	  "Packets that are other, malformed, truncated or odd, by reason." },
	{ "weir_reason_bytes", METRIC_COUNTER, "bytes", put_reason, BYTES,
	  "Bytes of L2 frames that are other, malformed, truncated or odd, by reason." },
	{ "weir_uncounted_packets", METRIC_COUNTER, NULL, put_uncounted, PACKETS,
	  "Packets seen and of no class: kept out by the filter, or met within another program." },
	{ "weir_flow_records", METRIC_COUNTER, NULL, put_number, LOOK(kept.records),
	  "Flow records made." },
	{ "weir_flow_record_packets", METRIC_COUNTER, NULL, put_number, LOOK(kept.exported.packets),
	  "IP packets in flow records made." },
	{ "weir_flow_record_bytes", METRIC_COUNTER, "bytes", put_number, LOOK(kept.exported.bytes),
	  "Bytes of L2 frames in flow records made." },
	{ "weir_flow_lost_packets", METRIC_COUNTER, NULL, put_number, LOOK(kept.gone.packets),
	  "IP packets that no flow record will hold, for the ended ring was overwritten unread." },
	{ "weir_flow_lost_bytes", METRIC_COUNTER, "bytes", put_number, LOOK(kept.gone.bytes),
	  "Bytes of L2 frames that no flow record will hold." },
	{ "weir_flow_pending_packets", METRIC_GAUGE, NULL, put_number,
	  LOOK(scanned.ledger.pending.packets),
	  "IP packets counted, whose flow record is yet to come." },
	{ "weir_ledger_balanced", METRIC_GAUGE, NULL, put_balanced, 0,
	  "1 where the sums of the last scan came out right." },
	{ "weir_table_records", METRIC_GAUGE, NULL, put_table_records, LOOK(scanned.flows),
	  "Records in a table, as of the last scan." },
	{ "weir_table_records_max", METRIC_GAUGE, NULL, put_table_room, LOOK(flow_room),
	  "Records that a table has room for." },
	{ "weir_table_flows_ended", METRIC_COUNTER, NULL, put_number, LOOK(ended),
	  "Flow records that left the table for others." },
	{ "weir_table_memory_bytes", METRIC_GAUGE, "bytes", put_number, LOOK(memory),
	  "Memory of all tables." },
	{ NULL },
};
