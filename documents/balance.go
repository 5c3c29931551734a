package documents

import (
	"cmp"
	"slices"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// StockLedger is what happened to a stock line, as far as the documents here tell:
// Opening + the packs of all movements = Now. Opening is what no document here
// explains: stock that was there from the beginning, or that moved by documents
// this site was spared (R-H-26).
type StockLedger struct {
	StockLine atoll.ID    `json:"stock_line"`
	Opening   string      `json:"opening"`
	Movements []LedgerRow `json:"movements"` // oldest first
	Now       string      `json:"now"`
}

// LedgerRow is one document line that moved stock.
type LedgerRow struct {
	Document atoll.Key `json:"document"`
	Line     atoll.ID  `json:"line"`
	At       string    `json:"at"` // when the stock moved, RFC 3339
	Number   string    `json:"number,omitempty"`
	Kind     string    `json:"kind"`
	Packs    string    `json:"packs"`   // negative when they went
	Balance  string    `json:"balance"` // after it
}

// moving are the lines that can move stock, and their documents.
var moving = []struct{ line, doc atoll.Type }{{"invoice_line", "invoice"}, {"prescription_line", "prescription"}}

// Ledger works out the ledger of a stock line from the records that are here.
func (d Desk) Ledger(stockLine atoll.ID) (StockLedger, error) {
	key := atoll.Key{Type: "stock_line", ID: stockLine}
	f, err := d.document(key)
	if err != nil {
		return StockLedger{}, err
	}
	out := StockLedger{StockLine: stockLine, Now: cmp.Or(f.Number("total_number_of_packs"), "0"), Movements: []LedgerRow{}}
	out.Opening = out.Now
	for _, m := range moving {
		lines, err := d.R.Records(storage.Query{Type: m.line, Where: map[string]string{"stock_line_id": string(stockLine)}})
		if err != nil {
			return out, err
		}
		for _, r := range lines {
			row, moved, err := d.ledgerRow(m.doc, r)
			if err != nil {
				return out, err
			}
			if moved {
				out.Movements = append(out.Movements, row)
				out.Opening = Sub(out.Opening, row.Packs)
			}
		}
	}
	slices.SortFunc(out.Movements, func(a, b LedgerRow) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Line, b.Line)) })
	balance := out.Opening
	for i := range out.Movements {
		balance = Add(balance, out.Movements[i].Packs)
		out.Movements[i].Balance = balance
	}
	return out, nil
}

func (d Desk) ledgerRow(doc atoll.Type, line atoll.Record) (LedgerRow, bool, error) {
	f, err := line.Fields()
	if err != nil {
		return LedgerRow{}, false, err
	}
	row := LedgerRow{Document: atoll.Key{Type: doc, ID: f.ID(string(doc) + "_id")}, Line: line.ID}
	h, err := d.R.Record(row.Document)
	if atoll.CodeOf(err) == atoll.NotFound || err == nil && h.Deleted {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	header, err := h.Fields()
	if err != nil {
		return row, false, err
	}
	row.Packs = movementOf(holdOf(doc, header), f).Total
	row.At = when(effective(header), f)
	row.Number, row.Kind = header.Number("number"), cmp.Or(header.Text("kind"), string(doc))
	return row, Sign(row.Packs) != 0, nil
}
