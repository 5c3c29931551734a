package simulate

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// get returns a record as the site shows it, nil if it does not.
func (w *world) get(at atoll.SiteID, kind atoll.Type, id atoll.ID) *station.Record {
	w.t.Helper()
	r, err := w.At(at).Record(w.ctx, atoll.Key{Type: kind, ID: id})
	if errors.Is(err, atoll.NotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return &r
}

// want returns a record that must be shown at the site.
func (w *world) want(at atoll.SiteID, kind atoll.Type, id atoll.ID) station.Record {
	w.t.Helper()
	r := w.get(at, kind, id)
	if r == nil {
		w.t.Fatalf("site %d does not show %s %s", at, kind, id)
	}
	return *r
}

// list returns the records of a type at a site, with these values of indexed
// fields (name, value, …).
func (w *world) list(at atoll.SiteID, kind atoll.Type, where ...string) []station.Record {
	w.t.Helper()
	q := storage.Query{Type: kind, Where: map[string]string{}}
	for i := 0; i < len(where); i += 2 {
		q.Where[where[i]] = where[i+1]
	}
	out, _, err := w.At(at).Records(w.ctx, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// one returns the only record that list would.
func (w *world) one(at atoll.SiteID, kind atoll.Type, where ...string) station.Record {
	w.t.Helper()
	got := w.list(at, kind, where...)
	if len(got) != 1 {
		w.t.Fatalf("site %d has %d %ss with %v; want one", at, len(got), kind, where)
	}
	return got[0]
}

// answer returns the responding half of a document at a site.
func (w *world) answer(at atoll.SiteID, kind atoll.Type, id atoll.ID) station.Record {
	w.t.Helper()
	return w.one(at, kind, "originating_id", string(id))
}

// equal wants the record to be the same at both sites, to the byte.
func (w *world) equal(kind atoll.Type, id atoll.ID, a, b atoll.SiteID) {
	w.t.Helper()
	x, y := w.want(a, kind, id), w.want(b, kind, id)
	if string(x.Body) != string(y.Body) || x.Version != y.Version || x.Origin != y.Origin {
		w.t.Errorf("%s is version %d %s at site %d, version %d %s at site %d", x.Key, x.Version, x.Body, a, y.Version, y.Body, b)
	}
}

// instance returns the type of a store on a site, as the site itself shows it:
// "" when it is not in the list.
func (w *world) instance(at atoll.SiteID, store string) station.StoreView {
	w.t.Helper()
	views, err := w.At(at).Stores(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range views {
		if v.ID == w.Stores[store] {
			return v
		}
	}
	return station.StoreView{}
}

// ofStore returns every record of the store that the node holds, hidden ones
// included, other than its core record and the name it is traded with.
func (w *world) ofStore(at atoll.SiteID, store string) []atoll.Key {
	w.t.Helper()
	var out []atoll.Key
	h, err := snapshot(w.ctx, w.At(at))
	if err != nil {
		w.t.Fatal(err)
	}
	for key, r := range h.records {
		if key.Type != "name" && r.MustFields().ID("store_id") == w.Stores[store] {
			out = append(out, key)
		}
	}
	return out
}

// seq is the end of the site's journal.
func (w *world) seq(at atoll.SiteID) uint64 {
	w.t.Helper()
	var head atoll.Head
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) (err error) {
		head, err = r.Head(at)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return head.Seq
}

// journalCopy returns the entries of a site's journal after seq, as the centre
// has them.
func (w *world) journalCopy(of atoll.SiteID, after uint64) (out []*atoll.Entry) {
	w.t.Helper()
	err := w.Centre.Store.View(w.ctx, func(r storage.Reader) error {
		page, err := r.Entries(of, after, 10_000, 64<<20)
		for _, je := range page {
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				return err
			}
			e.Seq = je.Seq
			out = append(out, e)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// visibilityRows counts the rows that say who sees the store.
func (w *world) visibilityRows(at atoll.SiteID, store string) int {
	w.t.Helper()
	n := len(w.list(at, "name_store_join", "store_id", string(w.Stores[store])))
	return n + len(w.list(at, "store_preference", "store_id", string(w.Stores[store])))
}

// checked holds one database to its laws.
func (w *world) checked(at atoll.SiteID) {
	w.t.Helper()
	n := w.At(at)
	err := n.Store.View(w.ctx, func(r storage.Reader) error {
		laws, err := verify.Check(r, n.Door, nil)
		for _, l := range laws {
			if len(l.Faults) > 0 {
				w.t.Errorf("site %d, %s: %v", at, l.Name, l.Faults)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
