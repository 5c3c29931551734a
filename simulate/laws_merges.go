package simulate

import (
	"context"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// merges: every reader resolves every reference to the same survivor, and no site
// has left a row of its own that names a record which was merged (R-E-30, R-E-35).
func (c *checker) merges(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) error {
	return c.fleet.Centre.Store.View(ctx, func(there storage.Reader) error {
		truth := survivor.New(there, c.fleet.Catalogue)
		for site, h := range nodes {
			err := h.node.Store.View(ctx, func(here storage.Reader) error {
				own := survivor.New(here, c.fleet.Catalogue)
				for _, rec := range h.records {
					if rec.Deleted || rec.Hidden {
						continue
					}
					if err := c.resolves(site, h, rec, own, truth); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *checker) resolves(site atoll.SiteID, h *holding, rec atoll.Record, own, truth *survivor.Resolver) error {
	def, ok := c.fleet.Catalogue.Lookup(rec.Type)
	if !ok || def.Class == catalogue.Message {
		return nil
	}
	f := rec.MustFields()
	here, err := own.Fields(rec.Type, f)
	if err != nil {
		return err
	}
	want, err := truth.Fields(rec.Type, f)
	if err != nil {
		return err
	}
	for _, ref := range c.fleet.Catalogue.References(rec.Type, f) {
		c.looked["resolved"]++
		if here.ID(ref.Field) != want.ID(ref.Field) {
			c.say("resolved", "%s: site %d resolves %s to %s, the centre to %s", rec.Key, site, ref.Field, here.ID(ref.Field), want.ID(ref.Field))
		}
		if want.ID(ref.Field) != ref.ID && c.owner(h, def, rec) == site {
			c.say("resolved", "%s: site %d owns it, and its %s names %s, which was merged", rec.Key, site, ref.Field, ref.ID)
		}
	}
	return nil
}

// kin maps every item that was ever merged to one of those it was merged with.
func kin(centre *holding) map[atoll.ID]atoll.ID {
	parent := map[atoll.ID]atoll.ID{}
	var find func(id atoll.ID) atoll.ID
	find = func(id atoll.ID) atoll.ID {
		if p, ok := parent[id]; ok && p != id {
			return find(p)
		}
		return id
	}
	for key, r := range centre.records {
		if key.Type != "item" {
			continue
		}
		f := r.MustFields()
		for _, to := range append(catalogue.MergedBefore(f), f.ID("merged_into")) {
			if to != "" && find(key.ID) != find(to) {
				parent[find(key.ID)] = find(to)
			}
		}
	}
	out := map[atoll.ID]atoll.ID{}
	for id := range parent {
		out[id] = find(id)
	}
	return out
}

// together counts batches of items that were ever merged as one: a merge gives the
// packs of one item to another, and its undoing some of them back.
func together(kin map[atoll.ID]atoll.ID, stock map[Batch]string) map[Batch]string {
	out := make(map[Batch]string, len(stock))
	for b, packs := range stock {
		if to, ok := kin[b.Item]; ok {
			b.Item = to
		}
		out[b] = documents.Add(or0(out[b]), or0(packs))
	}
	return out
}
