// Package atoll is the vocabulary of Atoll: identities, records, operations,
// journal entries, positions and errors with stable codes.
//
// It holds values and the rules that need nothing but values. It does no I/O,
// reads no clock and imports only the standard library, so that every other
// package may import it and it may import none of them.
//
// The idea of the whole program, in one paragraph: every record has exactly one
// site that may write it. A site changes records only through its journal, an
// append-only, hash-chained log of transactions. The journal goes up to the
// centre; the centre admits or quarantines each entry, keeps a copy of the
// journal, and lists the changed records in a feed, by audience. The feed comes
// down to every site that subscribes to the audience. There is no third way for
// data to move. docs/architecture.md tells the rest.
package atoll
