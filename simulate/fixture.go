package simulate

import (
	"context"
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/topology"
)

// Pairs are the visible pairs of the worked example, F1.
var Pairs = [][2]string{{"A", "B"}, {"A", "E"}, {"B", "C"}, {"B", "F"}, {"C", "D"}}

// F1 builds the worked example: centre, two remote sites, stores A to F, five
// visible pairs, a collector copy of A on site 2, F managed only. Both sites have
// initialised. Mirrored adds site 4 as the primary, with store P (F2).
func F1(ctx context.Context, dir string, mirrored bool) (*Fleet, error) {
	return F1With(ctx, dir, Parts{}, mirrored)
}

// F1With is F1 with parts of one's own.
func F1With(ctx context.Context, dir string, parts Parts, mirrored bool) (*Fleet, error) {
	f, err := Assemble(ctx, dir, parts)
	if err != nil {
		return nil, err
	}
	for _, code := range []string{"A", "B", "C", "D", "E", "F"} {
		if err := f.AddStore(ctx, code, false); err != nil {
			return nil, err
		}
	}
	steps := []central.Configuration{}
	for _, p := range Pairs {
		steps = append(steps, central.MakeVisible(f.Stores[p[0]], f.Stores[p[1]], true))
	}
	for _, s := range steps {
		if _, err := f.Centre.Centre.Configure(ctx, "test", s); err != nil {
			return nil, err
		}
	}
	if _, err := f.AddSite(ctx, "Sync Client 1", topology.Server, "B", "F"); err != nil {
		return nil, err
	}
	if _, err := f.AddSite(ctx, "Sync Client 2", topology.Server, "C", "D"); err != nil {
		return nil, err
	}
	for _, s := range []central.Configuration{central.Collect(f.Stores["A"], 2, true), central.ManageOnly(f.Stores["F"], true)} {
		if _, err := f.Centre.Centre.Configure(ctx, "test", s); err != nil {
			return nil, err
		}
	}
	for _, id := range []atoll.SiteID{2, 3} {
		if _, err := f.Sync(ctx, id); err != nil {
			return nil, err
		}
	}
	if !mirrored {
		return f, nil
	}
	return f, f.mirror(ctx)
}

// mirror turns F1 into F2.
func (f *Fleet) mirror(ctx context.Context) error {
	if err := f.AddStore(ctx, "P", false); err != nil {
		return err
	}
	if _, err := f.Centre.Centre.Configure(ctx, "test", central.MakeVisible(f.Stores["A"], f.Stores["P"], true)); err != nil {
		return err
	}
	if _, err := f.AddSite(ctx, "Sync Client 3", topology.Mirror, "P"); err != nil {
		return err
	}
	if _, err := f.Centre.Centre.Configure(ctx, "test", central.MakePrimary(4)); err != nil {
		return err
	}
	for _, id := range []atoll.SiteID{4, 2, 3} {
		if _, err := f.Sync(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Item returns the id and the proposal of an item.
func Item(code string) (atoll.ID, journal.Proposal) {
	id := atoll.DeriveID("test item", code)
	return id, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "item", ID: id}, Fields: atoll.Fields{}.
		Set("code", code).Set("name", "Item "+code).Set("kind", "stock").Set("status", "active")}
}

// Stock returns the proposal of a stock line of packs in a store.
func Stock(id, store, item atoll.ID, packs string) journal.Proposal {
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "stock_line", ID: id}, Fields: atoll.Fields{}.
		Set("store_id", store).Set("item_id", item).Set("batch", "B-"+string(id[:4])).Set("expiry_date", "2028-06-30").
		Set("pack_size", number("10")).Set("total_number_of_packs", number(packs)).Set("available_number_of_packs", number(packs)).
		Set("cost_price_per_pack", number("1.50")).Set("sell_price_per_pack", number("2.10"))}
}

// Shipment makes and finalises a customer invoice of packs from a stock line to
// another store, and returns its id.
func (n *Node) Shipment(ctx context.Context, from, to, stockLine atoll.ID, packs ...string) (atoll.ID, error) {
	id := atoll.NewID(n.Clock.Now())
	t, err := n.Topology(ctx)
	if err != nil {
		return id, err
	}
	other, _ := t.Store(to)
	line, err := n.Record(ctx, atoll.Key{Type: "stock_line", ID: stockLine})
	if err != nil {
		return id, err
	}
	name := other.NameID
	if name == "" {
		name = topology.StoreNameID(to)
	}
	do := []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: id}, Fields: atoll.Fields{}.
		Set("store_id", from).Set("kind", documents.CustomerInvoice).Set("status", documents.New).Set("name_id", name)}}
	for _, p := range packs {
		f := atoll.Fields{}.Set("invoice_id", id).Set("store_id", from).Set("kind", "stock_out").
			Set("item_id", line.Fields.ID("item_id")).Set("stock_line_id", stockLine).Set("number_of_packs", number(p))
		for _, copied := range []string{"batch", "expiry_date", "pack_size", "cost_price_per_pack", "sell_price_per_pack"} {
			if line.Fields.Has(copied) {
				f[copied] = line.Fields[copied]
			}
		}
		do = append(do, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.NewID(n.Clock.Now())}, Fields: f})
	}
	if err := n.Insert(ctx, do...); err != nil {
		return id, err
	}
	return id, n.Finalise(ctx, id)
}

func number(s string) json.Number { return json.Number(s) }
