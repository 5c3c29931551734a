package simulate

import (
	"bytes"
	"context"
	"iter"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
	"github.com/atollsync/atoll/wire"
)

// carried is a centre that answers once, from a file.
type carried struct{ file []byte }

func (c *carried) Exchange(context.Context, exchange.Hello, iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	if c.file == nil {
		return func(yield func(exchange.Frame, error) bool) { yield(nil, atoll.Errorf(atoll.Unavailable, "no line")) }
	}
	b := c.file
	c.file = nil
	return wire.ReadBundle(bytes.NewReader(b))
}

// TestR_H_41: a site that took its data from a file has what it would have from the
// line, to the byte, and goes on from there; also one that replaces another, whose
// journal goes on.
func TestR_H_41_AFileForASite(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		stock := w.stock("C", item, "50")
		w.ship("C", "B", stock, "5")
		w.peace()
		at, name := atoll.SiteID(3), "Sync Client 2"
		if again {
			w.replace(3)
			if err := w.Centre.Centre.ResetDevice(w.ctx, "technician", 3); err != nil {
				t.Fatal(err)
			}
		} else {
			n, err := w.AddSite(w.ctx, "Clinic", topology.Desktop)
			if err != nil {
				t.Fatal(err)
			}
			at, name = n.Door.Site, "Clinic"
			w.configure(central.Assign(w.Stores["E"], at))
		}
		n := w.Sites[at]
		var timeline atoll.Timeline
		err := n.Store.View(w.ctx, func(r storage.Reader) error {
			head, err := r.Head(at)
			timeline = head.Timeline
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		q := central.Request{
			Key: make([]byte, 32), Device: "device of " + name, Timeline: timeline, Protocol: exchange.Protocol,
			Catalogue: w.Catalogue.Version(), CatalogueHash: w.Catalogue.Hash(), App: "test",
		}
		bad := q
		bad.Key = nil
		for _, err := range w.Centre.Centre.Export(w.ctx, "administrator", at, bad) {
			w.refused(err, atoll.Invalid, "key")
		}
		var file bytes.Buffer
		if err := wire.WriteBundle(&file, w.Centre.Centre.Export(w.ctx, "administrator", at, q)); err != nil {
			t.Fatal(err)
		}
		if orders, err := w.Centre.Centre.SiteOrders(w.ctx, at, 9); err != nil || len(orders) == 0 || orders[0].What != "export" || orders[0].By != "administrator" {
			t.Errorf("again %t: the journal has the orders %+v, %v; want first who gave the site its place", again, orders, err)
		}
		w.stock("A", item, "1") // after the file was made
		w.update(1, "item", item, atoll.Fields{}.Set("name", "Item x, renamed"))
		o := n.Site.Options
		o.Centre = &carried{file.Bytes()}
		site.New(o).Cycle(w.ctx)
		if st, err := n.Site.Status(w.ctx); err != nil || st.State != site.Ready {
			t.Fatalf("again %t: the site is %q, %v", again, st.State, err)
		}
		if got := w.want(at, "item", item).Fields.Text("name"); got != "Item x" {
			t.Errorf("again %t: the item is %q; want it as the file has it", again, got)
		}
		if sites, err := w.Centre.Centre.Sites(w.ctx); err != nil || !sites[len(sites)-1].State.LastContact.IsZero() && !again {
			t.Errorf("the centre says the site was here: %v", err)
		}
		line := w.stock(map[bool]string{true: "C", false: "E"}[again], item, "3")
		c := w.sync(at)
		if total := len(w.list(at, "item")); c.Received == 0 || c.Received > 30 || total == 0 {
			t.Errorf("again %t: with its first exchange it received %d records", again, c.Received)
		}
		w.equal("stock_line", line, at, 1)
		w.equal("item", item, at, 1)
		if !again {
			w.peace()
			continue
		}
		// Its journal begins where the lost one ended, so the law about stock, which
		// reads journals from their beginning, is not asked.
		if err := w.Settle(w.ctx); err != nil {
			t.Fatal(err)
		}
		for _, key := range w.ofStore(1, "C") {
			w.equal(key.Type, key.ID, 1, 3)
		}
	}
}
