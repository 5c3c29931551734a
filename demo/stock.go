package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
)

// medicines.csv is the list of items: essential medicines, with their units, pack
// sizes and prices per pack.
//
//go:embed medicines.csv
var medicinesCSV []byte

// medicine is an item of the list.
type medicine struct {
	id                            atoll.ID
	code, name, unit, pack, price string
	ven                           string
	doses                         string // of a vaccine
}

func medicines() ([]medicine, error) {
	rows, err := csv.NewReader(bytes.NewReader(medicinesCSV)).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []medicine
	for _, r := range rows[1:] {
		out = append(out, medicine{
			id: atoll.DeriveID("demo item", r[0]), code: r[0], name: r[1], unit: r[2], pack: r[3], price: r[4], ven: r[5], doses: r[6],
		})
	}
	return out, nil
}

// furnish gives the primary its items: the built-in list, or those of a capture.
func (w *world) furnish(ctx context.Context) error {
	if w.Capture != "" {
		return w.importItems(ctx)
	}
	list, err := medicines()
	if err != nil {
		return err
	}
	w.items = list
	var do []journal.Proposal
	units := map[string]atoll.ID{}
	for _, m := range list {
		if units[m.unit] == "" {
			units[m.unit] = atoll.DeriveID("demo unit", m.unit)
			do = append(do, insert("unit", units[m.unit], atoll.Fields{}.Set("name", m.unit).Set("status", "active")))
		}
		f := atoll.Fields{}.Set("code", m.code).Set("name", m.name).Set("kind", "stock").Set("status", "active").Set("unit_id", units[m.unit]).
			Set("default_pack_size", json.Number(m.pack)).Set("list_price_per_pack", json.Number(m.price)).Set("ven_category", m.ven)
		if m.doses != "" {
			f.Set("is_vaccine", true).Set("doses", json.Number(m.doses))
		}
		do = append(do, insert("item", m.id, f))
	}
	return w.edit(ctx, centreSite, do...)
}

// stockUp puts opening stock into every store: about a quarter of the items, each
// in one to three batches. It is the same for the same seed.
func (w *world) stockUp(ctx context.Context) error {
	for _, p := range premises {
		store := w.stores[p.code]
		if store == "" {
			continue
		}
		draw := w.draw("stock of " + p.code)
		var do []journal.Proposal
		shelves := []atoll.ID{}
		for i, name := range []string{"Main shelves", "Cold room", "Controlled substances"} {
			id := atoll.DeriveID("demo location", p.code, name)
			shelves = append(shelves, id)
			do = append(do, insert("location", id, atoll.Fields{}.Set("store_id", store).Set("code", fmt.Sprintf("%s-%d", p.code, i+1)).
				Set("name", name).Set("status", "active")))
		}
		for _, m := range w.items {
			if draw.IntN(4) != 0 {
				continue
			}
			for range 1 + draw.IntN(3) {
				batch := fmt.Sprintf("%c%c%05d", 'A'+draw.IntN(26), 'A'+draw.IntN(26), draw.IntN(100_000))
				shelf := shelves[0]
				if m.doses != "" {
					shelf = shelves[1]
				}
				id := atoll.DeriveID("demo stock", p.code, m.code, batch)
				f := m.stock(store, batch, strconv.Itoa(5+draw.IntN(200))).Set("location_id", shelf).
					Set("expiry_date", fmt.Sprintf("%d-%02d-28", 2027+draw.IntN(3), 1+draw.IntN(12)))
				do = append(do, insert("stock_line", id, f))
			}
		}
		if err := w.edit(ctx, p.site, do...); err != nil {
			return err
		}
		w.told.stocked(p.name, len(do)-len(shelves))
	}
	return nil
}

// stock is a stock line of the medicine.
func (m medicine) stock(store atoll.ID, batch, packs string) atoll.Fields {
	return atoll.Fields{}.Set("store_id", store).Set("item_id", m.id).Set("batch", batch).Set("expiry_date", "2028-06-30").
		Set("pack_size", json.Number(m.pack)).Set("total_number_of_packs", json.Number(packs)).Set("available_number_of_packs", json.Number(packs)).
		Set("cost_price_per_pack", json.Number(m.price)).Set("sell_price_per_pack", json.Number(m.price))
}

// draw returns a source of draws for a purpose: the same for the same seed.
func (w *world) draw(purpose string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(w.Seed, h.Sum64())) //nolint:gosec // nothing secret is drawn
}

func insert(kind atoll.Type, id atoll.ID, f atoll.Fields) journal.Proposal {
	return journal.Proposal{Verb: atoll.Insert, Key: atoll.Key{Type: kind, ID: id}, Fields: f}
}

func change(kind atoll.Type, id atoll.ID, f atoll.Fields) journal.Proposal {
	return journal.Proposal{Verb: atoll.Update, Key: atoll.Key{Type: kind, ID: id}, Fields: f}
}
