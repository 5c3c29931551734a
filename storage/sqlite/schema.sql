-- What the migrations make. Written by: go test ./storage/sqlite -run Schema -update

CREATE TABLE digest (
	audience TEXT    PRIMARY KEY NOT NULL, -- which records
	records  INTEGER NOT NULL,             -- how many count under it
	sum      BLOB    NOT NULL CHECK (length(sum) = 32) -- of their seals
) STRICT, WITHOUT ROWID;

CREATE TABLE feed (
	audience TEXT    NOT NULL, -- who reads the line
	position INTEGER NOT NULL, -- the record's latest change there
	type     TEXT    NOT NULL, -- the record
	id       TEXT    NOT NULL, -- …
	gone     INTEGER NOT NULL, -- 1: the record has left the audience
	forced   INTEGER NOT NULL, -- 1: also for the site that wrote the version
	PRIMARY KEY (audience, position, type, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
	place    INTEGER PRIMARY KEY, -- in the order of arrival here
	site     INTEGER NOT NULL,    -- whose journal
	seq      INTEGER NOT NULL,    -- the place in it: dense, rising
	timeline TEXT    NOT NULL,    -- the history of the database that made it
	hash     BLOB    NOT NULL CHECK (length(hash) = 32), -- over the content and the chain before it
	received INTEGER NOT NULL,    -- when this database stored it
	content  BLOB    NOT NULL,    -- the encoded entry, or what of it left its site
	UNIQUE (site, seq)
) STRICT;

CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_never_shrinks BEFORE DELETE ON journal
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_only_grows BEFORE INSERT ON journal
WHEN EXISTS (SELECT 1 FROM journal WHERE site = NEW.site AND seq >= NEW.seq)
	OR EXISTS (SELECT 1 FROM journal WHERE place = NEW.place)
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TABLE journal_base (
	site     INTEGER PRIMARY KEY, -- whose journal
	timeline TEXT    NOT NULL,    -- the history it goes on from
	seq      INTEGER NOT NULL,    -- the place before its first entry
	hash     BLOB    NOT NULL CHECK (length(hash) = 32) -- the hash at that place
) STRICT;

CREATE TRIGGER journal_base_comes_first BEFORE INSERT ON journal_base
WHEN EXISTS (SELECT 1 FROM journal WHERE site = NEW.site)
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_base_never_changes BEFORE UPDATE ON journal_base
WHEN EXISTS (SELECT 1 FROM journal WHERE site = OLD.site)
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_base_never_shrinks BEFORE DELETE ON journal_base
WHEN EXISTS (SELECT 1 FROM journal WHERE site = OLD.site)
BEGIN
	SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TABLE last_position (
	one      INTEGER PRIMARY KEY CHECK (one = 1), -- there is one row
	position INTEGER NOT NULL                     -- never falls
, revision INTEGER NOT NULL DEFAULT 0 /* transactions that changed the feed or the digests */) STRICT;

CREATE TRIGGER last_position_never_falls BEFORE UPDATE ON last_position
WHEN NEW.position < OLD.position
BEGIN
	SELECT RAISE(ABORT, 'positions never fall');
END;

CREATE TRIGGER last_position_stays BEFORE DELETE ON last_position
BEGIN
	SELECT RAISE(ABORT, 'positions never fall');
END;

CREATE TABLE quarantine (
	id           INTEGER PRIMARY KEY, -- rising
	site         INTEGER NOT NULL, -- the entry: whose journal
	timeline     TEXT    NOT NULL, -- … in which history
	seq          INTEGER NOT NULL, -- … and where in it
	code         TEXT    NOT NULL, -- why it was refused
	layer        TEXT    NOT NULL, -- which check refused it
	message      TEXT    NOT NULL, -- why, in words
	subject_type TEXT    NOT NULL, -- the record at fault
	subject_id   TEXT    NOT NULL, -- …
	field        TEXT    NOT NULL, -- the field at fault
	behind       INTEGER NOT NULL, -- the refusal it is held behind; 0 if refused itself
	content      BLOB    NOT NULL, -- the encoded entry
	at           INTEGER NOT NULL, -- when it was refused
	attempts     INTEGER NOT NULL, -- how often it was tried again
	state        TEXT    NOT NULL CHECK (state IN ('open', 'applied', 'skipped', 'returned')), -- what became of it
	settled      INTEGER NOT NULL, -- when it was settled
	settled_by   TEXT    NOT NULL, -- by whom
	note         TEXT    NOT NULL  -- why
, reason TEXT NOT NULL DEFAULT '') STRICT;

CREATE INDEX quarantine_open ON quarantine (site, id) WHERE state = 'open';

CREATE INDEX quarantine_site ON quarantine (site, id);

CREATE TRIGGER quarantine_keeps_the_entry
BEFORE UPDATE OF id, site, timeline, seq, content, at ON quarantine
BEGIN
	SELECT RAISE(ABORT, 'a refused entry is never changed');
END;

CREATE TRIGGER quarantine_never_shrinks BEFORE DELETE ON quarantine
BEGIN
	SELECT RAISE(ABORT, 'refusals are never removed');
END;

CREATE TRIGGER quarantine_only_grows BEFORE INSERT ON quarantine
WHEN EXISTS (SELECT 1 FROM quarantine WHERE id = NEW.id)
BEGIN
	SELECT RAISE(ABORT, 'refusals are never removed');
END;

CREATE TABLE quarantine_key (
	refusal INTEGER NOT NULL REFERENCES quarantine (id), -- the refused entry
	n       INTEGER NOT NULL, -- the record's place in it
	type    TEXT    NOT NULL, -- the record
	id      TEXT    NOT NULL, -- …
	PRIMARY KEY (refusal, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_key_record ON quarantine_key (type, id, refusal);

CREATE TRIGGER quarantine_key_never_changes BEFORE UPDATE ON quarantine_key
BEGIN
	SELECT RAISE(ABORT, 'a refused entry is never changed');
END;

CREATE TRIGGER quarantine_key_never_shrinks BEFORE DELETE ON quarantine_key
BEGIN
	SELECT RAISE(ABORT, 'refusals are never removed');
END;

CREATE TRIGGER quarantine_key_only_grows BEFORE INSERT ON quarantine_key
WHEN EXISTS (SELECT 1 FROM quarantine_key WHERE refusal = NEW.refusal AND n = NEW.n)
BEGIN
	SELECT RAISE(ABORT, 'refusals are never removed');
END;

CREATE TABLE record (
	position    INTEGER PRIMARY KEY, -- where this database committed this version
	type        TEXT    NOT NULL,    -- the record type in the catalogue
	id          TEXT    NOT NULL,    -- the UUID
	version     INTEGER NOT NULL,    -- changes by the record's owners
	state       INTEGER NOT NULL,    -- 1 deleted + 2 hidden
	origin_site INTEGER NOT NULL,    -- the entry that made this version: whose journal
	origin_seq  INTEGER NOT NULL,    -- … and where in it
	audiences   TEXT    NOT NULL,    -- those it is listed under, one a line
	indexed     TEXT    NOT NULL,    -- its rows in record_index, as a JSON object; '' for none
	body        TEXT    NOT NULL, seal BLOB NOT NULL DEFAULT x'',    -- the fields, as canonical JSON
	UNIQUE (type, id)
) STRICT;

CREATE TABLE record_count (
	type TEXT    PRIMARY KEY NOT NULL, -- the record type
	live INTEGER NOT NULL              -- its records that are neither deleted nor hidden
) STRICT, WITHOUT ROWID;

CREATE TABLE record_index (
	type  TEXT NOT NULL, -- the record's type
	field TEXT NOT NULL, -- the field's name
	value TEXT NOT NULL, -- the field's value, as text
	id    TEXT NOT NULL, -- the record's UUID
	PRIMARY KEY (type, field, value, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE shelf (
	bucket TEXT NOT NULL, -- what kind of value
	key    TEXT NOT NULL, -- its name in the bucket
	value  BLOB NOT NULL, -- the value
	PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage (
	lane     TEXT    NOT NULL, -- the queue it waits in
	type     TEXT    NOT NULL, -- the record
	id       TEXT    NOT NULL, -- …
	position INTEGER NOT NULL, -- at the centre
	payload  BLOB    NOT NULL, -- the frame as received
	error    TEXT    NOT NULL, -- why it could not be integrated; '' if it was not tried
	attempts INTEGER NOT NULL, -- how often that was tried
	UNIQUE (lane, type, id)
) STRICT;

CREATE INDEX stage_order ON stage (lane, type, position, id);
