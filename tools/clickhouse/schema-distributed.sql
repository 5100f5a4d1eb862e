-- SPDX-License-Identifier: GPL-2.0
-- Several servers: on each one schema.sql (or schema-current.sql) first, then this. `weir` is the
-- cluster in remote_servers of its configuration.
--
-- Each host sends to one server, and to that one always (its spool waits for it): a batch and the
-- question whether it has arrived must meet the same tables. So rows are not sharded on the way in,
-- hosts are; these tables are for reading, from any of the servers. The queries beside this file
-- read them as  sed 's/FROM weir\.\([a-z_]*\)/FROM weir.\1_all/'  makes them.

CREATE TABLE IF NOT EXISTS weir.flows_all AS weir.flows
ENGINE = Distributed(weir, weir, flows);

CREATE TABLE IF NOT EXISTS weir.ledger_all AS weir.ledger
ENGINE = Distributed(weir, weir, ledger);

CREATE TABLE IF NOT EXISTS weir.ports_by_minute_all AS weir.ports_by_minute
ENGINE = Distributed(weir, weir, ports_by_minute);

CREATE TABLE IF NOT EXISTS weir.talkers_by_minute_all AS weir.talkers_by_minute
ENGINE = Distributed(weir, weir, talkers_by_minute);

CREATE TABLE IF NOT EXISTS weir.sweeps_by_minute_all AS weir.sweeps_by_minute
ENGINE = Distributed(weir, weir, sweeps_by_minute);
