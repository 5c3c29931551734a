package simulate

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// paper is a kind of document that moves stock, with the lines that say how much.
var paper = []struct {
	document, line atoll.Type
	of             string // the field of a line that names its document
}{
	{"invoice", "invoice_line", "invoice_id"},
	{"prescription", "prescription_line", "prescription_id"},
}

// shelves: each stock line has what its documents say, at its owner: what there was at
// the beginning, and what came and went since by lines of documents that took effect;
// and of that, what is promised by documents that did not yet is not available. It is
// added up here, from the documents alone: the program's own sums are not asked.
func (c *checker) shelves(nodes map[atoll.SiteID]*holding, centre *holding) {
	total, promised := map[atoll.ID]string{}, map[atoll.ID]string{}
	add := func(to map[atoll.ID]string, line atoll.ID, packs string) {
		to[line] = documents.Add(or0(to[line]), or0(packs))
	}
	for _, p := range paper {
		status := map[atoll.ID]string{}
		owned(nodes, centre, func(r atoll.Record, f atoll.Fields) { status[r.ID] = f.Text("status") }, p.document)
		owned(nodes, centre, func(_ atoll.Record, f atoll.Fields) {
			on, packs := f.ID("stock_line_id"), f.Number("number_of_packs")
			if on == "" {
				return
			}
			switch s := status[f.ID(p.of)]; f.Text("kind") {
			case "stock_in":
				if s == "confirmed" || s == "finalised" {
					add(total, on, packs)
				}
			case "stock_out":
				if s == "confirmed" || s == "finalised" {
					add(total, on, documents.Sub("0", or0(packs)))
				}
				if s == "suggested" {
					add(promised, on, packs)
				}
			}
		}, p.line)
	}
	owned(nodes, centre, func(r atoll.Record, f atoll.Fields) {
		c.looked["stock"]++
		want := documents.Add(or0(f.Number("opening_number_of_packs")), or0(total[r.ID]))
		if is := or0(f.Number("total_number_of_packs")); documents.Compare(is, want) != 0 {
			c.say("stock", "%s has %s packs; its documents say %s", r.Key, is, want)
		}
		free := documents.Sub(want, or0(promised[r.ID]))
		if is := or0(f.Number("available_number_of_packs")); documents.Compare(is, free) != 0 {
			c.say("stock", "%s has %s packs available; its documents say %s", r.Key, is, free)
		}
	}, "stock_line")
}
