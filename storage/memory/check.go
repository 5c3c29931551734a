package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/storage"
)

// Check reads the whole database and fails with atoll.Damaged if what must agree
// in it does not: the records with their seals, the index, the counts and the
// digests with the records, the positions, the density of journals, the lanes and
// the lists of refusals. It does not verify the journals' hash chains, which are
// not the engine's. It disturbs nobody.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(r *reader) error {
		c := &check{state: r.state}
		for _, look := range []func(){c.order, c.records, c.seals, c.index, c.journals, c.stage, c.quarantine} {
			if err := ctx.Err(); err != nil {
				return err
			}
			look()
		}
		if c.faults != nil {
			return atoll.Errorf(atoll.Damaged, "the database is damaged: %s", strings.Join(c.faults, "; ")).Do("it is a defect of the engine, or of what uses it")
		}
		return nil
	})
}

type check struct {
	*state
	faults []string
}

const mostFaults = 20

func (c *check) fault(format string, args ...any) {
	if len(c.faults) < mostFaults {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// order finds tables in which an entry was changed after it was put there.
func (c *check) order() {
	inOrder(c, "records", c.state.records)
	inOrder(c, "changes", c.changed)
	inOrder(c, "the index", c.state.index)
	inOrder(c, "counts", c.counts)
	inOrder(c, "digests", c.digests)
	inOrder(c, "journals", c.heads)
	inOrder(c, "journal entries", c.journal)
	inOrder(c, "the feed", c.feed)
	inOrder(c, "staged items", c.staged)
	inOrder(c, "lanes", c.lanes)
	inOrder(c, "refusals", c.refusals)
	inOrder(c, "refusals of sites", c.bySite)
	inOrder(c, "open refusals", c.open)
	inOrder(c, "refusals of records", c.byKey)
	inOrder(c, "the shelf", c.shelf)
}

func inOrder[T any](c *check, name string, t table[T]) {
	n := 0
	var before T
	t.tree.Scan(func(it T) bool {
		if n++; n > 1 && !t.tree.Less(before, it) {
			c.fault("%s are not in order at %d", name, n)
		}
		before = it
		return true
	})
	if n != t.tree.Len() {
		c.fault("%s: %d are there, %d are counted", name, n, t.tree.Len())
	}
}

func (c *check) records() {
	live := map[atoll.Type]int{}
	c.state.records.tree.Scan(func(r *row) bool {
		if at, ok := c.changed.tree.Get(r); !ok || at != r {
			c.fault("%s is not among the changes at %d", r.record.Key, r.record.Position)
		}
		if r.record.Position > c.last {
			c.fault("%s is at %d, above the last position %d", r.record.Key, r.record.Position, c.last)
		}
		if len(r.record.Body) > 0 && !json.Valid(r.record.Body) {
			c.fault("%s has a body that is not JSON", r.record.Key)
		}
		if r.live() {
			live[r.record.Type]++
		}
		return true
	})
	if a, b := c.state.records.tree.Len(), c.changed.tree.Len(); a != b {
		c.fault("there are %d records and %d changes", a, b)
	}
	c.counts.tree.Scan(func(n count) bool {
		if n.n != live[n.typ] {
			c.fault("there are %d records of %s more than counted", live[n.typ]-n.n, n.typ)
		}
		delete(live, n.typ)
		return true
	})
	if len(live) > 0 {
		c.fault("there are records of %d types that are not counted", len(live))
	}
}

// seals finds records that are not as they were put, and digests that are not
// those of the seals.
func (c *check) seals() {
	sums := map[atoll.Audience]digest.Sum{}
	c.state.records.tree.Scan(func(r *row) bool {
		if digest.Of(r.record) != r.seal {
			c.fault("%s is not as it was put", r.record.Key)
		}
		if !r.record.Hidden {
			for _, a := range digest.Counted(r.record.Audiences) {
				s := sums[a]
				s.Add(r.seal)
				sums[a] = s
			}
		}
		return true
	})
	c.digests.tree.Scan(func(k kept) bool {
		if k.Sum != sums[k.Audience] {
			c.fault("the digest of %s is not that of its records", k.Audience)
		}
		delete(sums, k.Audience)
		return true
	})
	if len(sums) > 0 {
		c.fault("%d audiences with records have no digest", len(sums))
	}
}

func (c *check) index() {
	n := 0
	c.state.records.tree.Scan(func(r *row) bool {
		for _, f := range r.index {
			n++
			if _, ok := c.state.index.tree.Get(&indexed{r.record.Type, f.name, f.value, r.record.ID}); !ok {
				c.fault("%s is missing from the index of %s", r.record.Key, f.name)
			}
		}
		return true
	})
	// With none missing, equal numbers mean that none is left over either.
	if have := c.state.index.tree.Len(); have != n {
		c.fault("the index has %d rows, the records have %d", have, n)
	}
}

func (c *check) journals() {
	n := 0
	c.heads.tree.Scan(func(h *chain) bool {
		n += h.entries
		if h.head.Seq-h.base.Seq != uint64(h.entries) {
			c.fault("the journal of site %d begins after %d, ends at %d and has %d entries", h.site, h.base.Seq, h.head.Seq, h.entries)
		}
		for seq := h.base.Seq + 1; seq <= h.head.Seq; seq++ {
			e, ok := c.journal.tree.Get(&storage.JournalEntry{Site: h.site, Seq: seq})
			switch {
			case !ok:
				c.fault("the journal of site %d has no entry %d", h.site, seq)
			case seq == h.head.Seq && (e.Hash != h.head.Hash || e.Timeline != h.head.Timeline):
				c.fault("the journal of site %d does not end with its last entry", h.site)
			}
		}
		return true
	})
	if have := c.journal.tree.Len(); have != n {
		c.fault("there are %d journal entries, the journals have %d", have, n)
	}
}

func (c *check) stage() {
	c.staged.tree.Scan(func(s *staged) bool {
		if at, ok := c.lanes.tree.Get(s); !ok || at != s {
			c.fault("%s is staged and not in the lane %s", s.Key, s.lane)
		}
		return true
	})
	if a, b := c.staged.tree.Len(), c.lanes.tree.Len(); a != b {
		c.fault("%d items are staged, %d are in lanes", a, b)
	}
}

func (c *check) quarantine() {
	open, keys := 0, map[refused]bool{}
	c.refusals.tree.Scan(func(f *storage.Refusal) bool {
		at := refused{site: f.Site, id: f.ID}
		if _, ok := c.bySite.tree.Get(at); !ok {
			c.fault("refusal %d is missing from those of site %d", f.ID, f.Site)
		}
		_, listed := c.open.tree.Get(at)
		if is := f.State == storage.Open; is != listed {
			c.fault("refusal %d is %s, and listed as open: %t", f.ID, f.State, listed)
		} else if is {
			open++
		}
		for _, key := range f.Keys {
			at := refused{key: key, id: f.ID}
			keys[at] = true
			if _, ok := c.byKey.tree.Get(at); !ok {
				c.fault("refusal %d is missing from those of %s", f.ID, key)
			}
		}
		return true
	})
	if c.bySite.tree.Len() != c.refusals.tree.Len() || c.open.tree.Len() != open || c.byKey.tree.Len() != len(keys) {
		c.fault("the lists of refusals hold more than there are")
	}
}
