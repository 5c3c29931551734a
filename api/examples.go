package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
)

// The examples in the OpenAPI document are about one small world: a store, its
// supplier, an item and a stock line of it. A test makes that world and sends
// every one of them.
const (
	exampleStore    = "0197f3a2-0001-7000-8000-000000000001"
	exampleSupplier = "0197f3a2-0001-7000-8000-000000000002"
	exampleItem     = "0197f3a2-0001-7000-8000-000000000003"
	exampleStock    = "0197f3a2-0001-7000-8000-000000000004"
	examplePatient  = "0197f3a2-0001-7000-8000-000000000005"
	exampleShelf    = "0197f3a2-0001-7000-8000-000000000006"
)

// sample is an example of a document.
type sample struct {
	name  string
	of    atoll.Type
	id    atoll.ID
	acts  []documents.Action // those it is the example of
	plain bool               // the example for reading and changing
	body  map[string]any
	line  string // the id of its line
}

func exampleID(n int) string {
	return "0197f3a2-0002-7000-8000-0000000000" + string(rune('0'+n/10)) + string(rune('0'+n%10))
}

func lineID(n int) string {
	return "0197f3a2-0003-7000-8000-0000000000" + string(rune('0'+n/10)) + string(rune('0'+n%10))
}

// samples are the documents of the examples.
var samples = func() []sample {
	invoice := func(kind string, more map[string]any) map[string]any {
		f := map[string]any{"store_id": exampleStore, "kind": kind, "name_id": exampleSupplier}
		maps.Copy(f, more)
		return f
	}
	out := map[string]any{"stock_line_id": exampleStock, "number_of_packs": 2}
	in := map[string]any{
		"item_id": exampleItem, "batch": "AX-2291", "expiry_date": "2028-06-30", "pack_size": 10, "number_of_packs": 40,
		"cost_price_per_pack": 1.5, "sell_price_per_pack": 2.1,
	}
	asked := map[string]any{"item_id": exampleItem, "requested_quantity": 200}
	own := map[string]any{"store_id": exampleStore}
	plus := func(more map[string]any) map[string]any {
		f := maps.Clone(own)
		maps.Copy(f, more)
		return f
	}
	list := []sample{
		{name: "customer invoice", of: "invoice", plain: true, body: invoice("customer_invoice", nil), acts: []documents.Action{
			documents.Suggest, documents.Confirm, documents.Finalise,
		}},
		{name: "supplier invoice", of: "invoice", body: invoice("supplier_invoice", map[string]any{"currency_rate": 1}), acts: []documents.Action{
			documents.Arrive, documents.Receive,
		}},
		{name: "supplier credit", of: "invoice", body: invoice("supplier_credit", nil), acts: []documents.Action{documents.Cancel}},
		{name: "inventory addition", of: "invoice", body: plus(map[string]any{"kind": "inventory_addition", "comment": "Found"}), acts: []documents.Action{documents.Delete}},
		{name: "request", of: "requisition", plain: true, body: invoice("request", nil), acts: []documents.Action{
			documents.Suggest, documents.Confirm, documents.Finalise,
		}},
		{name: "response", of: "requisition", body: invoice("response", map[string]any{"approval_status": "pending"}), acts: []documents.Action{documents.Authorise}},
		{name: "another response", of: "requisition", body: invoice("response", map[string]any{"approval_status": "pending"}), acts: []documents.Action{documents.Deny}},
		{name: "imprest", of: "requisition", body: invoice("imprest", nil), acts: []documents.Action{documents.Cancel}},
		{name: "stock history", of: "requisition", body: invoice("stock_history", nil), acts: []documents.Action{documents.Delete}},
		{name: "purchase order", of: "purchase_order", plain: true, body: plus(map[string]any{"name_id": exampleSupplier, "reference": "Q3"}), acts: []documents.Action{
			documents.Suggest, documents.Confirm, documents.Finalise,
		}},
		{name: "order given up", of: "purchase_order", body: plus(map[string]any{"name_id": exampleSupplier}), acts: []documents.Action{documents.Cancel}},
		{name: "order never made", of: "purchase_order", body: plus(map[string]any{"name_id": exampleSupplier}), acts: []documents.Action{documents.Delete}},
		{name: "goods received", of: "goods_received", plain: true, body: plus(map[string]any{"name_id": exampleSupplier}), acts: []documents.Action{
			documents.Confirm, documents.Finalise,
		}},
		{name: "goods sent back", of: "goods_received", body: plus(map[string]any{"name_id": exampleSupplier}), acts: []documents.Action{documents.Cancel}},
		{name: "goods entered twice", of: "goods_received", body: plus(map[string]any{"name_id": exampleSupplier}), acts: []documents.Action{documents.Delete}},
		{name: "stocktake", of: "stocktake", plain: true, body: plus(map[string]any{"description": "Shelf A"}), acts: []documents.Action{documents.Finalise}},
		{name: "stocktake not needed", of: "stocktake", body: plus(map[string]any{"description": "Shelf B"}), acts: []documents.Action{documents.Delete}},
		{name: "prescription", of: "prescription", plain: true, body: plus(map[string]any{"patient_id": examplePatient}), acts: []documents.Action{
			documents.Suggest, documents.Confirm, documents.Finalise,
		}},
		{name: "prescription given up", of: "prescription", body: plus(map[string]any{"patient_id": examplePatient}), acts: []documents.Action{documents.Cancel}},
		{name: "prescription entered twice", of: "prescription", body: plus(map[string]any{"patient_id": examplePatient}), acts: []documents.Action{documents.Delete}},
		{name: "payment", of: "payment", plain: true, body: invoice("payment", map[string]any{"amount": 120.5}), acts: []documents.Action{
			documents.Confirm, documents.Finalise,
		}},
		{name: "receipt of money", of: "payment", body: invoice("receipt", map[string]any{"amount": 75}), acts: []documents.Action{documents.Cancel}},
		{name: "payment entered twice", of: "payment", body: invoice("payment", map[string]any{"amount": 120.5}), acts: []documents.Action{documents.Delete}},
	}
	lines := map[atoll.Type]map[string]any{
		"requisition": asked, "purchase_order": asked, "prescription": out,
		"goods_received": {"item_id": exampleItem, "batch": "AX-2292", "received_pack_size": 10, "number_of_packs_received": 20, "cost_price_per_pack": 1.5},
		"stocktake":      {"stock_line_id": exampleShelf, "counted_number_of_packs": 95},
	}
	for i := range list {
		list[i].id = atoll.ID(exampleID(i + 1))
		line := lines[list[i].of]
		if list[i].of == "invoice" {
			line = out
			if k := list[i].body["kind"]; k == "supplier_invoice" || k == "inventory_addition" {
				line = in
			}
		}
		if line != nil {
			list[i].line = lineID(i + 1)
			list[i].body = map[string]any{"id": list[i].id, "fields": list[i].body, "lines": []any{map[string]any{"id": list[i].line, "fields": line}}}
		} else {
			list[i].body = map[string]any{"id": list[i].id, "fields": list[i].body}
		}
	}
	return list
}()

// exampleOf is the id of the document that an act's example is about, or, without
// an act, of the one to read and change.
func exampleOf(r resource, act documents.Action) string {
	for _, s := range samples {
		if s.of == r.of && (act == "" && s.plain || slices.Contains(s.acts, act)) {
			return string(s.id)
		}
	}
	return ""
}

// bodiesOf are the examples of documents that are made, by name.
func bodiesOf(r resource) map[string]any {
	out := map[string]any{}
	for _, s := range samples {
		if s.of == r.of {
			out[s.name] = s.body
		}
	}
	return out
}

// changesOf are the examples of changes, by name.
func changesOf(r resource) map[string]any {
	for _, s := range samples {
		if s.of != r.of || !s.plain {
			continue
		}
		change := map[string]any{"version": 1, "fields": map[string]any{"comment": "By telephone"}}
		if s.line != "" {
			change["lines"] = []any{map[string]any{"id": s.line, "fields": map[string]any{"line_number": 1}}}
		}
		switch r.of {
		case "stocktake":
			change["lines"] = []any{map[string]any{"id": s.line, "fields": map[string]any{"counted_number_of_packs": 96}}}
		}
		return map[string]any{"a word and a line": change}
	}
	return nil
}

// example writes examples into an operation: the id in its address, and its
// bodies.
func (s *server) example(resource, rest, method, id string, bodies map[string]any) {
	item := s.api.OpenAPI().Paths["/"+resource+rest]
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete}[method]
	for _, p := range op.Parameters {
		if p.Name == "id" && id != "" {
			p.Example = id
		}
	}
	if len(bodies) == 0 || op.RequestBody == nil {
		return
	}
	for _, media := range op.RequestBody.Content {
		media.Examples = map[string]*huma.Example{}
		for name, body := range bodies {
			media.Examples[strings.ReplaceAll(name, " ", "_")] = &huma.Example{Summary: name, Value: body}
		}
	}
}
