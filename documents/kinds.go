package documents

import "github.com/atollsync/atoll"

// shape is what documents of a type are made of.
type shape struct {
	line   atoll.Type // "" for documents without lines
	parent string     // the line's field with the document
	times  []string   // the times that acts record
}

// governed are the document types with a life cycle, and their lines.
var governed = map[atoll.Type]shape{
	"invoice":        {"invoice_line", "invoice_id", []string{"confirmed_at", "received_at", "finalised_at", "cancelled_at"}},
	"requisition":    {"requisition_line", "requisition_id", []string{"confirmed_at", "finalised_at"}},
	"prescription":   {"prescription_line", "prescription_id", []string{"confirmed_at", "finalised_at", "cancelled_at"}},
	"stocktake":      {"stocktake_line", "stocktake_id", []string{"finalised_at"}},
	"purchase_order": {"purchase_order_line", "purchase_order_id", []string{"confirmed_at", "finalised_at"}},
	"goods_received": {"goods_received_line", "goods_received_id", []string{"finalised_at"}},
	"payment":        {"", "", []string{"confirmed_at", "finalised_at"}},
}

// parents is governed, by the type of line.
var parents = func() map[atoll.Type]atoll.Type {
	out := map[atoll.Type]atoll.Type{}
	for t, g := range governed {
		if g.line != "" {
			out[g.line] = t
		}
	}
	return out
}()

// parentOf returns the document type that lines of the type belong to.
func parentOf(line atoll.Type) (atoll.Type, shape, bool) {
	t, ok := parents[line]
	return t, governed[t], ok
}

// LineOf returns the type of a document's lines and their field with the document;
// ok is false for types without a life cycle, and the type "" for documents without
// lines.
func LineOf(t atoll.Type) (line atoll.Type, parent string, ok bool) {
	g, ok := governed[t]
	return g.line, g.parent, ok
}
