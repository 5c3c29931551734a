package simulate

import (
	"context"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// initiating are the kinds of document that another store answers.
var initiating = map[string]atoll.Type{
	documents.CustomerInvoice: "invoice", documents.SupplierCredit: "invoice", documents.Request: "requisition",
}

// owned calls fn with each live record of the types, as the site that its store
// is active on has it.
func owned(nodes map[atoll.SiteID]*holding, centre *holding, fn func(atoll.Record, atoll.Fields), types ...atoll.Type) {
	for site, h := range nodes {
		for key, r := range h.records {
			if r.Deleted || !slices.Contains(types, key.Type) {
				continue
			}
			fields := r.MustFields()
			if s, ok := centre.topology.Store(fields.ID("store_id")); ok && s.Site == site {
				fn(r, fields)
			}
		}
	}
}

// pairs: each initiating half has exactly one responding half, in the store it is
// addressed to, and knows of it (R-D-11, R-D-12).
func (c *checker) pairs(nodes map[atoll.SiteID]*holding, centre *holding) {
	answers := map[atoll.ID][]atoll.Record{}
	var open []atoll.Record
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		if id := f.ID("originating_id"); id != "" {
			answers[id] = append(answers[id], r)
		} else if initiating[f.Text("kind")] == r.Type && f.Has("partner_store_id") && f.Text("status") == documents.Finalised {
			open = append(open, r)
		}
	}, "invoice", "requisition")
	for _, r := range open {
		f := r.MustFields()
		half := answers[r.ID]
		delete(answers, r.ID)
		if len(half) != 1 {
			c.say("%s of store %s has %d responding halves", r.Key, f.ID("store_id"), len(half))
			continue
		}
		other := half[0].MustFields()
		switch {
		case other.ID("store_id") != f.ID("partner_store_id") || other.ID("partner_store_id") != f.ID("store_id"):
			c.say("%s is addressed to store %s and answered in %s", r.Key, f.ID("partner_store_id"), other.ID("store_id"))
		case f.ID("linked_"+string(r.Type)+"_id") != half[0].ID || f.Text("linked_status") != other.Text("status") || f.Int("linked_number") != other.Int("number"):
			c.say("%s does not know how its responding half %s stands", r.Key, half[0].ID)
		}
	}
	for id, half := range answers {
		c.say("%d documents answer %s, which is not there", len(half), id)
	}
}

// Batch is what stock is counted by.
type Batch struct {
	Item            atoll.ID
	Batch, PackSize string
}

func batchOf(f atoll.Fields) Batch {
	return Batch{f.ID("item_id"), f.Text("batch"), documents.Add(f.Number("pack_size"), "0")}
}

// Stock returns how many packs there are of each batch: in the stores, and on
// their way between them (sent, and not yet received).
func (f *Fleet) Stock(ctx context.Context) (map[Batch]string, error) {
	nodes := map[atoll.SiteID]*holding{}
	for _, n := range f.Nodes() {
		h, err := snapshot(ctx, n)
		if err != nil {
			return nil, err
		}
		nodes[n.Door.Site] = h
	}
	return stockOf(nodes, nodes[atoll.CentreID]), nil
}

func stockOf(nodes map[atoll.SiteID]*holding, centre *holding) map[Batch]string {
	total := map[Batch]string{}
	add := func(b Batch, packs string) { total[b] = documents.Add(or0(total[b]), packs) }
	docs := map[atoll.ID]atoll.Fields{}
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) { docs[r.ID] = f }, "invoice")
	answered := map[atoll.ID]bool{} // lines whose goods have been received
	owned(nodes, centre, func(_ atoll.Record, f atoll.Fields) {
		if line := f.ID("originating_id"); line != "" && docs[f.ID("invoice_id")].Text("status") == documents.Finalised {
			answered[line] = true
		}
	}, "invoice_line")
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		doc := docs[f.ID("invoice_id")]
		sent := initiating[doc.Text("kind")] == "invoice" && doc.Has("partner_store_id") && doc.Text("status") == documents.Finalised
		if sent && f.Has("stock_line_id") && !answered[r.ID] {
			add(batchOf(f), f.Number("number_of_packs"))
		}
	}, "invoice_line")
	owned(nodes, centre, func(_ atoll.Record, f atoll.Fields) {
		add(batchOf(f), f.Number("total_number_of_packs"))
	}, "stock_line")
	return total
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// stock: what is in the stores and between them is what ever came in and did not
// go out, as the journals tell it. Not asked while entries are refused, as the
// journals then tell of things that do not stand.
func (c *checker) stock(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) error {
	if len(centre.refused) > 0 {
		return nil
	}
	told, err := c.told(ctx)
	if err != nil {
		return err
	}
	// What the receiver counted otherwise than it was sent came in, or was lost, on
	// the way (R-D-28).
	owned(nodes, centre, func(_ atoll.Record, f atoll.Fields) {
		if f.Has("originating_id") && f.Has("stock_line_id") && f.Has("sent_number_of_packs") {
			b := batchOf(f)
			told[b] = documents.Add(or0(told[b]), documents.Sub(f.Number("number_of_packs"), f.Number("sent_number_of_packs")))
		}
	}, "invoice_line")
	have := stockOf(nodes, centre)
	for b := range told {
		if documents.Compare(or0(told[b]), or0(have[b])) != 0 {
			c.say("batch %q of item %s: the journals tell of %s packs, the stores and lorries have %s", b.Batch, b.Item, told[b], or0(have[b]))
		}
	}
	for b := range have {
		if _, ok := told[b]; !ok {
			c.say("batch %q of item %s: nobody brought in the %s packs there are", b.Batch, b.Item, have[b])
		}
	}
	return nil
}

// told replays the journals: the packs of each batch that came into the system
// less those that left it. A shipment between stores does neither.
func (c *checker) told(ctx context.Context) (map[Batch]string, error) {
	type step struct {
		fields  atoll.Fields
		between bool // part of a shipment between stores
		deleted bool
	}
	steps := map[atoll.ID]map[uint64]step{}
	for _, n := range c.fleet.Nodes() {
		err := n.Store.View(ctx, func(r storage.Reader) error {
			for after := uint64(0); ; {
				page, err := r.Entries(n.Door.Site, after, 500, 8<<20)
				if err != nil || len(page) == 0 {
					return err
				}
				for _, je := range page {
					after = je.Seq
					e, err := atoll.DecodeEntry(je.Content)
					if err != nil {
						return err
					}
					between := slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool { return shipped(r, op) })
					for _, op := range e.Operations {
						if op.Type != "stock_line" || op.Verb == atoll.Restate {
							continue
						}
						if steps[op.ID] == nil {
							steps[op.ID] = map[uint64]step{}
						}
						steps[op.ID][op.Version] = step{op.Fields, between, op.Verb == atoll.Delete}
					}
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	total := map[Batch]string{}
	for _, versions := range steps {
		state, packs := atoll.Fields{}, "0"
		for _, v := range slices.Sorted(maps.Keys(versions)) {
			s := versions[v]
			state = state.Apply(s.fields)
			now := state.Number("total_number_of_packs")
			if s.deleted {
				now = "0"
			}
			b := batchOf(state)
			if !s.between {
				total[b] = documents.Add(or0(total[b]), documents.Sub(now, packs))
			} else if total[b] == "" {
				total[b] = "0"
			}
			packs = now
		}
	}
	return total, nil
}

// shipped reports whether the operation concerns an invoice between two stores.
func shipped(r storage.Reader, op atoll.Operation) bool {
	if op.Type != "invoice" {
		return false
	}
	rec, _, err := journal.View{RecordReader: r}.Record(op.Key)
	return err == nil && rec.MustFields().Has("partner_store_id")
}
