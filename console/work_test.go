package console_test

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/topology"
)

// hand is a person who works with documents at one console.
type hand struct {
	*face
	t    *testing.T
	user station.UserRole
}

func (h hand) page(path string) *seen { h.t.Helper(); return h.get(path, h.as(h.user)).want(200) }

// makes makes a document and returns the address of its page.
func (h hand) makes(work string, store atoll.ID, fields url.Values) string {
	h.t.Helper()
	fields.Set("store", string(store))
	return h.ask("POST", "/work/"+work, fields, h.as(h.user)).want(303).Header.Get("Location")
}

// version is that of the document on its page.
func (h hand) version(page string) string {
	h.t.Helper()
	key := regexp.MustCompile(`/records/(\w+)/([0-9a-f-]+)`).FindStringSubmatch(page)
	rec, err := h.node.Record(h.t.Context(), atoll.Key{Type: atoll.Type(key[1]), ID: atoll.ID(key[2])})
	if err != nil {
		h.t.Fatal(err)
	}
	return strconv.FormatUint(rec.Version, 10)
}

func (h hand) line(page string, fields url.Values) *seen {
	h.t.Helper()
	fields.Set("version", h.version(page))
	return h.ask("POST", page+"/lines", fields, h.as(h.user))
}

func (h hand) does(page, what string) *seen {
	h.t.Helper()
	return h.ask("POST", page+"/act", url.Values{"version": {h.version(page)}, "do": {what}}, h.as(h.user))
}

// only is the one record of the type in the store with the value.
func (h hand) only(t atoll.Type, store atoll.ID, field, value string) string {
	h.t.Helper()
	recs, _, err := h.node.Records(h.t.Context(), storage.Query{Type: t, Limit: 10, Where: map[string]string{"store_id": string(store), field: value}})
	if err != nil || len(recs) != 1 {
		h.t.Fatalf("%d records of type %s, %v", len(recs), t, err)
	}
	return "/records/" + string(t) + "/" + string(recs[0].ID)
}

// Goods go from one store to another through the pages alone: an invoice with its
// line, finalised, carried by synchronisation, received into stock there. What may not
// be done is explained, and what stands in the way is said on the page.
func TestWorkShipsAndReceives(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one, two := hand{f.one, t, station.StoreUser}, hand{f.two, t, station.StoreUser}
	one.page("/work").says("Work at a store Store B", "Customer invoices", "New customer invoice", "Stocktakes")
	one.page("/work/stock").says("Item Packs in all Packs available Pack size Batch Expiry date", "Item amoxicillin 40 40 10 B-").saysNot("Record Item")
	one.page("/work/stock?q=amox").says("Item amoxicillin")
	one.page("/work/stock?q=nothing").says("Nothing is like that")
	one.page("/work/customer-invoices").says("Nothing is open here")
	one.page("/work/stock?store=" + string(f.Stores["F"])).says("There is no stock here").saysNot("Nothing is open here")
	one.page("/work/customer-invoices/new").says("Store C", "Store A")
	page := one.makes("customer-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}, "f.comment": {"urgent"}})
	one.page("/work/customer-invoices").says("Customer invoice", "new", "Store C", "urgent")
	one.page(page).says("What to do now new", "Finalise", "It has no lines yet", "Add a line", "Item amoxicillin · B-", "40 packs of 10")
	stock := one.only("stock_line", f.Stores["B"], "store_id", string(f.Stores["B"]))
	id := stock[len("/records/stock_line/"):]
	one.line(page, url.Values{"f.stock_line_id": {id}, "f.number_of_packs": {"12"}}).want(303)
	one.page(page).says("amoxicillin", "12", "30 Jun 2028")
	// Too much is refused, and said on the page; the line stays.
	lineOf := regexp.MustCompile(`name="line" value="([^"]+)"`).FindStringSubmatch(one.page(page).body)
	one.line(page, url.Values{"line": {lineOf[1]}, "f.number_of_packs": {"7"}}).want(303)
	one.ask("POST", page+"/act", url.Values{"version": {"99"}, "do": {"finalise"}}, one.as(one.user)).want(409).says("Somebody changed it in the meantime")
	one.does(page, "authorise").want(409)
	one.get(page, one.as(station.Viewer)).want(200).says("Your role may look at it").saysNot("Add a line")
	one.ask("POST", page+"/act", url.Values{"version": {"1"}, "do": {"finalise"}}, one.as(station.Viewer)).want(403)
	one.does(page, "finalise").want(303)
	one.page(page).says("Ask the goods back", "Not while it is finalised", "Sent by Store B").saysNot("Add a line")
	one.page("/work/stock").says("33")
	one.get("/audit", one.as(station.Technician)).says("Number sequence Customer invoice").saysNot("customer_invoice")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.page("/work").says("Supplier invoices 1 open", "Customer invoices Goods")
	two.page("/work/supplier-invoices").says("Supplier invoice", "Store B")
	there := two.only("invoice", f.Stores["C"], "kind", "supplier_invoice")
	two.page(there).says("Receive into stock", "It answers: Customer invoice #1", "amoxicillin", "7")
	two.does(there, "receive").want(303)
	received := two.page(there).says("In stock at Store C (done)").saysNot("Line of an invoice").text()
	_, facts, _ := strings.Cut(received, "Owner: this site")
	if facts, _, cut := strings.Cut(facts, "further fields have no value"); !cut || strings.Contains(facts, "{") {
		t.Errorf("what programs wrote stands among what people read: %s", facts)
	}
	if _, rest, _ := strings.Cut(received, "For the technician"); !strings.Contains(rest, "Figures of the other half {") {
		t.Errorf("what programs wrote is not told to technicians: %s", rest)
	}
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.get(page, one.as(one.user), with("Accept-Language", "fr")).says("Statut de l’autre moitié finalisé", "Modifiée par le programme sur Sync Client 1")
	one.page(page).says("Changed by the program at Sync Client 1", "Made by store-user at Sync Client 1").saysNot("by atoll")
	f.centre.get(page, f.centre.as(station.Viewer)).says("In stock at Store C (done)", "It is done where it is owned")
	f.centre.get("/transfers", f.centre.as(station.Viewer)).says("Nothing is on its way")
}

// A request becomes a response at the other store, which is supplied by a shipment
// that is prepared with one button.
func TestWorkRequests(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one, two := hand{f.one, t, station.StoreUser}, hand{f.two, t, station.StoreUser}
	page := two.makes("requests", f.Stores["C"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["B"]))}})
	two.line(page, url.Values{"q.item_id": {"nothing like it"}, "f.requested_quantity": {"51"}}).want(200).says("Nothing here has such words").keeps("f.requested_quantity", "51")
	two.line(page, url.Values{"q.item_id": {"item"}, "f.requested_quantity": {"51"}}).want(200).says("Which one?").keeps("f.requested_quantity", "51")
	two.line(page, url.Values{"q.item_id": {"amoxicillin"}, "f.requested_quantity": {"fifty"}}).want(422).says("is not a number").keeps("f.requested_quantity", "fifty")
	two.line(page, url.Values{"q.item_id": {"Amoxicillin"}, "f.requested_quantity": {"50"}}).want(303)
	two.page(page).says("50")
	two.does(page, "finalise").want(303)
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	response := one.only("requisition", f.Stores["B"], "kind", "response")
	one.page("/work/responses").says("Response", "Store C")
	one.page(response).says("Prepare a shipment", "It answers: Request #1")
	made := one.ask("POST", response+"/act", url.Values{"version": {one.version(response)}, "do": {"shipment"}}, one.as(one.user))
	if made.StatusCode != 303 {
		one.line(response, url.Values{}) // says why
		t.Fatal(made.text())
	}
	one.page(made.Header.Get("Location")).says("Customer invoice", "amoxicillin", "Finalise")
}

// Stock is adjusted for a reason, counted, and a document that is not wanted is
// deleted.
func TestWorkCorrects(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one := hand{f.one, t, station.StoreUser}
	stock := one.only("stock_line", f.Stores["B"], "store_id", string(f.Stores["B"]))
	adjust := func(packs, reason string) *seen {
		return one.ask("POST", stock+"/act", url.Values{"version": {one.version(stock)}, "do": {"adjust"}, "packs": {packs}, "reason": {reason}}, one.as(one.user))
	}
	one.page(stock).says("Adjust the stock")
	adjust("-3", "").want(400).says("needs a reason")
	adjust("0", "none").want(400)
	adjust("-500", "lost").want(422)
	adjust("-3", "broken in the fridge").want(303)
	one.page("/work/stock").says("37")
	count := one.makes("stocktakes", f.Stores["B"], url.Values{"f.description": {"Monthly"}})
	one.line(count, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.counted_number_of_packs": {"36"}}).want(303)
	one.does(count, "finalise").want(303)
	one.page("/work/stock").says("36")
	draft := one.makes("supplier-invoices", f.Stores["B"], url.Values{})
	one.does(draft, "delete").want(303)
	one.get(draft, one.as(one.user)).want(404)
	one.page("/work/supplier-invoices").says("Nothing is open here")
	one.page("/work/stocktakes?status=all").says("Monthly")
	one.get("/work/nonsense", one.as(one.user)).want(404)
	one.get("/work?store="+string(f.Stores["C"]), one.as(one.user)).want(404)
	// At the centre there is a copy, to read.
	f.centre.get("/work/stock?store="+string(f.Stores["B"]), f.centre.as(station.StoreUser)).want(200)
	f.centre.get("/work?store="+string(f.Stores["B"]), f.centre.as(station.StoreUser)).says("Here is a copy to read").saysNot("New customer invoice")
	f.centre.ask("POST", "/work/stocktakes", url.Values{"store": {string(f.Stores["B"])}}, f.centre.as(station.StoreUser)).want(403)
}

// Goods that went to another store are asked back with a button, once; when somebody
// there has touched them the page says so, and what to do instead, in the reader's
// language (R-D-39, R-I-10).
func TestR_D_39_GoodsAreAskedBack(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one, two := hand{f.one, t, station.StoreUser}, hand{f.two, t, station.StoreUser}
	stock := one.only("stock_line", f.Stores["B"], "store_id", string(f.Stores["B"]))
	ship := func() string {
		t.Helper()
		page := one.makes("customer-invoices", f.Stores["B"], url.Values{"f.name_id": {string(topology.StoreNameID(f.Stores["C"]))}})
		one.line(page, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {"5"}}).want(303)
		one.page(page).saysNot("Ask the goods back")
		one.does(page, "ask_back").want(409).says("It is new: nobody need be asked", "Cancel it")
		one.does(page, "finalise").want(303)
		return page
	}
	page := ship()
	one.page(page).says("Ask the goods back")
	one.get(page, one.as(station.Viewer)).want(200).says("Your role may look at it")
	one.ask("POST", page+"/act", url.Values{"version": {one.version(page)}, "do": {"ask_back"}}, one.as(station.Viewer)).want(403)
	one.does(page, "ask_back").want(303)
	one.page(page).says("The goods were asked back", "Wait for the other store’s answer")
	one.does(page, "ask_back").want(409).says("The goods were asked back")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.page("/work/stock").says("40")
	// Received goods are not given up: that is said, and what to do.
	page = ship()
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.does(two.only("invoice", f.Stores["C"], "status", "new"), "receive").want(303)
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.page(page).says("The other store’s document is finalised already", "Have that store return the goods")
	for lang, words := range map[string]string{"fr": "Faites retourner les marchandises par ce dépôt", "es": "Haga que ese almacén devuelva la mercancía"} {
		one.get(page, one.as(one.user), with("Accept-Language", lang)).want(200).says(words)
	}
}

// Goods are returned and money is paid by forms: to the store that sent them, whose
// half comes by itself, and from a customer; what is paid has no lines.
func TestWorkReturnsAndPays(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	one, two := hand{f.one, t, station.StoreUser}, hand{f.two, t, station.StoreUser}
	to := string(topology.StoreNameID(f.Stores["B"]))
	stock := two.only("stock_line", f.Stores["C"], "store_id", string(f.Stores["C"]))
	two.page("/work").says("Returns to suppliers", "New return to a supplier", "Returns from customers", "Payments", "Money received")
	back := two.makes("supplier-returns", f.Stores["C"], url.Values{"f.name_id": {to}, "f.comment": {"too many"}})
	two.line(back, url.Values{"f.stock_line_id": {stock[len("/records/stock_line/"):]}, "f.number_of_packs": {"3"}}).want(303)
	two.does(back, "finalise").want(303)
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.page("/work/customer-returns").says("Store C")
	one.does(one.only("invoice", f.Stores["B"], "kind", "customer_credit"), "receive").want(303)
	one.page("/work/stock").says("3")
	two.page("/work/stock").says("22.5")

	two.page("/work/payments/new").says("Amount", "New payment").saysNot("Its lines come next")
	two.ask("POST", "/work/payments", url.Values{"store": {string(f.Stores["C"])}, "f.name_id": {to}, "f.amount": {"a lot"}}, two.as(two.user)).want(422)
	paid := two.makes("payments", f.Stores["C"], url.Values{"f.name_id": {to}, "f.amount": {"120.50"}, "f.comment": {"for March"}})
	two.page(paid).says("Finalise", "120.50").saysNot("Add a line")
	two.does(paid, "finalise").want(303)
	two.page("/work/payments?status=all").says("120.5", "finalised")
	got := two.makes("money-in", f.Stores["C"], url.Values{"f.amount": {"75"}})
	two.does(got, "cancel").want(303)
	two.page("/work/money-in?status=all").says("75", "cancelled").saysNot("120.5")
}

// Patients are found at their store without being asked for, and registered there by a
// form of what is asked at a counter; a store that is no dispensary has no such form
// (R-G-01, R-G-20).
func TestR_G_01_PatientsAreRegisteredAtWork(t *testing.T) {
	f := newFleet(t)
	store, _ := f.people(t, 1)
	centre := hand{f.centre, t, station.StoreUser}
	at := "?store=" + string(store)
	centre.page("/work" + at).says("New patient")
	centre.page("/work/patients"+at).says("Amina", "Amara", "New patient").saysNot("Nothing is open here")
	centre.page("/work/patients" + at + "&status=merged").saysNot("Amina")
	centre.page("/work/patients/new"+at).says("Last name", "Gender", "female", "Date of birth")
	made := centre.makes("patients", store, url.Values{"f.last_name": {"Wanjiru"}, "f.first_name": {"Asha"}, "f.gender": {"female"}, "f.date_of_birth": {"1990-02-03"}})
	centre.page(made).says("Wanjiru, Asha", "Home store Store P", "female", "3 Feb 1990", "active")
	centre.page("/work/patients" + at).says("Wanjiru")
	centre.ask("POST", "/work/patients", url.Values{"store": {string(store)}}, centre.as(centre.user)).want(422).says("It must be filled in: Name")
	centre.page("/work?store=" + string(f.Stores["A"])).saysNot("New patient")
	centre.page("/work/patients?store=" + string(f.Stores["A"])).saysNot("New patient")
	centre.ask("POST", "/work/patients", url.Values{"store": {string(f.Stores["A"])}, "f.last_name": {"Otieno"}}, centre.as(centre.user)).want(422).says("is not a dispensary")
	centre.ask("POST", "/work/patients", url.Values{"store": {string(store)}, "f.last_name": {"Otieno"}}, centre.as(station.Viewer)).want(403)
}

// TestR_I_28_StockIsListedByItem: the stock of a store is listed by the names of its
// items, what expires first before the rest. Of empty batches the page says how many
// there are, and shows them when asked. A page goes on where the one before ended.
func TestR_I_28_StockIsListedByItem(t *testing.T) {
	f := newFleet(t)
	f.stocked(t)
	store := f.Stores["B"]
	insert := func(item, batch, expiry, packs string) {
		t.Helper()
		key := atoll.Key{Type: "item", ID: atoll.DeriveID("test item", item)}
		if _, err := f.Centre.Record(t.Context(), key); err != nil {
			if err := f.Centre.Insert(t.Context(), journal.Proposal{Verb: atoll.Insert, Key: key, Fields: atoll.Fields{}.
				Set("code", item).Set("name", item).Set("kind", "stock").Set("status", "active")}); err != nil {
				t.Fatal(err)
			}
			if err := f.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		line := simulate.Stock(atoll.NewID(f.Clock.Now()), store, key.ID, packs)
		line.Fields.Set("batch", batch)
		if line.Fields.Set("expiry_date", expiry); expiry == "" {
			delete(line.Fields, "expiry_date")
		}
		if err := f.Sites[2].Insert(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
	insert("Zinc", "Z1", "2027-01-31", "5")
	insert("ibuprofen", "I3", "", "7")
	insert("ibuprofen", "I2", "2029-12-31", "7")
	insert("ibuprofen", "I0", "2026-12-31", "0")
	insert("ibuprofen", "I1", "2027-06-30", "7")
	insert("éphédrine", "E1", "2028-01-31", "3")
	one := hand{f.one, t, station.StoreUser}
	batches := func(path string) (out []string) {
		t.Helper()
		for _, found := range regexp.MustCompile(`<td[^>]*>([A-Z]\d|B-\w+)</td>`).FindAllStringSubmatch(one.page(path).body, -1) {
			out = append(out, found[1][:2])
		}
		return out
	}
	equal := func(path string, want ...string) {
		t.Helper()
		if got := batches(path); !slices.Equal(got, want) {
			t.Errorf("%s lists %q, want %q", path, got, want)
		}
	}
	equal("/work/stock", "E1", "I1", "I2", "I3", "B-", "Z1")
	one.page("/work/stock").says("6 batches in stock of 4 items. 1 empty batch is not shown.")
	equal("/work/stock?empty=all", "E1", "I0", "I1", "I2", "I3", "B-", "Z1")
	one.page("/work/stock?empty=all").says("1 empty batch is shown, too.")
	equal("/work/stock?q=IBU", "I1", "I2", "I3")
	equal("/work/stock?q=ephe&empty=all", "E1")
	one.page("/work/stock?q=ibu&empty=all").says("3 batches in stock of 1 item. 1 empty")
	one.page("/work/stock?q=...").says("Nothing is like that")
	// Who asks anew is told of what came meanwhile, also where the order is kept for a while.
	insert("ibuprofen", "I4", "2027-12-31", "1")
	equal("/work/stock?q=ibu", "I1", "I4", "I2", "I3")
	for n := range 60 {
		insert("aspirin", "A"+strconv.Itoa(n%9+1), "2027-02-"+strconv.Itoa(10+n%9), "1")
	}
	first := one.page("/work/stock")
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal("a list of 67 batches has one page")
	}
	got := append(batches("/work/stock"), batches(html.UnescapeString(next[1]))...)
	if want := []string{"E1", "I1", "I4", "I2", "I3", "B-", "Z1"}; len(got) != 67 || !slices.Equal(got[60:], want) || !slices.IsSorted(got[:60]) {
		t.Errorf("two pages list %q", got)
	}
}
