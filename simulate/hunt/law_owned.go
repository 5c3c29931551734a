package hunt

import (
	"bytes"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/storage"
)

// owned: nobody wrote what it did not own. It is found out anew from the journals alone,
// without the program's own rules: which site had a store in each of its epochs stands in
// the entries that moved the store, and each operation says under which epoch it was
// written.
func owned(w *World) error {
	return w.Centre.Store.View(w.Ctx, func(r storage.Reader) error {
		refused, err := refusedEntries(r)
		if err != nil {
			return err
		}
		w.stopped(r, refused)
		o := &owners{
			w: w, held: map[atoll.ID]map[uint64]atoll.SiteID{}, store: map[atoll.Key]atoll.ID{},
			primary: map[atoll.SiteID]bool{atoll.CentreID: true}, rights: map[string]map[atoll.ID]bool{}, right: map[atoll.ID]string{},
			homes: map[atoll.ID]map[atoll.ID]bool{},
		}
		w.tally.Types = map[string]int{}
		heads, err := r.Journals()
		if err != nil {
			return err
		}
		for _, look := range []func(atoll.SiteID, *atoll.Entry){o.learn, o.judge} {
			for _, site := range slices.Sorted(maps.Keys(heads)) {
				if err := entriesOf(r, site, refused, func(e *atoll.Entry) { look(site, e) }); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// entriesOf reads a journal as the centre has it, but for what it has refused.
func entriesOf(r storage.Reader, site atoll.SiteID, refused map[atoll.Origin]bool, fn func(*atoll.Entry)) error {
	for after := uint64(0); ; {
		page, err := r.Entries(site, after, 500, 8<<20)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, je := range page {
			after = je.Seq
			if refused[atoll.Origin{Site: site, Seq: je.Seq}] {
				continue
			}
			e, err := atoll.DecodeEntry(je.Content)
			if err != nil {
				return err
			}
			e.Site, e.Seq = site, je.Seq
			fn(e)
		}
	}
}

// owners is who had what, by the journals.
type owners struct {
	w     *World
	held  map[atoll.ID]map[uint64]atoll.SiteID // of each store, by epoch
	store map[atoll.Key]atoll.ID               // of each record that belongs to one
	// Who ever was, and had:
	primary map[atoll.SiteID]bool
	rights  map[string]map[atoll.ID]bool   // by domain: the stores with the right
	right   map[atoll.ID]string            // the domain of each delegation
	homes   map[atoll.ID]map[atoll.ID]bool // by person: home stores
}

// learn remembers where stores went, and to which store records belong.
func (o *owners) learn(_ atoll.SiteID, e *atoll.Entry) {
	for _, op := range e.Operations {
		if op.Type == "store" {
			if o.held[op.ID] == nil {
				o.held[op.ID] = map[uint64]atoll.SiteID{}
			}
			if op.Fields.Has("site_id") {
				o.held[op.ID][uint64(op.Fields.Int("epoch"))] = atoll.SiteID(op.Fields.Int("site_id"))
			}
		}
		o.w.tally.Types[string(op.Type)]++
		def, ok := o.w.Catalogue.Lookup(op.Type)
		if ok && op.Verb == atoll.Insert && op.Fields.Has(def.Scope) {
			o.store[op.Key] = op.Fields.ID(def.Scope)
		}
		switch {
		case op.Type == "system" && op.Fields.Has("primary"):
			o.primary[atoll.SiteID(op.Fields.Int("primary"))] = true
		case op.Type == "delegation":
			if op.Fields.Has("domain") {
				o.right[op.ID] = op.Fields.Text("domain")
			}
			note(o.rights, o.right[op.ID], op.Fields.ID("store_id"))
		case ok && def.Home != "" && op.Fields.Has(def.Home):
			note(o.homes, op.ID, op.Fields.ID(def.Home))
		}
	}
}

func note[K comparable](of map[K]map[atoll.ID]bool, key K, id atoll.ID) {
	if of[key] == nil {
		of[key] = map[atoll.ID]bool{}
	}
	of[key][id] = true
}

// had reports whether one of the stores was ever at the site.
func (o *owners) had(site atoll.SiteID, stores map[atoll.ID]bool) bool {
	for s := range stores {
		for _, by := range o.held[s] {
			if by == site {
				return true
			}
		}
	}
	return false
}

// judge holds each operation to who could write it.
func (o *owners) judge(site atoll.SiteID, e *atoll.Entry) {
	for _, op := range e.Operations {
		def, ok := o.w.Catalogue.Lookup(op.Type)
		if !ok || !op.Withheld.IsZero() || op.Verb == atoll.Restate {
			continue
		}
		switch def.Class {
		case catalogue.Store:
			o.ofStore(site, e, def, op)
		case catalogue.Sync:
			o.w.Looked("owned", 1)
			if def.Editor == catalogue.ByCentre && site != atoll.CentreID {
				o.w.Breach("owned", "entry %d of site %d wrote %s, which is the centre's", e.Seq, site, op.Key)
			}
		case catalogue.Local:
			if site != atoll.CentreID && !op.Stays {
				o.w.Breach("owned", "entry %d of site %d sent %s, which is local", e.Seq, site, op.Key)
			}
		case catalogue.Central, catalogue.Name:
			if def.Editor != catalogue.ByPrimary || len(def.Also) > 0 {
				continue
			}
			o.w.Looked("owned", 1)
			if !o.primary[site] && !o.had(site, o.rights[def.Area]) && !o.had(site, o.rights["all"]) {
				o.w.Breach("owned", "entry %d of site %d (%s) wrote %s: the site never was the primary, and never had the right to edit %s", e.Seq, site, e.Cause.Kind, op.Key, def.Area)
			}
		case catalogue.Patient:
			who := op.ID
			if def.Home == "" {
				who = o.store[op.Key]
			}
			if def.Editor != catalogue.ByHome || who == "" || site == atoll.CentreID || def.Home == "" && len(def.Also) > 0 {
				continue
			}
			o.w.Looked("owned", 1)
			if !o.had(site, o.homes[who]) {
				o.w.Breach("owned", "entry %d of site %d (%s) wrote %s, of somebody who never was at home there", e.Seq, site, e.Cause.Kind, op.Key)
			}
		case catalogue.CentralStore, catalogue.Message: // the centre's, or nobody's to change
		}
	}
}

// ofStore: the site had the record's store in the epoch under which it wrote.
func (o *owners) ofStore(site atoll.SiteID, e *atoll.Entry, def *catalogue.Def, op atoll.Operation) {
	store, known := o.store[op.Key]
	if !known || def.Editor != catalogue.ByActive || len(def.Also) > 0 && def.Also[0].Editor != "" {
		return
	}
	o.w.Looked("owned", 1)
	if by, was := o.held[store][op.Epoch]; !was || by != site {
		if site == atoll.CentreID && !bytes.Equal(op.Fields["originating_id"], nil) {
			return // the centre answers for sites whose programs are older (R-D-14)
		}
		o.w.Breach("owned", "entry %d of site %d (%s) wrote %s of store %s under epoch %d, when the store was at site %d", e.Seq, site, e.Cause.Kind, op.Key, store, op.Epoch, by)
	}
}
