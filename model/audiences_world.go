package model

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/digest"
	"github.com/atollsync/atoll/route"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// copyWorld is what stays the same: the stores, the documents' keys and audiences.
type copyWorld struct {
	topology     map[bool]*topology.Topology // by whether there is a copy
	covered      map[bool][]atoll.Audience   // by whether the copy's audience is
	copyAudience atoll.Audience
	own, other   atoll.ID
	third        atoll.ID // a store of which the reader has nothing
	def          *catalogue.Def
	keys         [documents]atoll.Key
	audiences    map[uint8][]atoll.Audience // by bits
	bodies       [16][4][]byte              // by version and bits
}

func newCopyWorld() *copyWorld {
	w := &copyWorld{
		topology: map[bool]*topology.Topology{}, covered: map[bool][]atoll.Audience{}, audiences: map[uint8][]atoll.Audience{},
		own: atoll.DeriveID("own store"), other: atoll.DeriveID("store with a copy"), third: atoll.DeriveID("third store"),
	}
	w.copyAudience = atoll.StoreAudience(w.other)
	w.def, _ = catalogue.Embedded().Lookup("invoice")
	for i := range w.keys {
		w.keys[i] = atoll.Key{Type: "invoice", ID: atoll.DeriveID("document", fmt.Sprint(i))}
	}
	for _, with := range []bool{false, true} {
		records := []atoll.Record{
			row("system", "system", atoll.Fields{}.Set("centre", 1).Set("primary", 1)),
			row("site", "reader", atoll.Fields{}.Set("number", 2).Set("name", "Reader")),
			row("site", "other", atoll.Fields{}.Set("number", 3).Set("name", "Other")),
			{Key: atoll.Key{Type: "store", ID: w.own}, Body: atoll.Fields{}.Set("code", "A").Set("name", "Own").Set("site_id", 2).Encode()},
			{Key: atoll.Key{Type: "store", ID: w.other}, Body: atoll.Fields{}.Set("code", "B").Set("name", "Other").Set("site_id", 3).Encode()},
			row("name_store_join", "join", atoll.Fields{}.Set("partner_store_id", w.other).Set("store_id", w.own).Set("name_id", topology.StoreNameID(w.other))),
		}
		if with {
			records = append(records, row("store_choice", "copy", atoll.Fields{}.Set("choice", "collector").Set("store_id", w.other).Set("site_id", 2)))
		}
		w.topology[with] = build(records)
		w.covered[with] = w.topology[with].Subscription(readerSite)
	}
	for _, via := range []uint8{viaCopy, viaOwn, viaCopy | viaOwn} {
		f, _ := atoll.ParseFields(w.body(1, via))
		w.audiences[via] = route.Audiences(w.topology[true], w.def, w.keys[0], f)
	}
	return w
}

func row(kind atoll.Type, name string, f atoll.Fields) atoll.Record {
	return atoll.Record{Key: atoll.Key{Type: kind, ID: atoll.DeriveID(string(kind), name)}, Body: f.Encode()}
}

func build(records []atoll.Record) *topology.Topology {
	t, err := topology.Build(func(yield func(atoll.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		panic(err) // a defect of the model
	}
	return t
}

func (w *copyWorld) number(k atoll.Key) int { return slices.Index(w.keys[:], k) }

func (w *copyWorld) body(version, via uint8) []byte {
	if b := w.bodies[version%16][via]; b != nil {
		return b
	}
	f := atoll.Fields{}.Set("store_id", w.third).Set("version", int(version))
	if via&viaCopy != 0 {
		f.Set("store_id", w.other)
	}
	if via&viaOwn != 0 {
		f.Set("partner_store_id", w.own)
	}
	w.bodies[version%16][via] = f.Encode()
	return w.bodies[version%16][via]
}

func (w *copyWorld) via(body []byte) (via uint8) {
	if bytes.Contains(body, []byte(w.other)) {
		via |= viaCopy
	}
	if bytes.Contains(body, []byte(w.own)) {
		via |= viaOwn
	}
	return via
}

// version is a version of a document, made by the other site in the entry of its
// number; the first was made by the reader, while the store was there.
func (w *copyWorld) version(i int, version, via uint8, deleted bool) atoll.Record {
	by := atoll.SiteID(3)
	if version == 1 {
		by = readerSite
	}
	return atoll.Record{
		Key: w.keys[i], Version: uint64(version), Deleted: deleted, Body: w.body(version, via),
		Origin: atoll.Origin{Site: by, Seq: uint64(version)},
	}
}

func (w *copyWorld) record(i int, d document) atoll.Record {
	r := w.version(i, d.Version, d.Via, d.Deleted)
	r.Position, r.Audiences = atoll.Position(d.At), w.audiences[d.Via]
	return r
}

// snapshot is the centre's database in a state, as far as answers read it.
type snapshot struct {
	storage.Reader
	w *copyWorld
	s audienceState
}

func (v snapshot) LastPosition() (atoll.Position, error) { return atoll.Position(v.s.Head), nil }

// Digest is that of an empty audience: checkpoints carry it, and nothing here looks.
func (v snapshot) Digest(atoll.Audience) (digest.Sum, error) { return digest.Sum{}, nil }

// OpenRefusals is empty: what was refused here was sent back.
func (v snapshot) OpenRefusals(atoll.SiteID, []atoll.Key) (map[atoll.Key]int64, error) {
	return nil, nil
}

func (v snapshot) Prefetch([]atoll.Key) error { return nil }

func (v snapshot) Record(key atoll.Key) (atoll.Record, error) {
	i := v.w.number(key)
	return v.w.record(i, v.s.Docs[i]), nil
}

func (v snapshot) Feed(a atoll.Audience, after, until atoll.Position, limit int) ([]storage.FeedLine, error) {
	var out []storage.FeedLine
	add := func(i int, at uint8, gone, forced bool) {
		if p := atoll.Position(at); at > 0 && p > after && (until == 0 || p <= until) {
			out = append(out, storage.FeedLine{Position: p, Key: v.w.keys[i], Gone: gone, Forced: forced})
		}
	}
	for i, d := range v.s.Docs {
		switch a {
		case v.w.copyAudience:
			add(i, d.GoneCopy, true, false)
			if d.Via&viaCopy != 0 {
				add(i, d.At, false, false)
			}
		case atoll.ToAudience(v.w.own):
			add(i, d.GoneOwn, true, false)
			if d.Via&viaOwn != 0 {
				add(i, d.At, false, false)
			}
		case atoll.SiteAudience(readerSite):
			add(i, d.Back, d.BackGone, true)
		default: // has none of the documents
		}
	}
	slices.SortFunc(out, func(x, y storage.FeedLine) int { return int(x.Position) - int(y.Position) })
	return out[:min(len(out), limit)], nil
}
