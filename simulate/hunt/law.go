package hunt

import (
	"bytes"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Law is something that must be true when peace has come.
//
// To add one: write its check in a file of its subject (law_….go) and its line in the
// table. A check reads the databases of all nodes and the simulator's own account,
// says [World.Breach] with the law's name for every case in which it does not hold,
// and [World.Looked] for everything it held against it: a law that looked at nothing
// has proved nothing. Breaches are found in an order that does not depend on maps.
// A law with no check of its own is one that is held while the story is played, or by
// package simulate.
type Law struct {
	Name  string
	Words string
	Check func(w *World) error
}

// Laws are all laws.
func Laws() []Law {
	return []Law{
		{"equal", "every record at every reader is equal to its owner's, byte for byte", nil},
		{"kept", "what was acknowledged to a user is there for good, and at the centre", kept},
		{"digests", "both ends keep the same digest of what a site is to have, and nothing was ever found to differ", nil},
		{"entitled", "nobody holds what it should not", nil},
		{"paired", "every initiating half has exactly one responding half, or an exception with a reason", nil},
		{"resolved", "every reader resolves every reference to the same survivor of a merge", nil},
		{"stock", "goods are neither made nor lost, in stores and between them", nil},
		{"chains", "every journal follows from its first entry to its last, at both ends, and no number that is known to be lost is given again", nil},
		{"counted", "in each cycle, offered is applied and known already and quarantined; no entry is taken twice", counted},
		{"owned", "nobody wrote what it did not own", owned},
		{"told", "every site's status tells the truth, and so does the centre's of every site", told},
		{"numbers", "within a store a number is given to one document of a kind", numbers},
		{"rest", "when everybody has synchronised nothing waits, and nobody has anything more to say", (*World).jobsOver},
		{"sound", "nothing fails with what nobody should be told, and nothing panics", nil},
		{"played", "every step of the story could be played", nil},
		{"checked", "what must hold inside one database does, by all that atoll check asks; and the laws could be held against it", checked},
	}
}

// judge holds the end to the laws.
func (w *World) judge() {
	w.step, w.said = Step{Kind: "judge"}, nil
	breaches, looked := w.Fleet.Laws(w.Ctx)
	for law, n := range looked {
		w.tally.Laws[law] += n
	}
	for _, b := range breaches {
		w.Breach(b.Law, "%s", b.Words)
	}
	for _, l := range Laws() {
		if l.Check == nil {
			continue
		}
		if err := l.Check(w); err != nil {
			w.Breach("checked", "law %s: %v", l.Name, err)
		}
	}
	w.tally.Laws["sound"] += len(w.story.Steps)
	w.tally.Laws["played"] += len(w.story.Steps)
	w.dump()
	w.lines = append(w.lines, w.said...)
}

// Looked counts things that were held against a law.
func (w *World) Looked(law string, n int) { w.tally.Laws[law] += n }

// kept: every entry that was ever acknowledged is in its site's copy at the centre,
// to the hash; and what it changed is at the centre, or was changed since.
func kept(w *World) error {
	books := slices.SortedFunc(maps.Keys(w.account.books), func(a, b book) int {
		if a.site != b.site {
			return int(a.site - b.site)
		}
		return a.database - b.database
	})
	return w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		refused, err := refusedEntries(r)
		if err != nil {
			return err
		}
		late, err := lateEntries(r)
		if err != nil {
			return err
		}
		for _, b := range books {
			for _, e := range w.account.books[b] {
				w.Looked("kept", 1)
				if _, lost := w.account.excused[leaf{b, e.Seq}]; lost {
					continue
				}
				if err := w.keptEntry(r, b, e, refused[atoll.Origin{Site: b.site, Seq: e.Seq}], late); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w *World) keptEntry(r storage.Reader, b book, e storage.JournalEntry, refused bool, late map[atoll.Origin]bool) error {
	copied, err := r.Entry(b.site, e.Seq)
	if atoll.CodeOf(err) == atoll.NotFound {
		w.Breach("kept", "the centre lacks entry %d of site %d, which was acknowledged to its user", e.Seq, b.site)
		return nil
	}
	if err != nil {
		return err
	}
	if copied.Hash != e.Hash {
		w.Breach("kept", "the centre's copy of entry %d of site %d is another than the one that was acknowledged to its user", e.Seq, b.site)
		return nil
	}
	if refused {
		return nil // whole, and with its reason
	}
	entry, err := atoll.DecodeEntry(e.Content)
	if err != nil {
		return err
	}
	for _, op := range entry.Operations {
		if op.Stays || op.Verb == atoll.Restate || late[atoll.Origin{Site: b.site, Seq: e.Seq}] && w.unmade(r, b, op.Key, late) {
			continue
		}
		if err := w.keptOperation(r, atoll.Origin{Site: b.site, Seq: e.Seq}, op); err != nil {
			return err
		}
	}
	return nil
}

// refusedEntries are the entries whose changes do not stand, as the centre decided.
func refusedEntries(r storage.Reader) (map[atoll.Origin]bool, error) {
	all, err := r.Refusals(0, false, 0, 0)
	out := map[atoll.Origin]bool{}
	for _, no := range all {
		if no.State != storage.Applied {
			out[atoll.Origin{Site: no.Site, Seq: no.Seq}] = true
		}
	}
	return out, err
}

// lateEntries are the entries that were refused at first and stand since, judged
// together with those that were held behind them.
func lateEntries(r storage.Reader) (map[atoll.Origin]bool, error) {
	all, err := r.Refusals(0, false, 0, 0)
	out := map[atoll.Origin]bool{}
	for _, no := range all {
		if no.State == storage.Applied {
			out[atoll.Origin{Site: no.Site, Seq: no.Seq}] = true
		}
	}
	return out, err
}

// unmade reports whether the record never came to the centre because late entries of
// the database made and deleted it: together they come to nothing.
func (w *World) unmade(r storage.Reader, b book, key atoll.Key, late map[atoll.Origin]bool) bool {
	if _, err := r.Record(key); atoll.CodeOf(err) != atoll.NotFound {
		return false
	}
	made, gone := false, false
	for _, e := range w.account.books[b] {
		entry, err := atoll.DecodeEntry(e.Content)
		if err != nil || !late[atoll.Origin{Site: b.site, Seq: e.Seq}] {
			continue
		}
		for _, op := range entry.Operations {
			made = made || op.Key == key && op.Verb == atoll.Insert
			gone = gone || op.Key == key && op.Verb == atoll.Delete
		}
	}
	return made && gone
}

// keptOperation: the record is at the version of the operation, as the operation left
// it, or at a later one.
func (w *World) keptOperation(r storage.Reader, from atoll.Origin, op atoll.Operation) error {
	rec, err := r.Record(op.Key)
	switch {
	case atoll.CodeOf(err) == atoll.NotFound:
		w.Breach("kept", "the centre lacks %s, which entry %d of site %d made at version %d", op.Key, from.Seq, from.Site, op.Version)
		return nil
	case err != nil:
		return err
	case rec.Version < op.Version:
		w.Breach("kept", "the centre has version %d of %s; entry %d of site %d made version %d", rec.Version, op.Key, from.Seq, from.Site, op.Version)
		return nil
	case rec.Version > op.Version:
		return nil
	case rec.Origin != from:
		w.Breach("kept", "version %d of %s at the centre is of %s, not of entry %d of site %d, which was acknowledged", op.Version, op.Key, rec.Origin, from.Seq, from.Site)
		return nil
	case rec.Deleted:
		return nil
	}
	have := rec.MustFields()
	for name, value := range op.Fields {
		if string(value) != "null" && !bytes.Equal(have[name], value) {
			w.Breach("kept", "field %s of %s is %s at the centre; entry %d of site %d set it to %s", name, op.Key, have[name], from.Seq, from.Site, value)
		}
	}
	return nil
}
