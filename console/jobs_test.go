package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// Jobs and moves are shown with how far they are, and are called off (R-I-27).
func TestR_I_27_Jobs(t *testing.T) {
	f := newFleet(t)
	tech, admin := f.centre.as(station.Technician), f.centre.as(station.Administrator)
	f.centre.get("/jobs", tech).want(200).says("No job is under way, and none was", "A new job")
	job := url.Values{"kind": {"verify"}, "site": {"2"}, "about": {string(f.Stores["B"])}}
	f.centre.ask("POST", "/jobs", job, tech).want(303)
	page := f.centre.get("/jobs", tech).want(200)
	page.says("Comparison with Sync Client 1", "under way", "compare types (now)", "Asked by technician", "Call it off")
	abort := regexp.MustCompile(`action="(/jobs/[^"]+/abort)"`).FindStringSubmatch(page.body)
	if abort == nil {
		t.Fatal("the job cannot be called off")
	}
	f.centre.ask("POST", abort[1], url.Values{}, tech).want(303)
	f.centre.get("/jobs", tech).says("called off").saysNot("Call it off")
	f.centre.ask("POST", "/jobs", job, tech).want(303)
	for range 4 {
		if err := f.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.centre.get("/jobs", tech).says("both ends hold the same", "done")
	f.centre.ask("POST", "/jobs", url.Values{"kind": {"nonsense"}, "site": {"2"}}, tech).want(400)
	f.centre.ask("POST", "/jobs", url.Values{"kind": {"resync"}, "site": {"77"}, "about": {"patients"}}, tech).want(404)
	// A move of a store, which only who configures may call off.
	if _, _, err := f.Centre.Centre.StartMove(t.Context(), "tester", handover.Order{Store: f.Stores["D"], To: 2, Reason: "nearer"}, false); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/jobs", tech).says("Store D moves from Sync Client 2 to Sync Client 1", "work stops there (now)").saysNot("Call it off")
	move := regexp.MustCompile(`action="(/moves/[^"]+/abort)"`).FindStringSubmatch(f.centre.get("/jobs", admin).body)
	if move == nil {
		t.Fatal("the move cannot be called off")
	}
	f.centre.ask("POST", move[1], url.Values{}, tech).want(403)
	f.centre.ask("POST", move[1], url.Values{}, admin).want(303)
	f.centre.get("/jobs", admin).saysNot("Call it off")
}

// altered is a database in which somebody changed an entry of a journal.
type altered struct{ console.Snapshots }

type alteredReader struct{ storage.Reader }

func (a altered) View(ctx context.Context, fn func(storage.Reader) error) error {
	return a.Snapshots.View(ctx, func(r storage.Reader) error { return fn(alteredReader{r}) })
}

func (a alteredReader) Entries(site atoll.SiteID, after uint64, limit, most int) ([]storage.JournalEntry, error) {
	list, err := a.Reader.Entries(site, after, limit, most)
	for i := range list {
		if list[i].Seq == 2 {
			list[i].Content = bytes.ReplaceAll(list[i].Content, []byte("tester"), []byte("nobody"))
		}
	}
	return list, err
}

// The audit trail says who did what, and whether anybody altered it since; a reader
// with stores of their own sees what was done to these (R-K-59, R-K-60, R-J-01).
func TestR_K_60_AuditTrail(t *testing.T) {
	f := newFleet(t)
	shelf(t, f, "S1")
	shelf(t, f, "S2")
	tech := f.one.as(station.Technician)
	f.one.get("/audit", tech).want(200).says("tester", "Made: Location S2", "by hand", "entries of Sync Client 1").saysNot("recomputed")
	f.one.get("/audit", tech, with("Accept-Language", "fr")).says("Créée : Emplacement S2")
	whole := f.one.get("/audit?verify=1", tech).want(200).says("The chain is whole", "entries were recomputed")
	if strings.Contains(whole.text(), "0 entries were") {
		t.Error("nothing was read")
	}
	o := console.From(f.one.node.Station, nil, f.one.node.Site)
	o.Database = altered{o.Database}
	touched := &face{t: t, node: f.one.node, handler: console.New(o), cookies: f.one.cookies, address: f.one.address}
	touched.get("/audit?verify=1", tech).want(200).says("The chain is broken", "entry 2 of site 2 does not follow")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	centre := f.centre.as(station.Technician)
	f.centre.get("/audit?site=2&verify=1", centre).want(200).says("Location S1", "The chain is whole")
	f.centre.get("/audit?site=77", centre).want(404)
	if err := f.centre.node.LimitUser(t.Context(), "technician", []atoll.ID{f.Stores["A"]}); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/audit?site=2", centre).want(200).says("nothing in this journal").saysNot("Location S1")
}

// TestR_K_60_AuditTrailSaysWhatChanged: the audit trail says which fields an entry
// changed, from what to what, in the reader's language; of many the first few.
func TestR_K_60_AuditTrailSaysWhatChanged(t *testing.T) {
	f := newFleet(t)
	shelf(t, f, "S1")
	key := atoll.Key{Type: "location", ID: atoll.DeriveID("location", "S1")}
	change := func(fields atoll.Fields) {
		t.Helper()
		if err := f.Sites[2].Insert(t.Context(), journal.Proposal{Verb: atoll.Update, Key: key, Fields: fields}); err != nil {
			t.Fatal(err)
		}
	}
	change(atoll.Fields{}.Set("on_hold", true))
	change(atoll.Fields{}.Set("name", "Cold room").Set("on_hold", false))
	change(atoll.Fields{}.Set("name", strings.Repeat("Very ", 30)+"cold").Set("code", "C9").Set("on_hold", nil).Set("comment", "x").Set("volume", json.Number("1234.5")))
	tech := f.one.as(station.Technician)
	f.one.get("/audit", tech).want(200).says(
		"Changed: Location C9 Code: S1 → became C9 Name: Cold room → became Very Very", "and 2 further fields",
		"Name: Shelf S1 → became Cold room On hold: yes → became no", "On hold: – → became yes", "Made: Location C9").
		saysNot(strings.Repeat("Very ", 30)+"cold On hold", "on_hold")
	f.one.get("/audit", tech, with("Accept-Language", "fr")).says("Nom : Shelf S1 → devient Cold room", "oui → devient non")
	if err := f.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.centre.get("/audit?site=2", f.centre.as(station.Technician)).says("Name: Shelf S1 → became Cold room")
}

// A long journal comes in pages, and every entry is on one of them.
func TestAuditPages(t *testing.T) {
	f := newFleet(t)
	for i := range 120 {
		shelf(t, f, "X"+string(rune('A'+i/26))+string(rune('A'+i%26)))
	}
	seen := map[string]bool{}
	entry := regexp.MustCompile(`<code>(2/\d+)</code>`)
	for next := "/audit"; next != ""; {
		body := f.one.get(next, f.one.as(station.Technician)).want(200).body
		for _, m := range entry.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s is there twice", m[1])
			}
			seen[m[1]] = true
		}
		next = ""
		if m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	head, err := f.one.node.Site.Status(t.Context())
	if err != nil || len(seen) < 120 {
		t.Errorf("%d entries, %+v, %v", len(seen), head, err)
	}
	if !seen["2/1"] {
		t.Error("the first entry is on no page")
	}
}

// A site is added with a ticket that is shown once; a device that is lost is revoked
// (R-H-15, R-H-46).
func TestR_H_46_Enrolment(t *testing.T) {
	f := newFleet(t)
	admin := f.centre.as(station.Administrator)
	f.centre.get("/enrolment", admin).want(200).says("Every site is enrolled", "Add a site")
	made := f.centre.ask("POST", "/enrolment", url.Values{"name": {"Mulago"}, "kind": {"server"}}, admin).want(200)
	made.says("Ticket for Mulago", "shown this once")
	code := regexp.MustCompile(`class="ticket"><code>([^<]+)<`).FindStringSubmatch(made.body)
	if code == nil {
		t.Fatal("no code is shown")
	}
	f.centre.get("/enrolment", admin).says("Mulago", "ticket is good until").saysNot(code[1])
	again := f.centre.ask("POST", "/fleet/4/code", url.Values{}, admin).want(200)
	if strings.Contains(again.body, code[1]) {
		t.Error("the new ticket is the old one")
	}
	f.centre.ask("POST", "/enrolment", url.Values{"name": {""}, "kind": {"server"}}, admin).want(400)
	f.centre.ask("POST", "/enrolment", url.Values{"name": {"x"}, "kind": {"central"}}, admin).want(400)
	f.centre.ask("POST", "/enrolment/revoke", url.Values{"site": {"3"}}, admin).want(303)
	f.centre.get("/enrolment", admin).says("Sync Client 2", "needs a ticket")
	if _, err := f.Sync(t.Context(), 3); err == nil {
		t.Error("the revoked device still synchronises")
	}
}
