-- SPDX-License-Identifier: GPL-2.0
-- Tables for `weir export --clickhouse`, for servers from 18.16 on. Newer ones: schema-current.sql.
--   clickhouse-client --multiquery < schema.sql
--
-- weir inserts into `inbox`, which keeps nothing: the views below it fill the tables. One insert is
-- one batch of one host, named (host, run, seq), all of one `time`: so it is one block, and in each
-- table one part, which is there whole or not at all. A server that dies between two views leaves
-- the batch in some tables only. So each table can say whether it has a batch (`flows` and `ledger`
-- by their rows, the others by a marker row that comes with it), and weir, when in doubt, asks, and
-- sends the batch again to those that lack it: that is what `targets` is, one bit a table. A batch
-- without flow records is for `ledger` alone.
--
-- Addresses are text, IPv4 as 192.0.2.1. Byte counts are of L2 frames without FCS, but for ip_bytes.
-- `time` is when the batch was sent on its way (UTC); first and last are nanoseconds since 1970.

CREATE DATABASE IF NOT EXISTS weir;

CREATE TABLE IF NOT EXISTS weir.inbox
(
    targets UInt8, -- 32 and the bits of tables below
    kind UInt8, -- 0: a ledger row, one of each interface in a batch; 1: a flow record
    time DateTime,
    host String,
    interface String,
    run UInt64, -- of the daemon: when it started, ns since 1970
    seq UInt64, -- of the insert, within the run
    packets UInt64,
    bytes UInt64,
    -- of a flow record
    src String,
    sport UInt16,
    dst String,
    dport UInt16, -- ICMP, ICMPv6: type * 256 + code
    proto UInt8,
    direction UInt8, -- 2 ingress, 3 egress
    tcp_flags UInt8,
    end_reason UInt8, -- IPFIX flowEndReason: 1 idle, 2 active, 3 end seen, 4 forced, 5 resources
    ip_bytes UInt64,
    first UInt64,
    last UInt64,
    -- of a ledger row, whose packets and bytes are those of the flow records beside it
    records UInt64,
    lost_packets UInt64, -- no record will ever hold them
    lost_bytes UInt64,
    non_ip_packets UInt64,
    non_ip_bytes UInt64,
    dropped_packets UInt64, -- weir had records of them, and had to let them go on the way here
    dropped_bytes UInt64
) ENGINE = Null;

-- ---- flow records, as they came: bit 1 ----

CREATE TABLE IF NOT EXISTS weir.flows
(
    time DateTime,
    host String,
    interface String,
    run UInt64,
    seq UInt64,
    src String,
    sport UInt16,
    dst String,
    dport UInt16,
    proto UInt8,
    direction UInt8,
    tcp_flags UInt8,
    end_reason UInt8,
    packets UInt64,
    bytes UInt64,
    ip_bytes UInt64,
    first UInt64,
    last UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(time) ORDER BY (time, host, run, seq);

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_flows TO weir.flows AS
SELECT
    time, host, interface, run, seq, src, sport, dst, dport, proto, direction, tcp_flags, end_reason,
    packets, bytes, ip_bytes, first, last
FROM weir.inbox
WHERE kind = 1 AND bitAnd(targets, 1) != 0;

-- ---- the ledger: what each host says it has sent, and what it could not; bit 2 ----

CREATE TABLE IF NOT EXISTS weir.ledger
(
    time DateTime,
    host String,
    interface String,
    run UInt64,
    seq UInt64,
    records UInt64,
    packets UInt64,
    bytes UInt64,
    lost_packets UInt64,
    lost_bytes UInt64,
    non_ip_packets UInt64,
    non_ip_bytes UInt64,
    dropped_packets UInt64,
    dropped_bytes UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(time) ORDER BY (time, host, run, seq);

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_ledger TO weir.ledger AS
SELECT
    time, host, interface, run, seq, records, packets, bytes, lost_packets, lost_bytes,
    non_ip_packets, non_ip_bytes, dropped_packets, dropped_bytes
FROM weir.inbox
WHERE kind = 0 AND bitAnd(targets, 2) != 0;

-- ---- by service port, a minute: bit 4 ----
-- The lower port of the two, which is the service's but for peers that both use high ones; 0 where
-- a protocol has none.

CREATE TABLE IF NOT EXISTS weir.ports_by_minute
(
    minute DateTime,
    host String,
    direction UInt8,
    proto UInt8,
    port UInt16,
    marker_run UInt64,
    marker_seq UInt64,
    packets UInt64,
    bytes UInt64,
    records UInt64,
    batches UInt64 -- 1 of a marker, which has nothing else
) ENGINE = SummingMergeTree PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, host, marker_run, marker_seq, proto, port, direction);

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_ports_by_minute TO weir.ports_by_minute AS
SELECT
    toStartOfMinute(time) AS minute, host, direction, proto,
    if(proto IN (6, 17, 132), if(sport != 0 AND sport < dport, sport, dport), 0) AS port,
    if(kind = 0, run, 0) AS marker_run, if(kind = 0, seq, 0) AS marker_seq,
    sumIf(packets, kind = 1) AS packets, sumIf(bytes, kind = 1) AS bytes, countIf(kind = 1) AS records,
    toUInt64(max(kind = 0)) AS batches
FROM weir.inbox
WHERE bitAnd(targets, 4) != 0
GROUP BY minute, host, direction, proto, port, marker_run, marker_seq;

-- ---- by address, a minute: bit 8 ----
-- A packet between two hosts of the fleet is seen leaving one and entering the other: a query takes
-- the greater of an address's two directions, not their sum.

CREATE TABLE IF NOT EXISTS weir.talkers_by_minute
(
    minute DateTime,
    host String,
    direction UInt8,
    addr String,
    marker_run UInt64,
    marker_seq UInt64,
    sent_packets UInt64,
    sent_bytes UInt64,
    received_packets UInt64,
    received_bytes UInt64,
    batches UInt64
) ENGINE = SummingMergeTree PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, host, marker_run, marker_seq, addr, direction);

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_talkers_by_minute TO weir.talkers_by_minute AS
SELECT
    toStartOfMinute(time) AS minute, host, direction, if(side = 1, src, dst) AS addr,
    if(kind = 0, run, 0) AS marker_run, if(kind = 0, seq, 0) AS marker_seq,
    sumIf(packets, kind = 1 AND side = 1) AS sent_packets,
    sumIf(bytes, kind = 1 AND side = 1) AS sent_bytes,
    sumIf(packets, kind = 1 AND side = 2) AS received_packets,
    sumIf(bytes, kind = 1 AND side = 2) AS received_bytes,
    toUInt64(max(kind = 0)) AS batches
FROM weir.inbox ARRAY JOIN [1, 2] AS side
WHERE bitAnd(targets, 8) != 0
GROUP BY minute, host, direction, addr, marker_run, marker_seq;

-- ---- flows of nothing but SYN (and RST), by source and port, a minute: bit 16 ----

CREATE TABLE IF NOT EXISTS weir.sweeps_by_minute
(
    minute DateTime,
    host String,
    src String,
    dport UInt16,
    marker_run UInt64,
    marker_seq UInt64,
    syns AggregateFunction(sum, UInt64),
    dsts AggregateFunction(uniq, String)
) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, host, marker_run, marker_seq, src, dport);

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_sweeps_by_minute TO weir.sweeps_by_minute AS
SELECT
    toStartOfMinute(time) AS minute, host, src, dport,
    if(kind = 0, run, 0) AS marker_run, if(kind = 0, seq, 0) AS marker_seq,
    sumState(packets) AS syns, uniqState(dst) AS dsts
FROM weir.inbox
WHERE bitAnd(targets, 16) != 0 AND (kind = 0 OR proto = 6 AND bitAnd(tcp_flags, 0x3b) = 0x02)
GROUP BY minute, host, src, dport, marker_run, marker_seq;
