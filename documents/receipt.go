package documents

import (
	"encoding/json"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// What finalising goods received leads to, by store preference (R-D-64).
const (
	ReceiptAction      = "good_receipt_finalise_next_action"
	ReceiptOnHold      = "supplier_invoice_on_hold" // the default
	ReceiptInvoice     = "supplier_invoice"         // not on hold
	ReceiptIntoStock   = "supplier_invoice_finalised"
	ReceiptWithoutBill = "none"
)

// ReceiptInvoiceID is the identity of the supplier invoice that finalising goods
// received makes.
func ReceiptInvoiceID(receipt atoll.ID) atoll.ID {
	return atoll.DeriveID("goods received invoice", string(receipt))
}

// StorePreference returns a store's own preference, or the system's if it has
// none; nil if neither is set.
func (d Desk) StorePreference(store atoll.ID, key string) (json.RawMessage, error) {
	rows, err := d.R.Records(storage.Query{Type: "store_preference", Where: map[string]string{"store_id": string(store)}})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if f := r.MustFields(); f.Text("key") == key {
			return f["value"], nil
		}
	}
	return d.T.Preference(key), nil
}

// invoiceReceipt makes the supplier invoice of goods received, as the store's
// preference says (R-D-64).
func (p *paper) invoiceReceipt() error {
	store := p.Fields.ID("store_id")
	v, err := p.desk.StorePreference(store, ReceiptAction)
	if err != nil {
		return err
	}
	next := ReceiptOnHold
	if len(v) > 0 {
		if err := json.Unmarshal(v, &next); err != nil {
			next = ReceiptOnHold
		}
	}
	if len(p.lines) == 0 {
		return atoll.Errorf(atoll.LifeCycle, "nothing is on it, so nothing was received").About(p.key).
			Do("add a line for what came, or cancel it").Because("receipt.empty")
	}
	if next == ReceiptWithoutBill {
		return nil
	}
	for _, r := range p.lines {
		if r.MustFields().Text("status") == "unauthorised" {
			return atoll.Errorf(atoll.LifeCycle, "a line of the goods received is not authorised").About(r.Key).On("status").
				Do("authorise it, or take it out").Because("receipt.unauthorised")
		}
	}
	id := ReceiptInvoiceID(p.key.ID)
	n, sequence, err := p.desk.Number(store, SupplierInvoice)
	if err != nil {
		return err
	}
	at := atoll.Stamp(p.desk.Now)
	header := atoll.Fields{}.Set("store_id", store).Set("kind", SupplierInvoice).Set("status", New).Set("number", n).
		Set("goods_received_id", p.key.ID).Set("on_hold", next == ReceiptOnHold).Set("created_at", at).Set("line_count", len(p.lines))
	if next == ReceiptIntoStock {
		header.Set("status", Finalised).Set("received_at", at).Set("confirmed_at", at).Set("finalised_at", at)
	}
	carry(header, p.Fields, map[string]string{
		"name_id": "name_id", "purchase_order_id": "purchase_order_id", "currency_id": "currency_id", "currency_rate": "currency_rate",
		"donor_id": "default_donor_id", "supplier_reference": "their_reference", "comment": "comment",
	})
	if !header.Has("name_id") { // goods came from whom they were ordered
		order, there, err := journal.View{RecordReader: p.desk.R}.Record(atoll.Key{Type: "purchase_order", ID: p.Fields.ID("purchase_order_id")})
		if err != nil {
			return err
		}
		if there {
			carry(header, order.MustFields(), map[string]string{"name_id": "name_id"})
		}
	}
	p.header.Set("linked_invoice_id", id)
	p.more = append(p.more, journal.Proposal{Verb: atoll.Insert, Key: invoice(id), Fields: header.Compacted()}, sequence)
	for i, r := range p.lines {
		from := r.MustFields()
		line := atoll.Fields{}.Set("invoice_id", id).Set("store_id", store).Set("kind", StockIn).Set("line_number", i+1)
		carry(line, from, map[string]string{
			"item_id": "item_id", "item_name": "item_name", "item_code": "item_code", "batch": "batch", "expiry_date": "expiry_date",
			"manufacture_date": "manufacture_date", "received_pack_size": "pack_size", "number_of_packs_received": "number_of_packs",
			"cost_price_per_pack": "cost_price_per_pack", "volume_per_pack": "volume_per_pack", "location_id": "location_id",
			"manufacturer_id": "manufacturer_id", "item_variant_id": "item_variant_id", "purchase_order_line_id": "purchase_order_line_id",
			"is_extra": "is_extra",
		})
		p.more = append(p.more, journal.Proposal{
			Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: atoll.DeriveID("goods received invoice", string(r.ID))}, Fields: line.Compacted(),
		})
	}
	return nil
}

// carry copies fields, under the names they have there.
func carry(to, from atoll.Fields, names map[string]string) {
	for name, there := range names {
		if from.Has(name) {
			to[there] = from[name]
		}
	}
}
