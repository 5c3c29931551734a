package transfer

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// PrepareShipment returns a new customer invoice that supplies what a response
// requisition asks for (R-D-06): for each of its lines the approved quantity, or
// the one to supply, or the requested, less what earlier shipments of it have
// supplied, taken from the stock that expires first. It may be called again for
// what is left.
func PrepareShipment(d documents.Desk, requisition atoll.ID) (atoll.ID, []journal.Proposal, error) {
	id := atoll.NewID(d.Now)
	do, err := prepare(d, requisition, id)
	return id, do, err
}

func prepare(d documents.Desk, requisition, id atoll.ID) ([]journal.Proposal, error) {
	key := atoll.Key{Type: requisitions.doc, ID: requisition}
	_, f, ok, err := find(d.R, key)
	if err != nil {
		return nil, err
	}
	approval := f.Text("approval_status")
	switch {
	case !ok:
		return nil, atoll.Errorf(atoll.NotFound, "there is no such requisition").About(key)
	case f.Text("kind") != documents.Response:
		return nil, atoll.Errorf(atoll.LifeCycle, "goods are sent for a response requisition; this is a %s", kindWords(f.Text("kind"))).About(key)
	case documents.Pending(approval) || documents.Denied(approval):
		return nil, atoll.Errorf(atoll.LifeCycle, "the requisition is not authorised").About(key).Do("have it authorised first")
	case f.Text("status") == documents.Cancelled:
		return nil, atoll.Errorf(atoll.LifeCycle, "the requisition is cancelled").About(key)
	}
	store := f.ID("store_id")
	header := atoll.Fields{}.Set("store_id", store).Set("kind", documents.CustomerInvoice).Set("status", documents.New).
		Set("requisition_id", requisition).Set("created_at", atoll.Stamp(d.Now))
	copyFields(header, f, []string{"name_id", "purchase_order_id", "program_id", "their_reference"})
	lines, err := linesOf(d.R, requisitions, requisition)
	if err != nil {
		return nil, err
	}
	out := []journal.Proposal{{Verb: atoll.Insert, Key: atoll.Key{Type: invoices.doc, ID: id}, Fields: header}}
	taken := map[atoll.ID]string{}
	supplied, err := suppliedBefore(d, requisition)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		rows, err := allocate(d, store, l, or0(supplied[l.ID]), taken)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			row.Set("invoice_id", id).Set("store_id", store)
			line := atoll.DeriveID("prepared line", string(id), string(l.ID), row.Text("stock_line_id"))
			out = append(out, journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: invoices.line, ID: line}, Fields: row.Compacted()})
		}
	}
	return d.Settle(out)
}

// suppliedBefore is how many units of each requisition line earlier shipments of the
// requisition have, or will have, sent.
func suppliedBefore(d documents.Desk, requisition atoll.ID) (map[atoll.ID]string, error) {
	made, err := d.R.Records(storage.Query{Type: invoices.doc, Where: map[string]string{"requisition_id": string(requisition)}})
	if err != nil {
		return nil, err
	}
	out := map[atoll.ID]string{}
	for _, m := range made {
		if f := m.MustFields(); f.Text("kind") != documents.CustomerInvoice || f.Text("status") == documents.Cancelled {
			continue
		}
		lines, err := linesOf(d.R, invoices, m.ID)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			f := l.MustFields()
			size := f.Number("pack_size")
			if size == "" {
				size = "1"
			}
			id := f.ID("requisition_line_id")
			out[id] = documents.Add(or0(out[id]), documents.Mul(or0(f.Number("number_of_packs")), size))
		}
	}
	return out, nil
}

// allocate chooses stock for one requisition line: what expires first goes first,
// what has expired does not go.
func allocate(d documents.Desk, store atoll.ID, line atoll.Record, supplied string, taken map[atoll.ID]string) ([]atoll.Fields, error) {
	f, err := line.Fields()
	if err != nil {
		return nil, err
	}
	want := or0(f.Number("requested_quantity"))
	for _, name := range []string{"approved_quantity", "supplied_quantity"} {
		if f.Has(name) {
			want = f.Number(name)
			break
		}
	}
	want = documents.Sub(want, supplied)
	stock, err := d.StockOf(store, f.ID("item_id"))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(stock, func(a, b atoll.Record) int { return cmp.Compare(expiry(a), expiry(b)) })
	today := d.Now.UTC().Format("2006-01-02")
	var out []atoll.Fields
	for _, s := range stock {
		sf := s.MustFields()
		size := sf.Number("pack_size")
		if size == "" || documents.Sign(size) <= 0 {
			size = "1"
		}
		free := documents.Sub(or0(sf.Number("available_number_of_packs")), or0(taken[s.ID]))
		if documents.Sign(want) <= 0 {
			break
		}
		if sf.Bool("on_hold", false) || documents.Sign(free) <= 0 || sf.Has("expiry_date") && sf.Text("expiry_date") < today {
			continue
		}
		packs := documents.Div(want, size)
		if documents.Compare(packs, free) > 0 {
			packs = free
		}
		taken[s.ID] = documents.Add(or0(taken[s.ID]), packs)
		want = documents.Sub(want, documents.Mul(packs, size))
		row := atoll.Fields{}.Set("kind", documents.StockOut).Set("stock_line_id", s.ID).Set("number_of_packs", number(packs)).
			Set("requisition_line_id", line.ID).Set("pack_size", number(size))
		copyFields(row, f, []string{"item_id", "item_name", "item_code", "purchase_order_line_id", "line_number"})
		copyFields(row, sf, []string{
			"batch", "expiry_date", "manufacture_date", "cost_price_per_pack", "sell_price_per_pack", "item_variant_id", "donor_id",
			"manufacturer_id", "location_id", "volume_per_pack", "vvm_status_id", "campaign_id", "program_id",
		})
		out = append(out, row)
	}
	return out, nil
}

func expiry(r atoll.Record) string {
	if e := r.MustFields().Text("expiry_date"); e != "" {
		return e
	}
	return "9999"
}
