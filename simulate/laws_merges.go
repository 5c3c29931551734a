package simulate

import (
	"context"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/merge"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// heirs are who stands for whom, as the merges at the centre say: worked out here, from
// the records alone, so that what the program makes of them can be held against it.
type heirs map[atoll.Key]atoll.ID

func heirsOf(records map[atoll.Key]atoll.Record) heirs {
	out := heirs{}
	for key, r := range records {
		if f := r.MustFields(); f.Text("status") == "merged" && f.Has("merged_into") {
			out[key] = f.ID("merged_into")
		}
	}
	return out
}

// of follows the merges to their end. A merge that comes back to where it was has no
// end: of those on the way round, the least stands for all.
func (h heirs) of(key atoll.Key) atoll.ID {
	been := map[atoll.ID]bool{}
	for at := key.ID; ; {
		next, merged := h[atoll.Key{Type: key.Type, ID: at}]
		switch {
		case !merged:
			return at
		case been[at]:
			least := at
			for on := next; on != at; on = h[atoll.Key{Type: key.Type, ID: on}] {
				least = min(least, on)
			}
			return least
		}
		been[at] = true
		at = next
	}
}

// merges: every reader knows the survivor of every merge, through chains of them, and
// resolves every reference to it; and no site has left a row of its own that names a
// record which was merged (R-E-30, R-E-35).
func (c *checker) merges(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) error {
	truth := heirsOf(centre.records)
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
}

func (c *checker) resolves(site atoll.SiteID, h *holding, rec atoll.Record, own *survivor.Resolver, truth heirs) error {
	def, ok := c.fleet.Catalogue.Lookup(rec.Type)
	if !ok || def.Class == catalogue.Message {
		return nil
	}
	if want := truth.of(rec.Key); want != rec.ID {
		c.looked["resolved"]++
		if here, err := own.Of(rec.Key); err != nil {
			return err
		} else if here != want {
			c.say("resolved", "%s: site %d takes %s to stand for it; by the merges, %s does", rec.Key, site, here, want)
		}
	}
	f := rec.MustFields()
	here, err := own.Fields(rec.Type, f)
	if err != nil {
		return err
	}
	for _, ref := range c.fleet.Catalogue.References(rec.Type, f) {
		if ref.Identity || slices.Contains([]string{"merged_into", "unmerged_from", catalogue.OnceMerged}, ref.Field) {
			continue // it is about the one record, whoever stands for it; what a record says of its own merges is history
		}
		if to, held := h.records[atoll.Key{Type: ref.To, ID: ref.ID}]; site != atoll.CentreID && (!held || to.Hidden) {
			continue // of somebody who is not seen there any more the site hears nothing, nor of a merge (R-G-12)
		}
		c.looked["resolved"]++
		want := truth.of(atoll.Key{Type: ref.To, ID: ref.ID})
		if here.ID(ref.Field) != want {
			c.say("resolved", "%s: site %d resolves %s to %s; by the merges it is %s", rec.Key, site, ref.Field, here.ID(ref.Field), want)
		}
		if want != ref.ID && c.owner(h, def, rec) == site {
			c.say("resolved", "%s: site %d owns it, and its %s names %s, which was merged", rec.Key, site, ref.Field, ref.ID)
		}
	}
	return nil
}

// kin maps every item that was ever merged to one of those it was merged with. A merge
// that a restored centre lost, and a person did not take back, is told of by the merge
// journals alone: rows that sites re-pointed stay with what survived it then.
func kin(nodes map[atoll.SiteID]*holding) map[atoll.ID]atoll.ID {
	parent := map[atoll.ID]atoll.ID{}
	var find func(id atoll.ID) atoll.ID
	find = func(id atoll.ID) atoll.ID {
		if p, ok := parent[id]; ok && p != id {
			return find(p)
		}
		return id
	}
	join := func(id, to atoll.ID) {
		if a, b := find(id), find(to); to != "" && a != b {
			parent[max(a, b)] = min(a, b) // in whatever order they come
		}
	}
	for key, r := range nodes[atoll.CentreID].records {
		if key.Type != "item" {
			continue
		}
		f := r.MustFields()
		for _, to := range append(catalogue.MergedBefore(f), f.ID("merged_into")) {
			join(key.ID, to)
		}
	}
	for _, h := range nodes {
		for key, r := range h.records {
			if key.Type != merge.Journal || r.Deleted || r.Hidden {
				continue
			}
			if f := r.MustFields(); f.Text("merged_type") == "item" {
				join(f.ID("merged_id"), f.ID("survivor_id"))
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
