package bench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// goods draws what is written: lines of invoices, about 600 bytes of JSON, as
// stores write them.
type goods struct {
	*rand.Rand
	store   atoll.ID
	items   []atoll.ID
	stock   []atoll.ID // of the store; may be empty
	invoice atoll.ID
	n       int
	clock   time.Time
}

func newGoods(seed uint64, store atoll.ID, items []atoll.ID) *goods {
	return &goods{Rand: rand.New(rand.NewPCG(seed, 1)), store: store, items: items, clock: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}

// id draws an id as sites do: it rises with time.
func (g *goods) id() atoll.ID {
	g.clock = g.clock.Add(time.Millisecond)
	return atoll.NewID(g.clock)
}

func number(f float64) json.Number { return json.Number(fmt.Sprintf("%.2f", f)) }

// header begins another invoice: to a patient or ward of the store's own, so that
// no other store is concerned.
func (g *goods) header() journal.Proposal {
	g.invoice = g.id()
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice", ID: g.invoice}, Fields: atoll.Fields{}.
		Set("store_id", g.store).Set("kind", "customer_invoice").Set("status", "new").Set("created_at", g.clock.Format(time.RFC3339)).
		Set("comment", "ward round")}
}

// shelf is a stock line of an item.
func (g *goods) shelf(item atoll.ID) journal.Proposal {
	id := g.id()
	g.stock = append(g.stock, id)
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "stock_line", ID: id}, Fields: atoll.Fields{}.
		Set("store_id", g.store).Set("item_id", item).Set("batch", g.batch()).Set("expiry_date", "2028-06-30").
		Set("pack_size", number(10)).Set("total_number_of_packs", number(100000)).Set("available_number_of_packs", number(100000)).
		Set("opening_number_of_packs", number(100000)).
		Set("cost_price_per_pack", number(1.5)).Set("sell_price_per_pack", number(2.1))}
}

func (g *goods) batch() string {
	return fmt.Sprintf("%c%c%06d", 'A'+g.IntN(26), 'A'+g.IntN(26), g.IntN(1e6))
}

// name draws a name of a person: few share name and birthday, as among people.
// (The centre looks for doubles, and makes a record of each pair it finds.)
func (g *goods) name() string {
	syllables := []string{"ka", "ve", "to", "mi", "lu", "na", "se", "ra", "ti", "wa", "fo", "li", "mo", "da", "pe", "su"}
	var b strings.Builder
	for range 3 {
		b.WriteString(syllables[g.IntN(len(syllables))])
	}
	return strings.ToUpper(b.String()[:1]) + b.String()[1:]
}

var medicines = []string{
	"Amoxicillin 250mg capsules", "Paracetamol 500mg tablets", "Oral rehydration salts sachet", "Artemether/lumefantrine 20/120mg",
	"Ferrous salt + folic acid", "Ceftriaxone 1g powder for injection", "Gloves examination medium", "Syringe 5ml with needle 21G",
	"Metformin 500mg tablets", "Oxytocin 10IU/ml injection",
}

// line is a line of the present invoice.
func (g *goods) line() journal.Proposal {
	g.n++
	k := g.IntN(len(g.items))
	packs, cost := float64(1+g.IntN(40)), 0.5+float64(g.IntN(2000))/100
	f := atoll.Fields{}.
		Set("invoice_id", g.invoice).Set("store_id", g.store).Set("kind", "stock_out").Set("item_id", g.items[k]).
		Set("item_name", medicines[k%len(medicines)]).Set("item_code", fmt.Sprintf("%06d", 100000+k)).
		Set("batch", g.batch()).Set("expiry_date", fmt.Sprintf("20%02d-%02d-28", 27+g.IntN(4), 1+g.IntN(12))).
		Set("pack_size", number(float64(10*(1+g.IntN(10))))).Set("number_of_packs", number(packs)).
		Set("cost_price_per_pack", number(cost)).Set("sell_price_per_pack", number(cost*1.2)).
		Set("total_before_tax", number(packs*cost*1.2)).Set("total_after_tax", number(packs*cost*1.2*1.1)).Set("tax_percent", number(10)).
		Set("line_number", g.n%100+1).Set("note", "counted and packed at the window")
	if len(g.stock) > 0 {
		f.Set("stock_line_id", g.stock[g.IntN(len(g.stock))])
	}
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: "invoice_line", ID: g.id()}, Fields: f}
}

// asItem is a proposal as the floor sends it.
func asItem(p journal.Proposal) item { return item{string(p.Key.ID), p.Fields.Encode()} }
