-- What each record was when it was put, to tell what happened to the row since;
-- and of each audience the digest of its records' seals. Both are filled in for
-- what is there (see seal).
ALTER TABLE record ADD COLUMN seal BLOB NOT NULL DEFAULT x'';

CREATE TABLE digest (
	audience TEXT    PRIMARY KEY NOT NULL, -- which records
	records  INTEGER NOT NULL,             -- how many count under it
	sum      BLOB    NOT NULL CHECK (length(sum) = 32) -- of their seals
) STRICT, WITHOUT ROWID;
