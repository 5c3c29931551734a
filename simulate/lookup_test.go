package simulate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

const secret = "correct horse battery"

// clerk makes a user of the centre who may look patients up, and returns the
// credentials.
func (w *world) clerk() station.Credentials {
	w.t.Helper()
	if _, err := w.Centre.AddUser(w.ctx, "clerk", station.StoreUser, secret); err != nil {
		w.t.Fatal(err)
	}
	return station.Credentials{User: "clerk", Password: secret, Reason: "came to the counter"}
}

func (w *world) find(at atoll.SiteID, store string, s patients.Search, centre bool, by station.Credentials) station.Found {
	w.t.Helper()
	f, err := w.At(at).Find(w.ctx, patients.Patient, w.Stores[store], s, centre, by)
	if err != nil {
		w.t.Fatalf("find at site %d: %v", at, err)
	}
	return f
}

func named(list []patients.Match) string {
	var out []string
	for _, m := range list {
		out = append(out, m.FirstName)
	}
	return strings.Join(out, " ")
}

// TestR_G_20: by each of what may be known, in pages; prescribers and histories
// too.
//
// R-G-20, R-G-22.
func TestR_G_20_R_G_22_LookUp(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	by := w.clerk()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	eve := w.register("B", "Eve", "Lovell", "1991-01-01")
	w.register("C", "Bea", "Lovelace", "1992-02-02")
	w.update(2, "patient", ada, atoll.Fields{}.Set("barcode", "P-77"))
	provider := w.insert(1, "insurance_provider", atoll.Fields{}.Set("name", "Mutual"))
	w.sync(2)
	w.insert(2, "insurance_policy", atoll.Fields{}.Set("patient_id", ada).Set("insurance_provider_id", provider).Set("policy_number", "X1"))
	doctor, err := w.At(2).Register(w.ctx, "nurse", patients.Prescriber, w.Stores["B"], atoll.Fields{}.Set("first_name", "Marie").Set("last_name", "Curie").Set("registration_code", "R9"))
	if err != nil {
		t.Fatal(err)
	}
	w.sync(2, 3)
	for _, row := range []struct {
		search          patients.Search
		here, elsewhere string
	}{
		{patients.Search{LastName: "lovel"}, "Bea", "Ada Eve"},
		{patients.Search{LastName: "Lovel", FirstName: "A"}, "", "Ada"},
		{patients.Search{DateOfBirth: "1991-01-01"}, "", "Eve"},
		{patients.Search{Barcode: "P-77"}, "", "Ada"},
		{patients.Search{PolicyNumber: "X1"}, "", "Ada"},
		{patients.Search{LastName: "Nobody"}, "", ""},
	} {
		f := w.find(3, "C", row.search, true, by)
		if named(f.Here) != row.here || named(f.Elsewhere) != row.elsewhere || !f.Asked {
			t.Errorf("%+v: here %q, elsewhere %q, centre asked %t", row.search, named(f.Here), named(f.Elsewhere), f.Asked)
		}
	}
	all := w.find(3, "C", patients.Search{LastName: "Lovel", Limit: 2}, true, by)
	rest := w.find(3, "C", patients.Search{LastName: "Lovel", Limit: 2, Offset: 2}, true, by)
	if !all.MoreElsewhere || rest.MoreElsewhere || len(all.Elsewhere)+len(rest.Elsewhere) != 2 {
		t.Errorf("in pages: %+v, %+v", all, rest)
	}
	// On request only, when somebody is found here.
	if f := w.find(3, "C", patients.Search{LastName: "Lovelace"}, false, by); f.Asked || named(f.Here) != "Bea" {
		t.Errorf("the centre was asked although %q was found here", named(f.Here))
	}
	if f := w.find(3, "C", patients.Search{FirstName: "Ada"}, false, by); !f.Asked || named(f.Elsewhere) != "Ada" {
		t.Errorf("nothing is here, and the centre says %+v", f)
	}
	p, err := w.At(3).Find(w.ctx, patients.Prescriber, w.Stores["C"], patients.Search{RegistrationCode: "R9"}, true, by)
	if err != nil || len(p.Elsewhere) != 1 || p.Elsewhere[0].ID != doctor {
		t.Errorf("prescribers: %+v, %v", p, err)
	}
	if _, err := w.prescribe("B", eve, atoll.Fields{}.Set("prescription_date", "2026-03-01")); err != nil {
		t.Fatal(err)
	}
	w.sync(2)
	h, err := w.At(3).CentralHistory(w.ctx, eve, by)
	if err != nil || len(h.Events) != 1 || h.Events[0].Type != "prescription" || h.AsOf.IsZero() || !strings.Contains(h.Warning, "card") {
		t.Errorf("history: %+v, %v", h, err)
	}
	w.peace()
}

// Nobody is fetched for a store that is on its way to another site, though its site has
// not heard of it: the patient might arrive there instead.
//
// R-G-21, R-H-30.
func TestR_G_21_R_H_30_FetchedForAStoreThatMoves(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	by := w.clerk()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	w.move("C", 2)
	_, err := w.At(3).Fetch(w.ctx, patientKey(ada), w.Stores["C"], by)
	w.refused(err, atoll.Rule, "is being moved")
	if seen := w.list(1, "patient_store_join", "store_id", string(w.Stores["C"])); len(seen) > 0 {
		t.Errorf("she is visible in the store all the same: %s", seen[0].Body)
	}
}

// TestR_G_21: what somebody waits for comes first, whole, and can be dispensed to;
// cut anywhere, nothing is half-done, and fetching again completes it.
//
// R-G-21, R-G-22, R-G-25.
func TestR_G_21_R_G_25_FetchedFirst(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	by := w.clerk()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	var events []atoll.ID
	for i := range 7 {
		events = append(events, w.insert(2, "patient_event", atoll.Fields{}.Set("patient_id", ada).
			Set("happened_at", "2026-01-02T10:00:00Z").Set("note", fmt.Sprint(i))))
	}
	w.sync(2)
	var other []atoll.ID // a long queue of other things for site 3
	for i := range 40 {
		other = append(other, w.item(fmt.Sprintf("item %d", i)))
	}
	n := w.Sites[3]
	n.Net.Records = 3
	exchanges := 0
	n.Net.Down = func() bool { exchanges++; return exchanges > 2 }
	w.Sync(w.ctx, 3) // some of the queue is staged
	for cut := range 6 {
		exchanges := 0
		n.Net.Down = func() bool { exchanges++; return exchanges > 1+cut/2 }
		n.Net.CutDown = func() int { return cut }
		if _, err := n.Fetch(w.ctx, patientKey(ada), w.Stores["C"], by); err == nil {
			break
		}
		if w.get(3, "patient", ada) != nil {
			t.Errorf("after cut %d the patient is shown, half-done", cut)
		}
	}
	w.mend()
	n.Net.Records = 3
	kept, err := n.Fetch(w.ctx, patientKey(ada), w.Stores["C"], by)
	if err != nil || kept.ID != ada {
		t.Fatalf("fetched %s: %v", kept, err)
	}
	w.equal("patient", ada, 2, 3)
	for _, id := range events {
		w.equal("patient_event", id, 2, 3)
	}
	for _, id := range []atoll.ID{other[0], other[len(other)-1]} {
		if w.get(3, "item", id) != nil {
			t.Error("the rest came before it, or half of it")
		}
	}
	if _, err := w.prescribe("C", ada, nil); err != nil {
		t.Errorf("and now dispense: %v", err)
	}
	if f := w.find(3, "C", patients.Search{FirstName: "Ada"}, true, by); len(f.Elsewhere) != 0 || named(f.Here) != "Ada" {
		t.Errorf("whoever is here is offered again: %+v", f)
	}
	w.mend()
	w.peace()
	if _, err := n.Fetch(w.ctx, patientKey(ada), w.Stores["C"], by); err != nil {
		t.Errorf("fetched once more: %v", err)
	}
	w.peace()
}

// TestR_G_21_OnlyMembers: a site that names a patient who is not visible there
// receives nothing.
func TestR_G_21_OnlyMembers(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	if err := w.Sites[3].Site.Fetch(w.ctx, atoll.PatientAudience(ada)); err != nil {
		t.Fatal(err)
	}
	if w.get(3, "patient", ada) != nil || w.hidden(3, "patient", ada) {
		t.Error("the patient reached a site where she is not visible")
	}
	by := w.clerk()
	_, err := w.At(3).Fetch(w.ctx, patientKey(ada), w.Stores["D"], by)
	w.refused(err, atoll.Rule, "dispensary")
	_, err = w.At(3).Fetch(w.ctx, patientKey(ada), w.Stores["B"], by)
	w.refused(err, atoll.Rule)
	w.peace()
}

// TestR_G_23: credentials of the person, a reason, limits, and the log of
// accesses.
func TestR_G_23_WhoMayAsk(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	by := w.clerk()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.sync(2)
	ask := func(by station.Credentials) error {
		_, err := w.At(3).Find(w.ctx, patients.Patient, w.Stores["C"], patients.Search{FirstName: "Ada"}, true, by)
		return err
	}
	wrong := by
	wrong.Password = "wrong password"
	w.refused(ask(wrong), atoll.Denied, "user of the central server")
	silent := by
	silent.Reason = " "
	w.refused(ask(silent), atoll.Invalid, "say why")
	w.refused(ask(station.Credentials{Reason: "because"}), atoll.Denied)
	f := w.find(3, "C", patients.Search{FirstName: "Ada"}, true, by)
	if f.Token == "" {
		t.Fatal("no token for further questions")
	}
	again := station.Credentials{Token: f.Token, Reason: "came again"}
	if _, err := w.At(3).Fetch(w.ctx, patientKey(ada), w.Stores["C"], again); err != nil {
		t.Fatal(err)
	}
	log, err := w.Centre.Accesses(w.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range log {
		got = append(got, fmt.Sprintf("%s %s %d %s", r.Fields.Text("kind"), r.Fields.Text("by"), r.Fields.Int("from_site"), r.Fields.Text("refused")))
	}
	want := "fetch clerk 3 |look_up clerk 3 |look_up  3 denied|look_up clerk 3 invalid|look_up clerk 3 denied"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("the log says\n%s; want\n%s", s, want)
	}
	if r := log[0].Fields; r.Text("reason") != "came again" || !strings.Contains(string(r["asked"]), string(ada)) {
		t.Errorf("the log keeps %v", r)
	}
	var last error
	for range 100 {
		if last = ask(again); last != nil {
			break
		}
	}
	w.refused(last, atoll.Busy, "wait")
	w.Clock.Wind(11 * time.Minute)
	if err := ask(again); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	w.peace()
}

// TestR_G_24: off line the search says so, creating is allowed, and the home site
// is told of likely duplicates with the next synchronisation.
func TestR_G_24_Duplicates(t *testing.T) {
	w := f1(t)
	w.dispensaries("B", "C")
	w.sync(2, 3)
	by := w.clerk()
	ada := w.register("B", "Ada", "Lovelace", "1990-12-10")
	w.update(2, "patient", ada, atoll.Fields{}.Set("national_health_number", "N1"))
	w.sync(2)
	w.offline(3)
	f := w.find(3, "C", patients.Search{FirstName: "Ada"}, true, by)
	if f.Asked || !strings.Contains(f.Note, "only patients of this store were searched") {
		t.Errorf("off line: %+v", f)
	}
	twin := w.register("C", "ada ", "LOVELACE", "1990-12-10")
	other := w.register("C", "Ada", "Lovelace", "1977-07-07")
	w.mend()
	w.sync(3)
	d := w.one(3, "patient_duplicate")
	if d.Fields.ID("patient_id") != twin || d.Fields.ID("other_patient_id") != ada || d.Fields.Text("because") != "name and date of birth" {
		t.Errorf("told: %v", d.Fields)
	}
	card, err := w.At(3).Register(w.ctx, "nurse", patients.Patient, w.Stores["C"], atoll.Fields{}.Set("last_name", "King").Set("national_health_number", "N1"))
	if err != nil {
		t.Fatal(err)
	}
	w.sync(3, 2)
	if got := w.one(3, "patient_duplicate", "patient_id", string(card)); got.Fields.Text("because") != "national health number" {
		t.Errorf("told: %v", got.Fields)
	}
	if len(w.list(3, "patient_duplicate", "patient_id", string(other))) != 0 || len(w.list(2, "patient_duplicate")) != 0 {
		t.Error("somebody was told too much")
	}
	w.peace()
}

// TestR_K_27: the token of a site opens look-ups for nobody; neither does a user's
// sign-in open anything but them.
func TestR_G_23_R_K_27_NoCentreNoLookUp(t *testing.T) {
	w := f1(t)
	_, err := w.At(3).CentralHistory(w.ctx, atoll.NewID(w.Clock.Now()), station.Credentials{Reason: "no credentials"})
	if !errors.Is(err, atoll.Denied) {
		t.Errorf("without a user: %v", err)
	}
}
