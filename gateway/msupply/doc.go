// Package msupply lets data of an mSupply server in: it reads a capture of what
// such a server tells its sites and writes it, as an import, through the centre's
// journal.
//
// # What becomes of a record
//
// Tables says how each of their tables translates to our record types: one list
// of pairs for each, and a function for what a list cannot say. The identity is
// derived from (system, table, key), so that every import of one record means
// one record here (R-K-24), and is noted in an external_key (R-K-25). References
// are translated the same way; one that leads nowhere is left out and reported.
//
// Nothing is dropped. Beside every record that was read stands one
// foreign_record, at the centre only:
//
//   - of a record that was translated, it has the keys that the translation does
//     not carry, and names the pattern of its empty keys, which is kept once;
//   - of a record that could not be translated, it has the record as it came, and
//     why.
//
// A companion was chosen over a custom_data field of the records themselves,
// since most types have no such field, lines above all, and since what only
// another system understands should not travel to every site.
//
// The companion also holds a digest of what was imported. A record that comes
// again with the same digest is left alone, whatever has been done to it here
// since; one that has changed there changes here, in the fields that its table
// translates, and in no others.
//
// # What an import does not do
//
// Stores become active on the central server; where they were active is kept,
// and moving them to sites is a person's decision. Documents take no effect: no
// stock moves, and none is addressed to its partner store, so that no transfer
// begins for a shipment that arrived years ago (R-K-08). Number sequences go on
// where they were (R-B-111).
package msupply

// system is the name under which identities are derived and noted.
const system = "msupply"

// edition is part of every digest. Raise it when the translation of a table
// changes, so that records already imported are translated again.
const edition = "1"
