package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// Law is something that must always hold inside one database.
type Law struct {
	Name  string `json:"name"`
	Words string `json:"words"`
	// Looked is how many things were held against it: a law that looked at nothing
	// has proved nothing.
	Looked int `json:"looked"`
	// Faults are the first cases in which it does not hold, in words; Found is how
	// many there are.
	Faults []string `json:"faults,omitempty"`
	Found  int      `json:"found"`
}

// mostFaults is how many are told of one law.
const mostFaults = 20

// Fault notes a case in which the law does not hold.
func (l *Law) Fault(format string, args ...any) {
	if l.Found++; len(l.Faults) < mostFaults {
		l.Faults = append(l.Faults, fmt.Sprintf(format, args...))
	}
}

// Check holds one database to its laws, on one snapshot: chains, seals, digests,
// positions, the index, the feed, quarantine, staging. It takes as long as reading
// everything some times over, and changes nothing. Progress may be nil.
func Check(r storage.Reader, d *journal.Door, progress func(law string, done int)) ([]Law, error) {
	var out []Law
	for _, law := range []struct {
		name, words string
		check       func(*checking) error
	}{
		{"chains", "every journal follows from its first entry to its last", chains},
		{"seals", "every record is as it was stored", seals},
		{"digests", "the digest of every audience is that of its records", digests},
		{"positions", "no two changes have one position, and none is above the last", positions},
		{"index", "lists find every record by its values, and nothing else", indexes},
		{"audiences", "every record has the audiences that follow from it", audiences},
		{"feed", "every record stands in the feed under its audiences, once, and nowhere else", feed},
		{"quarantine", "what was refused is in the journal, and waits behind what is refused", quarantine},
		{"staging", "what has arrived and waits can be read", staging},
	} {
		c := &checking{r: r, door: d, law: Law{Name: law.name, Words: law.words}}
		c.progress = func(n int) {
			if progress != nil {
				progress(law.name, n)
			}
		}
		if err := law.check(c); err != nil {
			return out, err
		}
		out = append(out, c.law)
	}
	return out, nil
}

type checking struct {
	r        storage.Reader
	door     *journal.Door
	law      Law
	progress func(int)
}

// records calls fn with every record.
func (c *checking) records(fn func(atoll.Record) error) error {
	for after := atoll.Position(0); ; {
		rows, err := c.r.Changed(after, page)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, rec := range rows {
			after = rec.Position
			if err := fn(rec); err != nil {
				return err
			}
		}
		c.progress(c.law.Looked)
	}
}

func chains(c *checking) error {
	heads, err := c.r.Journals()
	if err != nil {
		return err
	}
	for _, site := range slices.Sorted(maps.Keys(heads)) {
		base, err := c.r.Base(site)
		if err != nil {
			return err
		}
		n, err := journal.Verify(c.r, site, base.Seq, base.Hash)
		c.law.Looked += n
		if err != nil {
			c.law.Fault("journal of site %d: %v", site, err)
		} else if base.Seq+uint64(n) != heads[site].Seq {
			c.law.Fault("journal of site %d: it ends at %d, but %d entries after %d were read", site, heads[site].Seq, n, base.Seq)
		}
		c.progress(c.law.Looked)
	}
	return nil
}

func seals(c *checking) error {
	found, err := Scrub(c.r, c.progress)
	if err != nil {
		return err
	}
	c.law.Looked = found.Records
	for _, s := range found.Spoiled {
		c.law.Fault("%s is not as it was stored", s.Record.Key)
	}
	if found.Uncounted {
		c.law.Fault("there are more or fewer records than were counted")
	}
	return nil
}

func digests(c *checking) error {
	found, err := Scrub(c.r, c.progress)
	if err != nil {
		return err
	}
	list, err := c.r.Digests("", 0)
	if err != nil {
		return err
	}
	c.law.Looked = len(list)
	for _, a := range slices.Sorted(maps.Keys(found.Off)) {
		off := found.Off[a]
		switch {
		case off.Count < 0:
			c.law.Fault("%s: %d records are missing", a, -off.Count)
		case off.Count > 0:
			c.law.Fault("%s: there are %d records too many", a, off.Count)
		default:
			c.law.Fault("%s: its records are others", a)
		}
	}
	return nil
}

func positions(c *checking) error {
	last, err := c.r.LastPosition()
	if err != nil {
		return err
	}
	before := atoll.Position(0)
	return c.records(func(rec atoll.Record) error {
		c.law.Looked++
		if rec.Position <= before || rec.Position > last {
			c.law.Fault("%s is at %d, after %d; the last position is %d", rec.Key, rec.Position, before, last)
		}
		before = rec.Position
		return nil
	})
}

// indexes: for each value of an indexed field the list has as many records as have
// it, and these.
func indexes(c *checking) error {
	cat := c.door.Judge.Catalogue
	type place struct {
		kind         atoll.Type
		field, value string
	}
	want := map[place]map[atoll.ID]bool{}
	err := c.records(func(rec atoll.Record) error {
		f, err := rec.Fields()
		if err != nil {
			return nil //nolint:nilerr // the seals tell of it
		}
		for field, value := range cat.Index(rec.Type, f) {
			p := place{rec.Type, field, value}
			if want[p] == nil {
				want[p] = map[atoll.ID]bool{}
			}
			want[p][rec.ID] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for p, ids := range want {
		c.law.Looked++
		found, err := c.r.Records(storage.Query{Type: p.kind, Where: map[string]string{p.field: p.value}, All: true})
		if err != nil {
			return err
		}
		for _, rec := range found {
			if !ids[rec.ID] {
				c.law.Fault("%s is listed by %s = %.60q, which it has not", rec.Key, p.field, p.value)
			}
			delete(ids, rec.ID)
		}
		for id := range ids {
			c.law.Fault("%s/%s is not listed by %s = %.60q, which it has", p.kind, id, p.field, p.value)
		}
		if c.law.Looked%1000 == 0 {
			c.progress(c.law.Looked)
		}
	}
	return nil
}

func audiences(c *checking) error {
	return c.records(func(rec atoll.Record) error {
		want, told, err := c.door.Audiences(c.r, rec)
		if err != nil || !told {
			return err
		}
		if c.law.Looked++; !slices.Equal(want, rec.Audiences) {
			c.law.Fault("%s is under %v; it should be under %v", rec.Key, rec.Audiences, want)
		}
		return nil
	})
}

// feed: at the centre each record has one line under each of its audiences, at its
// position; what else is there was put there to be sent again, or says that a record
// has left.
func feed(c *checking) error {
	if !c.door.Centre {
		return nil
	}
	expected := map[atoll.Audience]int{}
	err := c.records(func(rec atoll.Record) error {
		for _, a := range rec.Audiences {
			expected[a]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for a, n := range expected {
		for after := atoll.Position(0); ; {
			lines, err := c.r.Feed(a, after, 0, page)
			if err != nil {
				return err
			}
			if len(lines) == 0 {
				break
			}
			for _, l := range lines {
				after = l.Position
				c.law.Looked++
				rec, err := c.r.Record(l.Key)
				if err != nil && !errors.Is(err, atoll.NotFound) {
					return err
				}
				switch under := err == nil && slices.Contains(rec.Audiences, a); {
				case l.Gone && under && l.Position == rec.Position:
					c.law.Fault("%s stands under %s as gone, and has not left it", l.Key, a)
				case l.Gone:
				case err != nil:
					c.law.Fault("%s stands under %s, and there is no such record", l.Key, a)
				case under && l.Position == rec.Position:
					n--
				}
			}
			c.progress(c.law.Looked)
		}
		if n != 0 {
			c.law.Fault("%s lacks %d of the lines that its records should have", a, n)
		}
	}
	return nil
}

func quarantine(c *checking) error {
	refused, err := c.r.Refusals(0, false, 0, 0)
	if err != nil {
		return err
	}
	byID := map[int64]storage.Refusal{}
	for _, no := range refused {
		byID[no.ID] = no
	}
	for _, no := range refused {
		c.law.Looked++
		if e, err := c.r.Entry(no.Site, no.Seq); err != nil {
			c.law.Fault("refusal %d is about entry %d/%d, which is not in the journal", no.ID, no.Site, no.Seq)
		} else if atoll.Digest(e.Content) != atoll.Digest(no.Content) {
			c.law.Fault("refusal %d keeps another entry %d/%d than the journal has", no.ID, no.Site, no.Seq)
		}
		if first, ok := byID[no.Behind]; no.Behind != 0 && (!ok || first.Site != no.Site || first.ID >= no.ID) {
			c.law.Fault("refusal %d waits behind %d, which is no earlier one of the site", no.ID, no.Behind)
		}
	}
	return nil
}

func staging(c *checking) error {
	lanes, err := c.r.CountStaged()
	if err != nil {
		return err
	}
	for lane, n := range lanes {
		seen := map[atoll.Key]bool{}
		err := storage.EachStaged(c.r, lane, func(it storage.StagedItem) error {
			if c.law.Looked++; seen[it.Key] || !it.Key.ID.Valid() || len(it.Payload) == 0 {
				c.law.Fault("%s in lane %q cannot be taken", it.Key, lane)
			}
			seen[it.Key] = true
			return nil
		})
		if err != nil {
			return err
		}
		if len(seen) != n {
			c.law.Fault("lane %q has %d items, not %d", lane, len(seen), n)
		}
	}
	return nil
}
