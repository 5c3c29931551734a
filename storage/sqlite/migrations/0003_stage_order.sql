-- A lane is read type by type: in the order in which records need each other.
DROP INDEX stage_order;
CREATE INDEX stage_order ON stage (lane, type, position, id);
