package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

// sampler makes exchanges as they usually are, the same ones from the same seed:
// for the dictionary, for the figures and for the tests.
type sampler struct {
	*rand.Rand
	now     time.Time
	stores  []atoll.ID
	items   []atoll.ID
	names   []atoll.ID
	related []atoll.ID // documents that lines belong to
}

func newSampler(seed uint64) *sampler {
	s := &sampler{Rand: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC)}
	for range 3 {
		s.stores = append(s.stores, s.id())
	}
	for range 40 {
		s.items = append(s.items, s.id())
	}
	for range 10 {
		s.names = append(s.names, s.id())
	}
	return s
}

func (s *sampler) digits(n int) string {
	b := make([]byte, 0, n/2+8)
	for len(b) < n/2 {
		b = binary.BigEndian.AppendUint64(b, s.Uint64())
	}
	return hex.EncodeToString(b[:n/2])
}

// id is a UUID of version 7, in the order of time as a program makes them.
func (s *sampler) id() atoll.ID {
	s.now = s.now.Add(time.Duration(s.IntN(90000)) * time.Millisecond)
	d := fmt.Sprintf("%012x7%s", s.now.UnixMilli(), s.digits(20)[:19])
	b := []byte(d[:32])
	b[16] = "89ab"[s.IntN(4)]
	return atoll.ID(fmt.Sprintf("%s-%s-%s-%s-%s", b[:8], b[8:12], b[12:16], b[16:20], b[20:]))
}

func pick[T any](s *sampler, of []T) T { return of[s.IntN(len(of))] }

func (s *sampler) time() string { return s.now.Format(time.RFC3339) }
func (s *sampler) date() string {
	return s.now.AddDate(0, s.IntN(36), s.IntN(28)).Format("2006-01-02")
}

var medicines = []string{
	"Paracetamol 500 mg tablets", "Amoxicillin 250 mg capsules", "Oral rehydration salts, sachet", "Artemether/lumefantrine 20/120 mg",
	"BCG vaccine, 20 doses", "Pentavalent vaccine, 10 doses", "Metformin 500 mg tablets", "Ibuprofen 400 mg tablets",
	"Ceftriaxone 1 g injection", "Zinc sulfate 20 mg tablets", "Examination gloves, medium, box of 100", "Sodium chloride 0.9% 1000 ml",
}

var people = []string{"Maria", "John", "Sione", "Ana", "Tevita", "Mere", "Ioane", "Grace", "Peter", "Litia", "Moses", "Fatima"}

// number is a decimal as people count.
func (s *sampler) number() any {
	return pick(s, []int{1, 2, 5, 10, 20, 24, 30, 50, 100, 120, 500, 1000})
}

func (s *sampler) code() string { return fmt.Sprintf("%06d", s.IntN(900000)+100000) }
func (s *sampler) batch() string {
	return fmt.Sprintf("%c%c%05d", 'A'+s.IntN(26), 'A'+s.IntN(26), s.IntN(99999))
}

func (s *sampler) price() any {
	return float64(s.IntN(5000)) / 100
}

// types are the record types that make up nearly all of the traffic, each with
// its fields. The dictionary gives the last ones the cheapest places.
var types = []struct {
	name   atoll.Type
	fields func(*sampler) atoll.Fields
}{
	{"name", func(s *sampler) atoll.Fields {
		return fields("address1", "Main Road", "code", s.code(), "country", "Fiji", "created_date", s.date(), "is_customer", true,
			"is_manufacturer", false, "is_supplier", false, "kind", "facility", "name", pick(s, people)+" Health Centre", "on_hold", false,
			"phone", s.code(), "status", "active", "store_id", s.id())
	}},
	{"item", func(s *sampler) atoll.Fields {
		return fields("code", s.code(), "default_pack_size", s.number(), "doses", 0, "is_vaccine", false, "kind", "stock",
			"name", pick(s, medicines), "status", "active", "strength", "500 mg", "unit_id", pick(s, s.items), "volume_per_pack", s.price())
	}},
	{"activity_log", func(s *sampler) atoll.Fields {
		return fields("changed_from", "new", "changed_to", "confirmed", "event", "status_changed", "happened_at", s.time(),
			"store_id", s.stores[0], "subject_id", s.id(), "subject_type", "invoice", "user_id", s.id())
	}},
	{"vaccination", func(s *sampler) atoll.Fields {
		return fields("clinician_id", pick(s, s.names), "dose_id", pick(s, s.items), "encounter_id", s.id(), "facility_name_id", pick(s, s.names),
			"given", true, "item_id", pick(s, s.items), "patient_id", s.id(), "stock_line_id", s.id(), "store_id", s.stores[0],
			"user_id", s.stores[1], "vaccination_date", s.date())
	}},
	{"encounter", func(s *sampler) atoll.Fields {
		return fields("clinician_id", pick(s, s.names), "created_at", s.time(), "document_type", "encounter", "patient_id", s.id(),
			"program_id", pick(s, s.items), "started_at", s.time(), "status", "visited", "store_id", s.stores[0])
	}},
	{"patient", func(s *sampler) atoll.Fields {
		first, last := pick(s, people), pick(s, people)
		return fields("address1", "Village Road", "code", s.code(), "country", "Fiji", "created_at", s.time(), "date_of_birth", s.date(), "first_name", first,
			"gender", pick(s, []string{"female", "male"}), "home_store_id", s.stores[0], "is_deceased", false, "last_name", last,
			"name", last+", "+first, "national_health_number", s.code(), "phone", s.code(), "status", "active")
	}},
	{"prescription", func(s *sampler) atoll.Fields {
		return fields("comment", "", "confirmed_at", s.time(), "created_at", s.time(), "diagnosis_id", pick(s, s.items), "line_count", 2, "number", s.IntN(5000),
			"patient_id", s.id(), "prescriber_id", pick(s, s.names), "prescription_date", s.date(), "status", "finalised", "store_id", s.stores[0],
			"finalised_at", s.time(), "user_id", s.stores[1])
	}},
	{"prescription_line", func(s *sampler) atoll.Fields {
		return fields("batch", s.batch(), "cost_price_per_pack", s.price(), "directions", "1 tablet three times a day", "expiry_date", s.date(),
			"item_code", s.code(), "item_id", pick(s, s.items), "item_name", pick(s, medicines), "kind", "stock_out", "line_number", s.IntN(9)+1,
			"number_of_packs", s.number(), "pack_size", s.number(), "patient_id", s.id(), "prescribed_quantity", s.number(),
			"prescription_id", s.parent(), "sell_price_per_pack", s.price(), "stock_line_id", s.id(), "store_id", s.stores[0])
	}},
	{"stocktake_line", func(s *sampler) atoll.Fields {
		return fields("batch", s.batch(), "cost_price_per_pack", s.price(), "counted_number_of_packs", s.number(), "expiry_date", s.date(),
			"item_id", pick(s, s.items), "item_name", pick(s, medicines), "pack_size", s.number(), "sell_price_per_pack", s.price(),
			"snapshot_number_of_packs", s.number(), "stock_line_id", s.id(), "stocktake_id", s.parent(), "store_id", s.stores[0])
	}},
	{"requisition", func(s *sampler) atoll.Fields {
		return fields("approval_status", "none", "confirmed_at", s.time(), "created_at", s.time(), "expected_delivery_date", s.date(), "kind", pick(s, []string{"request", "response"}),
			"line_count", 12, "linked_requisition_id", s.id(), "max_months_of_stock", 3, "min_months_of_stock", 1, "name_id", pick(s, s.names), "number", s.IntN(5000),
			"originating_id", s.id(), "partner_store_id", s.stores[1], "status", pick(s, []string{"new", "confirmed", "finalised"}), "store_id", s.stores[0], "user_id", s.stores[2])
	}},
	{"requisition_line", func(s *sampler) atoll.Fields {
		return fields("available_stock_on_hand", s.number(), "average_monthly_consumption", s.price(), "item_code", s.code(), "item_id", pick(s, s.items),
			"item_name", pick(s, medicines), "line_number", s.IntN(30)+1, "partner_store_id", s.stores[1], "requested_quantity", s.number(),
			"requisition_id", s.parent(), "store_id", s.stores[0], "suggested_quantity", s.number(), "supplied_quantity", 0)
	}},
	{"stock_line", func(s *sampler) atoll.Fields {
		return fields("available_number_of_packs", s.number(), "batch", s.batch(), "cost_price_per_pack", s.price(), "expiry_date", s.date(),
			"item_id", pick(s, s.items), "location_id", pick(s, s.names), "on_hold", false, "pack_size", s.number(), "sell_price_per_pack", s.price(),
			"store_id", s.stores[0], "supplier_id", pick(s, s.names), "total_number_of_packs", s.number(), "volume_per_pack", s.price())
	}},
	{"invoice", func(s *sampler) atoll.Fields {
		return fields("comment", "", "confirmed_at", s.time(), "created_at", s.time(), "kind", pick(s, []string{"customer_invoice", "supplier_invoice"}),
			"line_count", 7, "linked_invoice_id", s.id(), "name_id", pick(s, s.names), "number", s.IntN(5000), "on_hold", false, "partner_store_id", s.stores[1],
			"requisition_id", s.id(), "status", pick(s, []string{"new", "confirmed", "finalised"}), "store_id", s.stores[0], "their_reference", s.code(),
			"total_after_tax", s.price(), "total_before_tax", s.price(), "user_id", s.stores[2])
	}},
	{"invoice_line", func(s *sampler) atoll.Fields {
		return fields("batch", s.batch(), "cost_price_per_pack", s.price(), "expiry_date", s.date(), "invoice_id", s.parent(), "item_code", s.code(),
			"item_id", pick(s, s.items), "item_name", pick(s, medicines), "kind", pick(s, []string{"stock_in", "stock_out"}), "line_number", s.IntN(30)+1,
			"number_of_packs", s.number(), "pack_size", s.number(), "sell_price_per_pack", s.price(), "stock_line_id", s.id(), "store_id", s.stores[0],
			"total_after_tax", s.price(), "total_before_tax", s.price())
	}},
}

// parent is a document: often the one before.
func (s *sampler) parent() atoll.ID {
	if len(s.related) == 0 || s.IntN(6) == 0 {
		s.related = append(s.related, s.id())
	}
	return s.related[len(s.related)-1]
}

func fields(pairs ...any) atoll.Fields {
	f := atoll.Fields{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i].(string), pairs[i+1])
	}
	return f.Compacted()
}

// body is the body of a new record of the i-th type.
func (s *sampler) record(i int) exchange.Record {
	t := types[i%len(types)]
	return exchange.Record{
		Position: atoll.Position(100000 + s.IntN(900000)), Key: atoll.Key{Type: t.name, ID: s.id()}, Version: uint64(1 + s.IntN(3)),
		Origin: atoll.Origin{Site: atoll.SiteID(2 + s.IntN(80)), Seq: uint64(1 + s.IntN(40000))}, Body: t.fields(s).Encode(),
	}
}

// entry is a transaction with one operation for each of the types.
func (s *sampler) entry(seq uint64, of ...int) exchange.Entry {
	kind := "user"
	if s.IntN(4) == 0 {
		kind = "process/shipment"
	}
	e := atoll.Entry{Time: s.now, Actor: string(s.stores[2]), Cause: atoll.Cause{Kind: kind}, Catalogue: 1}
	for _, i := range of {
		t := types[i%len(types)]
		o := atoll.Operation{Verb: atoll.Insert, Key: atoll.Key{Type: t.name, ID: s.id()}, Version: 1, Epoch: 1, Fields: t.fields(s)}
		if s.IntN(3) == 0 { // an update of a few fields
			o.Verb, o.Version, o.Base = atoll.Update, 2, atoll.Origin{Site: 7, Seq: seq - 1}
			keep := atoll.Fields{}
			for _, k := range o.Fields.Names() {
				if s.IntN(4) == 0 {
					keep[k] = o.Fields[k]
				}
			}
			if len(keep) == 0 {
				keep.Set("status", "finalised")
			}
			o.Fields = keep
		}
		e.Operations = append(e.Operations, o)
	}
	return exchange.Entry{Seq: seq, Content: e.Encode()}
}

func (s *sampler) hash() (h atoll.Hash) {
	b, _ := hex.DecodeString(s.digits(64))
	copy(h[:], b)
	return h
}

// hello is that of a site which has nothing to send.
func (s *sampler) hello() exchange.Hello {
	head := atoll.Head{Timeline: atoll.Timeline(s.digits(16)), Seq: uint64(1000 + s.IntN(50000)), Hash: s.hash()}
	return exchange.Hello{
		Protocol: 1, Catalogue: 1, CatalogueHash: s.digits(16), App: "1.0.0", Site: atoll.SiteID(2 + s.IntN(80)), Device: string(s.id()),
		Timeline: head.Timeline, Turn: uint64(1000 + s.IntN(9000)), Nonce: s.digits(16), Acknowledged: head, Head: head,
		Centre: atoll.Timeline(s.digits(16)), Cursor: atoll.Position(100000 + s.IntN(900000)), Subscription: s.digits(16),
		Clock: s.now.UnixMilli(),
	}
}

// welcome, receipt and end are the answer that goes with a hello and nothing new.
func (s *sampler) idle(h exchange.Hello) []exchange.Frame {
	return []exchange.Frame{
		exchange.Welcome{Protocol: h.Protocol, Catalogue: h.Catalogue, CatalogueHash: h.CatalogueHash, App: h.App, Centre: h.Centre, Clock: h.Clock + 411, Known: h.Acknowledged},
		exchange.Receipt{Acknowledged: h.Head},
		exchange.Checkpoint{Position: h.Cursor},
		exchange.End{Cursor: h.Cursor, Head: h.Cursor},
	}
}
