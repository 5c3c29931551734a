package simulate

import (
	"context"
	"maps"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

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
	return nodes[atoll.CentreID].fold(stockOf(nodes, nodes[atoll.CentreID])), nil
}

// fold counts items that were merged as the one that stands for them.
func (h *holding) fold(total map[Batch]string) map[Batch]string {
	out := map[Batch]string{}
	for b, packs := range total {
		for range 20 { // a chain of merges, and no longer one
			into := survivor.Into(h.records[atoll.Key{Type: "item", ID: b.Item}].MustFields())
			if into == "" {
				break
			}
			b.Item = into
		}
		out[b] = documents.Add(or0(out[b]), packs)
	}
	return out
}

// ledger is the paper of the goods between stores, as the owners have it.
type ledger struct {
	docs    map[atoll.ID]atoll.Fields // invoices
	lines   map[atoll.ID]atoll.Fields // of invoices
	answers map[atoll.ID][]atoll.ID   // line sent -> lines received
	bills   map[atoll.ID]atoll.ID     // line sent -> line of the invoice that a receipt made
}

func readLedger(nodes map[atoll.SiteID]*holding, centre *holding) ledger {
	l := ledger{map[atoll.ID]atoll.Fields{}, map[atoll.ID]atoll.Fields{}, map[atoll.ID][]atoll.ID{}, map[atoll.ID]atoll.ID{}}
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) { l.docs[r.ID] = f }, "invoice")
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		l.lines[r.ID] = f
		if sent := f.ID("originating_id"); sent != "" {
			l.answers[sent] = append(l.answers[sent], r.ID)
		}
	}, "invoice_line")
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		if sent := f.ID("originating_id"); sent != "" {
			l.bills[sent] = atoll.DeriveID("goods received invoice", string(r.ID))
		}
	}, "goods_received_line")
	return l
}

// moved reports whether the document of a line has moved its stock.
func (l ledger) moved(line atoll.Fields) bool {
	status := l.docs[line.ID("invoice_id")].Text("status")
	return status == documents.Confirmed || status == documents.Finalised
}

// sent calls fn with every line whose goods left one store for another, and
// whether they are in stock there.
func (l ledger) sent(fn func(id atoll.ID, f atoll.Fields, received bool)) {
	for id, f := range l.lines {
		doc := l.docs[f.ID("invoice_id")]
		kind := doc.Text("kind")
		if kind != documents.CustomerInvoice && kind != documents.SupplierCredit || !doc.Has("partner_store_id") || !l.moved(f) || !f.Has("stock_line_id") {
			continue
		}
		received := slices.ContainsFunc(l.answers[id], func(a atoll.ID) bool { return l.moved(l.lines[a]) })
		if bill, ok := l.lines[l.bills[id]]; ok && l.moved(bill) {
			received = true
		}
		fn(id, f, received)
	}
}

func stockOf(nodes map[atoll.SiteID]*holding, centre *holding) map[Batch]string {
	total := map[Batch]string{}
	add := func(b Batch, packs string) { total[b] = documents.Add(or0(total[b]), or0(packs)) }
	readLedger(nodes, centre).sent(func(_ atoll.ID, f atoll.Fields, received bool) {
		if !received {
			add(batchOf(f), f.Number("number_of_packs"))
		}
	})
	owned(nodes, centre, func(_ atoll.Record, f atoll.Fields) {
		add(batchOf(f), f.Number("total_number_of_packs"))
	}, "stock_line")
	return total
}

// stock: what is in the stores and between them is what ever came in and did not
// go out, as the journals tell it. Not asked while entries are refused, as the
// journals then tell of things that do not stand. What each stock line has is what its
// documents say in any case ([checker.shelves]).
func (c *checker) stock(ctx context.Context, nodes map[atoll.SiteID]*holding, centre *holding) error {
	c.shelves(nodes, centre)
	if len(centre.refused) > 0 {
		return nil
	}
	told, err := c.told(ctx, nodes)
	if err != nil {
		return err
	}
	_, unsent, err := c.underWay(ctx, nodes, centre)
	if err != nil {
		return err
	}
	readLedger(nodes, centre).counted(told, unsent)
	have := centre.fold(stockOf(nodes, centre))
	told = centre.fold(told)
	family := kin(nodes)
	told, have = together(family, told), together(family, have)
	c.looked["stock"] += len(told)
	apart := c.itemsApart(nodes)
	for b := range told {
		if apart[b.Item] {
			continue
		}
		if documents.Compare(or0(told[b]), or0(have[b])) != 0 {
			c.say("stock", "batch %q of item %s: the journals tell of %s packs, the stores and lorries have %s", b.Batch, b.Item, told[b], or0(have[b]))
		}
	}
	for b := range have {
		if _, ok := told[b]; !ok && !apart[b.Item] {
			c.say("stock", "batch %q of item %s: nobody brought in the %s packs there are", b.Batch, b.Item, have[b])
		}
	}
	return nil
}

// itemsApart are the items, and those they were merged with, of which a store that
// kept its data to itself ever had any.
func (c *checker) itemsApart(nodes map[atoll.SiteID]*holding) map[atoll.ID]bool {
	out := map[atoll.ID]bool{}
	if len(c.fleet.Apart) == 0 {
		return out
	}
	centre := nodes[atoll.CentreID]
	family := kin(nodes)
	for _, h := range nodes {
		for key, r := range h.records {
			if (key.Type == "stock_line" || key.Type == "invoice_line") && c.apart(r) {
				for b := range together(family, centre.fold(map[Batch]string{{Item: r.MustFields().ID("item_id")}: "0"})) {
					out[b.Item] = true
				}
			}
		}
	}
	return out
}

// counted takes account of what receivers counted otherwise than it was sent: that
// came in, or was lost, on the way (R-D-28). A receipt of an order brings its goods
// in by an invoice of its own, as if from outside. So does a receipt of what was never
// sent as things stand: that was refused, and the centre lists it (unsent).
func (l ledger) counted(told map[Batch]string, unsent map[atoll.ID]bool) {
	add := func(b Batch, packs string) { told[b] = documents.Add(or0(told[b]), or0(packs)) }
	l.sent(func(id atoll.ID, f atoll.Fields, received bool) {
		if !received {
			return
		}
		add(batchOf(f), documents.Sub("0", or0(f.Number("number_of_packs"))))
		for _, a := range l.answers[id] {
			if line := l.lines[a]; l.moved(line) && line.Has("stock_line_id") {
				add(batchOf(line), line.Number("number_of_packs"))
			}
		}
	})
	for _, f := range l.lines { // lines that a receiver added, or received by a document that was refused
		doc, sent := l.docs[f.ID("invoice_id")], f.ID("originating_id")
		line, there := l.lines[sent]
		there = there && (l.moved(line) || !unsent[line.ID("invoice_id")])
		if doc.Has("originating_id") && !there && l.moved(f) && f.Has("stock_line_id") && doc.Has("partner_store_id") {
			add(batchOf(f), f.Number("number_of_packs"))
		}
	}
}

// told replays the journals: the packs of each batch that came into the system
// less those that left it. A shipment between stores does neither. A line of a store
// that kept its data to itself may have begun in an entry that only its own site had,
// before its database was replaced: see [checker.itemsApart].
func (c *checker) told(ctx context.Context, nodes map[atoll.SiteID]*holding) (map[Batch]string, error) {
	type step struct {
		fields  atoll.Fields
		between bool // part of a shipment between stores
		deleted bool
	}
	steps := map[atoll.ID]map[uint64]step{}
	refused, stated, err := c.refusedEntries(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range c.fleet.Nodes() {
		teller, err := c.teller(ctx, n)
		if err != nil {
			return nil, err
		}
		err = teller.Store.View(ctx, func(r storage.Reader) error {
			for after := uint64(0); ; {
				page, err := r.Entries(n.Door.Site, after, 500, 8<<20)
				if err != nil || len(page) == 0 {
					return err
				}
				for _, je := range page {
					after = je.Seq
					if refused[atoll.Origin{Site: n.Door.Site, Seq: je.Seq}] {
						continue
					}
					e, err := atoll.DecodeEntry(je.Content)
					if err != nil {
						return err
					}
					between := slices.ContainsFunc(e.Operations, func(op atoll.Operation) bool { return shipped(r, op) })
					for _, op := range e.Operations {
						if op.Type != "stock_line" || op.Verb == atoll.Restate {
							continue
						}
						if op.Stays && op.Version <= stated[op.ID] && op.Version > nodes[atoll.CentreID].records[op.Key].Version {
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
	for id, versions := range steps {
		if _, begun := versions[1]; !begun && anywhere(nodes, atoll.Key{Type: "stock_line", ID: id}, c.apart) {
			continue
		}
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

// refusedEntries are those whose changes do not stand, as the centre decided, and the
// versions of stock lines that were stated in them: what stayed at its site was refused
// with the entry that stated it, not with the one that made it.
func (c *checker) refusedEntries(ctx context.Context) (entries map[atoll.Origin]bool, stated map[atoll.ID]uint64, err error) {
	entries, stated = map[atoll.Origin]bool{}, map[atoll.ID]uint64{}
	err = c.fleet.Centre.Store.View(ctx, func(r storage.Reader) error {
		all, err := r.Refusals(0, false, 0, 0)
		for _, no := range all {
			if no.State == storage.Applied {
				continue
			}
			entries[atoll.Origin{Site: no.Site, Seq: no.Seq}] = true
			e, err := atoll.DecodeEntry(no.Content)
			if err != nil {
				continue // a poisoned one
			}
			for _, op := range e.Operations {
				if op.Type == "stock_line" && op.Verb == atoll.Restate {
					stated[op.ID] = max(stated[op.ID], op.Version)
				}
			}
		}
		return err
	})
	return entries, stated, err
}

// teller is who has the node's journal from its beginning: the node itself, or the
// centre when the node's database is not its first.
func (c *checker) teller(ctx context.Context, n *Node) (*Node, error) {
	teller := n
	err := n.Store.View(ctx, func(r storage.Reader) error {
		base, err := r.Base(n.Door.Site)
		if base.Seq > 0 {
			teller = c.fleet.Centre
		}
		return err
	})
	return teller, err
}

// shipped reports whether the operation concerns an invoice between two stores. A line
// that was deleted before its invoice was sent tells nothing of that itself.
func shipped(r storage.Reader, op atoll.Operation) bool {
	if op.Type != "invoice" && op.Type != "invoice_line" {
		return false
	}
	view := journal.View{RecordReader: r}
	rec, _, err := view.Record(op.Key)
	if err != nil {
		return false
	}
	f := rec.MustFields()
	if f.Has("partner_store_id") || op.Type == "invoice" {
		return f.Has("partner_store_id")
	}
	invoice, _, err := view.Record(atoll.Key{Type: "invoice", ID: f.ID("invoice_id")})
	return err == nil && invoice.MustFields().Has("partner_store_id")
}
