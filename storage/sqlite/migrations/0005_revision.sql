-- Who has read the row knows whether what he remembers of feed and digests holds.
ALTER TABLE last_position ADD COLUMN revision INTEGER NOT NULL DEFAULT 0 /* transactions that changed the feed or the digests */;
