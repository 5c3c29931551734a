package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
)

// The small world that the examples in the OpenAPI document are about.
const (
	exampleStore    = "0197f3a2-0001-7000-8000-000000000001"
	exampleSupplier = "0197f3a2-0001-7000-8000-000000000002"
	exampleItem     = "0197f3a2-0001-7000-8000-000000000003"
	exampleStock    = "0197f3a2-0001-7000-8000-000000000004"
	examplePatient  = "0197f3a2-0001-7000-8000-000000000005"
	exampleShelf    = "0197f3a2-0001-7000-8000-000000000006"
)

// exampleWorld makes it at the centre.
func exampleWorld(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t)
	if _, err := f.Centre.Centre.Configure(t.Context(), "test", central.AddStore(exampleStore, "EX", "Example", true)); err != nil {
		t.Fatal(err)
	}
	insert := func(kind atoll.Type, id atoll.ID, fields atoll.Fields) {
		t.Helper()
		if err := f.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	insert("name", exampleSupplier, atoll.Fields{}.Set("code", "SUP").Set("name", "A supplier").Set("kind", "facility").
		Set("is_supplier", true).Set("status", "active"))
	insert("item", exampleItem, atoll.Fields{}.Set("code", "AMX").Set("name", "Amoxicillin").Set("kind", "stock").Set("status", "active"))
	for _, line := range []atoll.ID{exampleStock, exampleShelf} {
		insert("stock_line", line, atoll.Fields{}.Set("store_id", exampleStore).Set("item_id", exampleItem).Set("batch", "AX-2290").
			Set("pack_size", 10).Set("total_number_of_packs", 100).Set("available_number_of_packs", 100).
			Set("cost_price_per_pack", json.Number("1.5")).Set("sell_price_per_pack", json.Number("2.1")))
	}
	insert("patient", examplePatient, atoll.Fields{}.Set("name", "A patient").Set("home_store_id", exampleStore).Set("status", "active"))
	return f
}

// exampleCall is one request that the OpenAPI document shows.
type exampleCall struct {
	id, method, path string
	name, body       string // of the body, "" for a request without one
}

// exampleCalls reads every example of the operations about documents.
func (f *face) exampleCalls(t *testing.T) []exampleCall {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string   `json:"operationId"`
			Tags        []string `json:"tags"`
			Parameters  []struct {
				Name    string `json:"name"`
				Example any    `json:"example"`
			} `json:"parameters"`
			RequestBody struct {
				Content map[string]struct {
					Examples map[string]struct {
						Value json.RawMessage `json:"value"`
					} `json:"examples"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	f.call("GET", "/openapi.json", "", with("Authorization", "none")).want(200).json(&doc)
	var out []exampleCall
	for path, item := range doc.Paths {
		for method, op := range item {
			if !slices.Contains(op.Tags, "documents") {
				continue
			}
			c := exampleCall{id: op.OperationID, method: strings.ToUpper(method), path: path}
			for _, p := range op.Parameters {
				if id, ok := p.Example.(string); ok && p.Name == "id" {
					c.path = strings.Replace(path, "{id}", id, 1)
				}
			}
			if strings.HasPrefix(path, "/stock/") {
				c.path = strings.Replace(c.path, "{id}", exampleStock, 1)
			}
			if strings.Contains(c.path, "{") {
				t.Errorf("%s has no example of its address", c.id)
				continue
			}
			bodies := 0
			for _, media := range op.RequestBody.Content {
				for name, e := range media.Examples {
					with := c
					with.name, with.body = name, string(e.Value)
					out = append(out, with)
					bodies++
				}
			}
			if bodies == 0 && len(op.RequestBody.Content) > 0 {
				t.Errorf("%s has no example of its body", c.id)
			}
			if bodies == 0 {
				out = append(out, c)
			}
		}
	}
	// Documents are made before they are changed, and go through their life in order.
	steps := []string{"make-", "change-", "get-", "list-"}
	for _, a := range documents.Actions {
		if a != documents.Edit && a != documents.EditLines {
			steps = append(steps, string(a)+"-")
		}
	}
	rank := func(c exampleCall) int {
		return slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(c.id, s) })
	}
	slices.SortFunc(out, func(a, b exampleCall) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.path+a.name, b.path+b.name)
	})
	return out
}

// TestExamplesWork takes each example of a document out of the OpenAPI document and
// sends it, in the order of a document's life: each does what it says it does, and
// the stock is what the documents say at the end.
func TestExamplesWork(t *testing.T) {
	f := exampleWorld(t)
	sent := 0
	for _, c := range f.centre.exampleCalls(t) {
		got := f.centre.call(c.method, c.path, c.body)
		if got.StatusCode >= 300 {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.name, got.StatusCode, got.body)
		}
		sent++
	}
	if sent < 70 {
		t.Errorf("only %d examples were found", sent)
	}
	var check documents.Examination
	f.centre.call("GET", "/stock/check?store="+exampleStore, "").want(200).json(&check)
	if len(check.Differences) > 0 || check.Lines < 3 || check.Postings < 5 {
		t.Errorf("the ledger: %+v", check)
	}
}
