-- SPDX-License-Identifier: GPL-2.0
-- The same tables as schema.sql for current servers (22.8 and later; not run by weir's tests, which
-- have 18.16): addresses as IPv6 (IPv4 as ::ffff:a.b.c.d), names and times in their own types, a month
-- kept, parts synced, and the tables heed insert_deduplication_token, so that the server, too, knows
-- a batch that it has already. What weir inserts, and so `inbox`, is the same.
--   clickhouse-client --multiquery < schema-current.sql
--
-- The queries beside this file work here as they are.

CREATE DATABASE IF NOT EXISTS weir;

CREATE TABLE IF NOT EXISTS weir.inbox
(
    targets UInt8,
    kind UInt8,
    time DateTime,
    host String,
    interface String,
    run UInt64,
    seq UInt64,
    packets UInt64,
    bytes UInt64,
    src String,
    sport UInt16,
    dst String,
    dport UInt16,
    proto UInt8,
    direction UInt8,
    tcp_flags UInt8,
    end_reason UInt8,
    ip_bytes UInt64,
    first UInt64,
    last UInt64,
    records UInt64,
    lost_packets UInt64,
    lost_bytes UInt64,
    non_ip_packets UInt64,
    non_ip_bytes UInt64,
    dropped_packets UInt64,
    dropped_bytes UInt64
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS weir.flows
(
    time DateTime CODEC(DoubleDelta, ZSTD),
    host LowCardinality(String),
    interface LowCardinality(String),
    run UInt64 CODEC(Delta, ZSTD),
    seq UInt64 CODEC(Delta, ZSTD),
    src IPv6,
    sport UInt16,
    dst IPv6,
    dport UInt16,
    proto UInt8,
    direction Enum8('unknown' = 1, 'ingress' = 2, 'egress' = 3),
    tcp_flags UInt8,
    end_reason Enum8('idle' = 1, 'active' = 2, 'end' = 3, 'forced' = 4, 'resources' = 5),
    packets UInt64 CODEC(T64, ZSTD),
    bytes UInt64 CODEC(T64, ZSTD),
    ip_bytes UInt64 CODEC(T64, ZSTD),
    first DateTime64(9) CODEC(Delta, ZSTD),
    last DateTime64(9) CODEC(Delta, ZSTD)
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(time) ORDER BY (time, host, run, seq)
TTL time + INTERVAL 1 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_flows TO weir.flows AS
SELECT
    time, host, interface, run, seq,
    toIPv6(src) AS src, sport, toIPv6(dst) AS dst, dport, proto,
    CAST(direction, 'Enum8(\'unknown\' = 1, \'ingress\' = 2, \'egress\' = 3)') AS direction, tcp_flags,
    CAST(end_reason, 'Enum8(\'idle\' = 1, \'active\' = 2, \'end\' = 3, \'forced\' = 4, \'resources\' = 5)') AS end_reason,
    packets, bytes, ip_bytes,
    fromUnixTimestamp64Nano(toInt64(first)) AS first, fromUnixTimestamp64Nano(toInt64(last)) AS last
FROM weir.inbox
WHERE kind = 1 AND bitAnd(targets, 1) != 0;

CREATE TABLE IF NOT EXISTS weir.ledger
(
    time DateTime,
    host LowCardinality(String),
    interface LowCardinality(String),
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
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(time) ORDER BY (time, host, run, seq)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_ledger TO weir.ledger AS
SELECT
    time, host, interface, run, seq, records, packets, bytes, lost_packets, lost_bytes,
    non_ip_packets, non_ip_bytes, dropped_packets, dropped_bytes
FROM weir.inbox
WHERE kind = 0 AND bitAnd(targets, 2) != 0;

CREATE TABLE IF NOT EXISTS weir.ports_by_minute
(
    minute DateTime,
    host LowCardinality(String),
    direction UInt8,
    proto UInt8,
    port UInt16,
    marker_run UInt64,
    marker_seq UInt64,
    packets UInt64,
    bytes UInt64,
    records UInt64,
    batches UInt64
) ENGINE = SummingMergeTree PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, host, marker_run, marker_seq, proto, port, direction)
TTL minute + INTERVAL 1 YEAR
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_ports_by_minute TO weir.ports_by_minute AS
SELECT
    toStartOfMinute(time) AS minute, host, direction, proto,
    if(proto IN (6, 17, 132), if(i.sport != 0 AND i.sport < i.dport, i.sport, i.dport), 0) AS port,
    if(kind = 0, run, 0) AS marker_run, if(kind = 0, seq, 0) AS marker_seq,
    sumIf(i.packets, kind = 1) AS packets, sumIf(i.bytes, kind = 1) AS bytes,
    countIf(kind = 1) AS records, toUInt64(max(kind = 0)) AS batches
FROM weir.inbox AS i
WHERE bitAnd(targets, 4) != 0
GROUP BY minute, host, direction, proto, port, marker_run, marker_seq;

CREATE TABLE IF NOT EXISTS weir.talkers_by_minute
(
    minute DateTime,
    host LowCardinality(String),
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
ORDER BY (minute, host, marker_run, marker_seq, addr, direction)
TTL minute + INTERVAL 1 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

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

CREATE TABLE IF NOT EXISTS weir.sweeps_by_minute
(
    minute DateTime,
    host LowCardinality(String),
    src String,
    dport UInt16,
    marker_run UInt64,
    marker_seq UInt64,
    syns AggregateFunction(sum, UInt64),
    dsts AggregateFunction(uniq, String)
) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMMDD(minute)
ORDER BY (minute, host, marker_run, marker_seq, src, dport)
TTL minute + INTERVAL 1 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS weir.to_sweeps_by_minute TO weir.sweeps_by_minute AS
SELECT
    toStartOfMinute(time) AS minute, host, src, dport,
    if(kind = 0, run, 0) AS marker_run, if(kind = 0, seq, 0) AS marker_seq,
    sumState(packets) AS syns, uniqState(dst) AS dsts
FROM weir.inbox
WHERE bitAnd(targets, 16) != 0 AND (kind = 0 OR proto = 6 AND bitAnd(tcp_flags, 0x3b) = 0x02)
GROUP BY minute, host, src, dport, marker_run, marker_seq;
