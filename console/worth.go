package console

import (
	"errors"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// worth is what the lines of a document come to.
type worth struct {
	Lines int
	Cut   bool   // there are more lines than were counted
	Value string // of the lines, "" where none has a price
	Tax   string // on it, "" where none is noted
}

// Total is the value with tax.
func (w worth) Total() string { return documents.Add(w.Value, or0(w.Tax)) }

// priced is where lines of a type say how many packs there are and what one costs; the
// first price that a line has counts.
type priced struct {
	packs, size string // size: packs are told in units, of which a pack has so many
	prices      []string
}

// pricedIn says it for the lines of a document, false where they have no prices. Goods
// that go out are worth what they are sold for, as they are where they are on their
// way; others what they cost.
func pricedIn(t atoll.Type, kind string) (priced, bool) {
	switch {
	case t == "invoice" && (kind == documents.CustomerInvoice || kind == documents.CustomerCredit):
		return priced{packs: "number_of_packs", prices: []string{"sell_price_per_pack", "cost_price_per_pack"}}, true
	case t == "invoice":
		return priced{packs: "number_of_packs", prices: []string{"cost_price_per_pack"}}, true
	case t == "purchase_order":
		return priced{
			packs: "requested_quantity", size: "requested_pack_size",
			prices: []string{"price_per_pack_after_discount", "price_per_pack_before_discount"},
		}, true
	case t == "goods_received":
		return priced{packs: "number_of_packs_received", prices: []string{"cost_price_per_pack"}}, true
	}
	return priced{}, false
}

// add counts a line, of which number tells the numbers by the names of their fields.
// What is taxed otherwise is noted at the line, else at the document.
func (w *worth) add(p priced, taxed string, number func(field string) string) {
	w.Lines++
	price := ""
	for _, field := range p.prices {
		if price == "" {
			price = number(field)
		}
	}
	if price == "" {
		return
	}
	packs := or0(number(p.packs))
	if size := number(p.size); p.size != "" && size != "" {
		packs = documents.Div(packs, size)
	}
	value := documents.Mul(packs, price)
	w.Value = documents.Add(or0(w.Value), value)
	if own := number("tax_percent"); own != "" {
		taxed = own
	}
	if taxed != "" {
		w.Tax = documents.Add(or0(w.Tax), documents.Mul(value, documents.Mul(taxed, "0.01")))
	}
}

// noted is a number that a record has, "" where it has none.
func noted(f atoll.Fields, name string) string {
	if !f.Has(name) {
		return ""
	}
	return f.Number(name)
}

// How many lines are counted to say what the documents of a list come to: of one, and of
// all on the page.
const (
	mostLines   = 500
	mostWeighed = 5000
)

var errEnough = errors.New("enough lines were counted")

// worths counts the lines of documents, as far as that is cheap: of what has too many
// it says so, and no value.
func (c *console) worths(v *Visit, recs []station.Record) (map[atoll.ID]worth, error) {
	out := make(map[atoll.ID]worth, len(recs))
	return out, c.Database.View(v.ctx(), func(r storage.Reader) error {
		left := mostWeighed
		for _, rec := range recs {
			line, parent, ok := documents.LineOf(rec.Type)
			if !ok || line == "" {
				continue
			}
			p, _ := pricedIn(rec.Type, rec.Fields.Text("kind"))
			fields := append([]string{"tax_percent", p.packs, p.size}, p.prices...)
			var w worth
			q := storage.RowQuery{Type: line, Fields: fields, Where: map[string]string{parent: string(rec.ID)}}
			err := r.Rows(q, func(row storage.Row) error {
				if left--; left < 0 || w.Lines == mostLines {
					return errEnough
				}
				w.add(p, noted(rec.Fields, "tax_percent"), func(field string) string {
					for i, name := range fields {
						if name == field && name != "" {
							return string(row.Number(i))
						}
					}
					return ""
				})
				return nil
			})
			if errors.Is(err, errEnough) {
				w.Cut, w.Value, w.Tax = true, "", ""
				if n := int(rec.Fields.Int("line_count")); n >= w.Lines {
					w.Lines, w.Cut = n, false
				}
				err = nil
			}
			if err != nil {
				return err
			}
			out[rec.ID] = w
		}
		return nil
	})
}

// heavy is from how many bytes on an entry is not read to say who made it: an import.
const heavy = 64 << 10

// hands says who made the version that stands of each record, as far as the journals
// are here.
func (c *console) hands(v *Visit, recs []station.Record) (map[atoll.Origin]string, error) {
	out := map[atoll.Origin]string{}
	return out, c.Database.View(v.ctx(), func(r storage.Reader) error {
		for _, rec := range recs {
			if _, known := out[rec.Origin]; known {
				continue
			}
			out[rec.Origin] = ""
			je, err := r.Entry(rec.Origin.Site, rec.Origin.Seq)
			if err != nil && atoll.CodeOf(err) != atoll.NotFound {
				return err
			}
			if err != nil || len(je.Content) > heavy {
				continue
			}
			if e, err := atoll.DecodeEntry(je.Content); err == nil {
				out[rec.Origin] = v.who(e.Actor, e.Cause)
			}
		}
		return nil
	})
}
