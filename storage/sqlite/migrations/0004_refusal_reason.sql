-- The rule that refused, with what it speaks of, as JSON; '' where it is not known.
ALTER TABLE quarantine ADD COLUMN reason TEXT NOT NULL DEFAULT '';
