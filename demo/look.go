package demo

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// get returns a record as a site shows it, nil if it does not.
func (s *stage) get(at atoll.SiteID, kind atoll.Type, id atoll.ID) *station.Record {
	r, err := s.at(at).host.Station.Record(s.ctx, atoll.Key{Type: kind, ID: id})
	if errors.Is(err, atoll.NotFound) {
		return nil
	}
	s.must(at, err)
	return &r
}

// want returns a record that must be there.
func (s *stage) want(at atoll.SiteID, kind atoll.Type, id atoll.ID) station.Record {
	r := s.get(at, kind, id)
	if r == nil {
		s.stop(at, "the %s that must be here is here (%s)", kind, id)
	}
	return *r
}

// list returns the records of a type with these values of indexed fields (name,
// value, …).
func (s *stage) list(at atoll.SiteID, kind atoll.Type, where ...string) []station.Record {
	q := storage.Query{Type: kind, Where: map[string]string{}}
	for i := 0; i < len(where); i += 2 {
		q.Where[where[i]] = where[i+1]
	}
	var out []station.Record
	for {
		page, next, err := s.at(at).host.Station.Records(s.ctx, q)
		s.must(at, err)
		out = append(out, page...)
		if next == "" {
			return out
		}
		q.After = next
	}
}

// answer returns the only responding half of a document.
func (s *stage) answer(at atoll.SiteID, kind atoll.Type, id atoll.ID) station.Record {
	got := s.list(at, kind, "originating_id", string(id))
	if len(got) != 1 {
		s.stop(at, "there is one responding %s (found: %d)", kind, len(got))
	}
	return got[0]
}

// next is the number that a store's next document of a kind will get.
func (s *stage) next(store, kind string) int64 {
	r := s.get(s.home(store), "number_sequence", documents.SequenceID(s.stores[store], kind))
	if r == nil {
		return 1
	}
	return r.Fields.Int("last") + 1
}

// equalTo tells that a record is the same at two sites, to the byte.
func (s *stage) equalTo(kind atoll.Type, id atoll.ID, a, b atoll.SiteID, what string) {
	x, y := s.get(a, kind, id), s.get(b, kind, id)
	if x == nil || y == nil {
		s.check(b, false, "%s is here, as at %s", what, spot(a))
		return
	}
	s.check(b, identical(x.Record, y.Record), "%s is here, equal to that of %s", what, spot(a))
}

// identical reports whether two sites have the same version of a record, to the
// byte.
func identical(x, y atoll.Record) bool {
	return string(x.Body) == string(y.Body) && x.Version == y.Version && x.Origin == y.Origin && x.Deleted == y.Deleted
}

// holding returns every record that a site has, hidden ones and tombstones
// included.
func (s *stage) holding(at atoll.SiteID) []atoll.Record {
	out, err := everything(s.ctx, s.at(at).host.Store)
	s.must(at, err)
	return out
}

// ofStore returns what a site holds of a store's data: not its core record, nor
// the name by which others trade with it.
func (s *stage) ofStore(at atoll.SiteID, store string) []atoll.Record {
	var out []atoll.Record
	for _, r := range s.holding(at) {
		if r.Type != "name" && r.MustFields().ID("store_id") == s.stores[store] {
			out = append(out, r)
		}
	}
	return out
}

// instance is a store as people at a site see it; the zero view if they do not.
func (s *stage) instance(at atoll.SiteID, store string) station.StoreView {
	views, err := s.at(at).host.Station.Stores(s.ctx)
	s.must(at, err)
	for _, v := range views {
		if v.ID == s.stores[store] {
			return v
		}
	}
	return station.StoreView{}
}

func (s *stage) topology(at atoll.SiteID) *topology.Topology {
	t, err := s.at(at).host.Station.Topology(s.ctx)
	s.must(at, err)
	return t
}

// seq is the end of a site's journal as that site has it.
func (s *stage) seq(at atoll.SiteID) uint64 {
	var head atoll.Head
	s.must(at, s.at(at).host.Store.View(s.ctx, func(r storage.Reader) (err error) {
		head, err = r.Head(at)
		return err
	}))
	return head.Seq
}

// journalCopy returns the entries of a site's journal after seq, as the centre has
// them.
func (s *stage) journalCopy(of atoll.SiteID, after uint64) []*atoll.Entry {
	var out []*atoll.Entry
	s.must(centreSite, s.centre.host.Store.View(s.ctx, func(r storage.Reader) error {
		out = nil
		page, err := r.Entries(of, after, 10_000, 64<<20)
		if err != nil {
			return err
		}
		for _, je := range page {
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				return err
			}
			e.Seq = je.Seq
			out = append(out, e)
		}
		return nil
	}))
	return out
}

// onHand adds up the packs of a batch of this scenario in a store, as a site has
// them.
func (s *stage) onHand(at atoll.SiteID, store, batch string) string {
	total := "0"
	for _, r := range s.list(at, "stock_line", "store_id", string(s.stores[store]), "batch", batch) {
		total = documents.Add(total, r.Fields.Number("total_number_of_packs"))
	}
	return total
}

// sorted returns the types in a map in order.
func sorted[V any](m map[atoll.Type]V) []atoll.Type { return slices.Sorted(maps.Keys(m)) }

// sortedCodes returns the letters in a map in order.
func sortedCodes[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// spoken is a record type as people say it.
func spoken(t atoll.Type) string { return strings.ReplaceAll(string(t), "_", " ") }

func decimal(s string) json.Number { return json.Number(s) }
