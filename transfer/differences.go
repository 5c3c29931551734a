package transfer

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/storage"
)

// Shortfall is a line of a shipment of which another quantity was received than
// was sent (R-D-29). Quantities are in packs as they were sent.
type Shortfall struct {
	Invoice  atoll.ID `json:"invoice"`
	Number   int64    `json:"number"`
	Line     atoll.ID `json:"line"`
	From     atoll.ID `json:"from_store_id"`
	To       atoll.ID `json:"to_store_id"`
	Item     atoll.ID `json:"item_id"`
	Batch    string   `json:"batch,omitempty"`
	PackSize string   `json:"pack_size"`
	Sent     string   `json:"sent"`
	Received string   `json:"received"`
	// Difference is what is missing; negative if more came than was sent.
	Difference string `json:"difference"`
}

// Differences returns the lines of the stores' finalised shipments that were
// received otherwise than sent, by invoice: of one store, or of all if store is "".
func Differences(r storage.Reader, store atoll.ID) ([]Shortfall, error) {
	var out []Shortfall
	for _, kind := range []string{documents.CustomerInvoice, documents.SupplierCredit} {
		q := storage.Query{Type: invoices.doc, Where: map[string]string{"kind": kind, "status": documents.Finalised}, Limit: 1000}
		if store != "" {
			q.Where["store_id"] = string(store)
		}
		for {
			page, err := r.Records(q)
			if err != nil {
				return nil, err
			}
			for _, rec := range page {
				q.After = rec.ID
				if out, err = differ(out, r, rec); err != nil {
					return nil, err
				}
			}
			if len(page) < q.Limit {
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Shortfall) int {
		return cmp.Or(cmp.Compare(a.Invoice, b.Invoice), cmp.Compare(a.Line, b.Line))
	})
	return out, nil
}

func differ(out []Shortfall, r storage.Reader, rec atoll.Record) ([]Shortfall, error) {
	f, err := rec.Fields()
	if err != nil || !f.Has("partner_store_id") || documents.Rank(f.Text("linked_status")) < documents.Rank(documents.Confirmed) {
		return out, err
	}
	lines, err := linesOf(r, invoices, rec.ID)
	if err != nil {
		return out, err
	}
	for _, l := range lines {
		lf := l.MustFields()
		if !lf.Has("received_number_of_packs") || documents.Compare(or0(lf.Number("number_of_packs")), lf.Number("received_number_of_packs")) == 0 {
			continue
		}
		out = append(out, Shortfall{
			Invoice: rec.ID, Number: f.Int("number"), Line: l.ID, From: f.ID("store_id"), To: f.ID("partner_store_id"),
			Item: lf.ID("item_id"), Batch: lf.Text("batch"), PackSize: lf.Number("pack_size"), Sent: or0(lf.Number("number_of_packs")),
			Received:   lf.Number("received_number_of_packs"),
			Difference: documents.Sub(or0(lf.Number("number_of_packs")), lf.Number("received_number_of_packs")),
		})
	}
	return out, nil
}
