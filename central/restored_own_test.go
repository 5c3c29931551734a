package central_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/simulate"
	"github.com/atollsync/atoll/storage"
)

// bodies are the records of the node, without hidden ones: what they say, not how
// they came to be.
func (r *rig) bodies(at atoll.SiteID) map[string]string {
	r.t.Helper()
	out := map[string]string{}
	r.look(at, func(v storage.Reader) error {
		for after := atoll.Position(0); ; {
			page, err := v.Changed(after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, rec := range page {
				if after = rec.Position; !rec.Hidden && !rec.Deleted {
					out[rec.Key.String()] = string(rec.Body)
				}
			}
		}
	})
	return out
}

// ownHead is the end of the centre's own journal.
func (r *rig) ownHead() (n uint64) {
	r.t.Helper()
	r.look(1, func(v storage.Reader) error { h, err := v.Head(1); n = h.Seq; return err })
	return n
}

// What the centre made itself after the backup it was restored from is kept by its
// sites. Each hands it in, the centre keeps it for a person and says so in words,
// and until then all sites are as the centre is. Taken back, it is everywhere as
// it was. Numbers of lost entries are not given again; entries made before the
// first site came are no exception to who is right.
//
// R-A-09, R-A-20, R-H-28, R-I-20, R-M-03.
func TestCentreLosesItsOwn(t *testing.T) {
	for _, c := range []struct {
		name  string
		hot   bool
		early int // changes at the restored centre before any site comes
		cut   bool
	}{
		{"run unknown", false, 0, false},
		{"run known", true, 0, false},
		{"work before the first site", false, 30, false},
		{"cut at each frame", false, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			changed, cleared := r.item("changed"), r.item("cleared")
			r.update(1, "item", cleared, atoll.Fields{}.Set("strength", "5mg"))
			r.peace()
			old := ""
			if c.hot {
				old = r.hotBackup(1)
			} else {
				old = r.backup(1)
			}
			n := 2*exchange.MaxFound + 50 // more than one Hello tells
			if c.cut {
				n = 10
			}
			for i := range n {
				r.item(fmt.Sprintf("lost %d", i))
			}
			r.update(1, "item", changed, atoll.Fields{}.Set("name", "its lost name"))
			r.update(1, "item", cleared, atoll.Fields{}.Set("strength", nil))
			local := r.invoice(1, "A") // for site 2 only
			r.configure(central.MakeVisible(r.Stores["B"], r.Stores["D"], true))
			// What is lost with the configuration that brought it to the site.
			r.configure(central.MakeVisible(r.Stores["B"], r.Stores["E"], true))
			r.configure(central.Collect(r.Stores["E"], 2, true))
			r.invoice(1, "E")
			r.peace()
			want, lost := r.bodies(1), r.ownHead()
			if c.hot {
				r.putBackHot(1, old)
			} else {
				r.putBack(1, old)
			}
			had := r.bodies(1)
			for i := range c.early {
				r.item(fmt.Sprintf("early %d", i))
			}
			for down := 0; c.cut && down < 40; down++ {
				r.lines[2].down, r.lines[3].down = down, down
				_, _ = r.Sync(t.Context(), 2)
				_, _ = r.Sync(t.Context(), 3)
			}
			r.peace() // all sites are as the centre is
			for k := range want {
				if _, there := had[k]; there {
					continue
				}
				if _, there := r.bodies(3)[k]; there {
					t.Errorf("site 3 shows %s, which the centre lost", k)
					break
				}
			}
			if now := r.ownHead(); now < lost {
				t.Errorf("the centre's own journal is at %d; it had been at %d", now, lost)
			}
			rows, words, err := r.Centre.Centre.FoundRecords(t.Context())
			if err != nil || len(rows) < n+3 || !strings.Contains(words, fmt.Sprintf("%d records of head office's own", len(rows))) {
				t.Fatalf("%d found, %q, %v; want at least %d", len(rows), words, err, n+3)
			}
			for _, row := range rows {
				if held := len(row.Sites); row.ID == changed && held != 2 || row.ID == local && held != 1 || held == 0 {
					t.Errorf("%s is said to be held by %v", row.Key, row.Sites)
				}
			}
			taken, err := r.Centre.Centre.TakeBack(t.Context(), "anna", "the backup was a day old")
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range taken {
				if x.Err != nil {
					t.Errorf("%s was not taken back: %v", x.Key, x.Err)
				}
			}
			r.peace()
			now := r.bodies(1)
			for k, v := range want {
				if now[k] != v {
					t.Errorf("%s was %s, and is %s", k, v, now[k])
				}
			}
			if rows, words, _ := r.Centre.Centre.FoundRecords(t.Context()); len(rows) > 0 || words != "" {
				t.Errorf("%d are still found: %s", len(rows), words)
			}
			if c := r.sync(2); c.Sent+c.Received > 0 {
				t.Errorf("afterwards: %+v", c)
			}
		})
	}
}

// A record that the restored centre changed again is the centre's affair: its later
// decision stands, everywhere, and is not asked about. What was found can be left.
//
// R-A-20, R-M-03.
func TestFoundAndLeft(t *testing.T) {
	r := newRig(t)
	both := r.item("both")
	r.peace()
	old := r.backup(1)
	r.update(1, "item", both, atoll.Fields{}.Set("name", "first"))
	gone := r.item("gone")
	r.peace()
	r.putBack(1, old)
	r.update(1, "item", both, atoll.Fields{}.Set("name", "second"))
	r.peace()
	rows, _, err := r.Centre.Centre.FoundRecords(t.Context())
	if err != nil || len(rows) != 1 || rows[0].ID != gone || rows[0].Held != 2 {
		t.Fatalf("found %+v, %v", rows, err)
	}
	if _, err := r.Centre.Centre.LeaveFound(t.Context(), ""); err == nil {
		t.Error("left without a reason")
	}
	// It was made again here meanwhile: it is taken back only by name.
	_, p := simulate.Item("gone")
	p.Fields.Set("name", "made again")
	r.edit(1, p)
	taken, err := r.Centre.Centre.TakeBack(t.Context(), "anna", "all of it")
	if err != nil || len(taken) != 1 || atoll.CodeOf(taken[0].Err) != atoll.Conflict {
		t.Errorf("%+v, %v", taken, err)
	}
	if n, err := r.Centre.Centre.LeaveFound(t.Context(), "it was made again"); n != 1 || err != nil {
		t.Error(n, err)
	}
	r.peace()
	if rec, _ := r.record(3, "item", gone); rec.MustFields().Text("name") != "made again" {
		t.Errorf("site 3 has %s", rec.Body)
	}
}

// A centre that is restored again before a person has decided about what sites handed in
// has lost that, too; also one that was not yet told of it when it was backed up, and goes
// on where the site has heard it. Sites hand it in again: new records, and versions that
// they have given up for the centre's. When it is taken back, or left, they keep it no more.
//
// R-H-28, R-M-03.
func TestFoundAndLostAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		later bool // the second backup is of the centre as it was restored
		leave bool
	}{{"the same backup", false, false}, {"a later backup", true, false}, {"left", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			changed := r.item("changed")
			r.peace()
			old := r.backup(1)
			gone := r.item("gone")
			r.update(1, "item", changed, atoll.Fields{}.Set("name", "its lost name"))
			r.peace()
			r.putBack(1, old)
			if c.later {
				old = r.backup(1)
			}
			r.peace()
			r.putBack(1, old)
			r.peace()
			rows, _, err := r.Centre.Centre.FoundRecords(t.Context())
			if err != nil || len(rows) != 2 || rows[0].Held != 2 || rows[1].Held != 2 {
				t.Fatalf("found %+v, %v; sites handed in two records, both of them", rows, err)
			}
			if c.leave {
				if _, err := r.Centre.Centre.LeaveFound(t.Context(), "as it was is well"); err != nil {
					t.Fatal(err)
				}
			} else if _, err := r.Centre.Centre.TakeBack(t.Context(), "anna", "it was restored twice"); err != nil {
				t.Fatal(err)
			}
			r.peace()
			if c.leave { // nor do they come again with the next run of the centre
				r.restart(1)
				r.peace()
				if rows, _, _ := r.Centre.Centre.FoundRecords(t.Context()); len(rows) > 0 {
					t.Errorf("found %+v; they were left", rows)
				}
				return
			}
			for at := range atoll.SiteID(3) {
				if _, there := r.record(at+1, "item", gone); !there {
					t.Errorf("%d does not have the item that was taken back", at+1)
				}
				if rec, _ := r.record(at+1, "item", changed); rec.MustFields().Text("name") != "its lost name" {
					t.Errorf("%d has %s; its change was taken back", at+1, rec.Body)
				}
			}
		})
	}
}

// One record that nobody has decided about keeps those sites waiting that handed it in:
// what others handed in, and was left, does not come again with the next run of the
// centre. R-H-28, R-M-03.
func TestR_M_03_FoundAtOneSiteOnly(t *testing.T) {
	r := newRig(t)
	old := r.backup(1)
	set := func(store string) atoll.Key {
		return atoll.Key{Type: "store_preference", ID: r.insert(1, "store_preference", atoll.Fields{}.Set("store_id", r.Stores[store]).
			Set("key", "a_setting").Set("value", map[string]any{"is": "lost"}))}
	}
	left, kept := set("B"), set("C")
	r.peace()
	r.putBack(1, old)
	r.peace()
	rows, _, err := r.Centre.Centre.FoundRecords(t.Context())
	if err != nil || len(rows) != 2 || rows[0].Held != 1 || rows[1].Held != 1 {
		t.Fatalf("found %+v, %v; want two records, each of one site", rows, err)
	}
	if _, err := r.Centre.Centre.LeaveFound(t.Context(), "as it was is well", left); err != nil {
		t.Fatal(err)
	}
	r.peace()
	old = r.backup(1) // which begins another run
	r.peace()
	rows, _, err = r.Centre.Centre.FoundRecords(t.Context())
	if err != nil || len(rows) != 1 || rows[0].Key != kept {
		t.Errorf("found %+v, %v; the other was left", rows, err)
	}
	// Its own site still keeps what nobody has decided about.
	r.putBack(1, old)
	r.peace()
	if rows, _, _ = r.Centre.Centre.FoundRecords(t.Context()); len(rows) != 1 {
		t.Errorf("found %+v; nobody has decided about it", rows)
	}
	if _, err := r.Centre.Centre.LeaveFound(t.Context(), "that one, too"); err != nil {
		t.Fatal(err)
	}
	r.peace()
	r.restart(1)
	r.peace()
	if rows, _, _ = r.Centre.Centre.FoundRecords(t.Context()); len(rows) > 0 {
		t.Errorf("found %+v; all was left", rows)
	}
}

// A site cannot make the centre's journal jump, nor have it keep what cannot be
// its own; it is told how each record truly is, and nothing it is not entitled to.
//
// R-K-49, R-K-58.
func TestForgedFinds(t *testing.T) {
	r := newRig(t)
	item := r.item("mine")
	secret := r.invoice(3, "C")
	r.peace()
	head := r.ownHead()
	h := hostile{r, 2}
	hello := h.hello()
	_, frames, err := h.say(hello)
	if err != nil {
		t.Fatal(err)
	}
	good := frames[0].(exchange.Welcome).Voucher
	if good == nil {
		hello = h.hello()
		hello.Turn-- // the same again
		if _, frames, err = h.say(hello); err != nil {
			t.Fatal(err)
		}
		good = frames[0].(exchange.Welcome).Voucher
	}
	for name, v := range map[string]*exchange.Voucher{
		"no mark": {Seq: head + 5000}, "another number": {Seq: good.Seq + 1, Mark: good.Mark}, "nonsense": {Seq: head + 1, Mark: "x"},
	} {
		hello = h.hello()
		hello.Voucher = v
		if _, _, err := h.say(hello); err != nil || r.ownHead() != head {
			t.Errorf("%s: the centre's journal is at %d, was at %d; %v", name, r.ownHead(), head, err)
		}
	}
	find := func(kind atoll.Type, id atoll.ID, origin, body string) exchange.Found {
		o, _ := atoll.ParseOrigin(origin)
		return exchange.Found{Type: kind, ID: id, Version: 9, Origin: o, Body: body}
	}
	hello = h.hello()
	hello.NoFeed = false
	hello.Subscription = digestOf(r, 2)
	hello.Found = []exchange.Found{
		find("item", atoll.NewID(r.Clock.Now()), "2/1", `{"code":"x"}`), // not the centre's
		find("nothing", atoll.NewID(r.Clock.Now()), "1/1", `{}`),
		find("item", "not an id", "1/1", `{}`),
		find("item", atoll.NewID(r.Clock.Now()), "1/1", `{`),
		find("item", atoll.NewID(r.Clock.Now()), "", `{}`),
		find("invoice", secret, "3/1", `{}`),
	}
	rec, _ := r.record(1, "item", item)
	hello.Found = append(hello.Found, exchange.Found{Type: "item", ID: item, Version: rec.Version, Origin: rec.Origin, Body: string(rec.Body)})
	if _, frames, err = h.say(hello); err != nil {
		t.Fatal(err)
	}
	if rows, _, _ := r.Centre.Centre.FoundRecords(t.Context()); len(rows) != 0 {
		t.Errorf("the centre keeps %+v", rows)
	}
	told := map[atoll.ID]exchange.Record{}
	for _, f := range frames {
		if rec, ok := f.(exchange.Record); ok {
			told[rec.Key.ID] = rec
		}
	}
	if f := told[secret]; !f.Gone || len(f.Body) > 0 {
		t.Errorf("site 2 was told of another's invoice: %+v", f)
	}
	if f := told[item]; !f.Forced || string(f.Body) != string(rec.Body) {
		t.Errorf("the item was told as %+v", f)
	}
	// Whoever takes part may say what it likes of the centre's own: it is only kept.
	forged := atoll.NewID(r.Clock.Now())
	hello = h.hello()
	hello.Found = []exchange.Found{find("item", forged, "1/1", `{"code":"forged","name":"forged"}`)}
	if _, _, err = h.say(hello); err != nil {
		t.Fatal(err)
	}
	if _, there := r.record(1, "item", forged); there {
		t.Error("a site made an item at the centre")
	}
	other := hostile{r, 3}
	hello = other.hello()
	hello.NoFeed, hello.Subscription = false, digestOf(r, 3)
	hello.Found = []exchange.Found{find("item", forged, "1/1", `{"code":"true","name":"true"}`)}
	if _, frames, err = other.say(hello); err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if rec, ok := f.(exchange.Record); ok && rec.Key.ID == forged {
			t.Error("a site is to give up what the centre does not keep")
		}
	}
	if taken, err := r.Centre.Centre.TakeBack(t.Context(), "anna", "trusting"); err != nil || len(taken) != 1 || taken[0].Err == nil {
		t.Errorf("an item that is not valid was taken back: %+v, %v", taken, err)
	}
	// What it does not keep beside the first it keeps once that was left.
	if _, err := r.Centre.Centre.LeaveFound(t.Context(), "it is not valid"); err != nil {
		t.Fatal(err)
	}
	told2 := hello.Found
	hello = other.hello()
	hello.NoFeed, hello.Subscription, hello.Found = false, digestOf(r, 3), told2
	if _, _, err = other.say(hello); err != nil {
		t.Fatal(err)
	}
	if rows, _, _ := r.Centre.Centre.FoundRecords(t.Context()); len(rows) != 1 || !strings.Contains(string(rows[0].Body), "true") {
		t.Errorf("found %+v; another site holds another version", rows)
	}
}

func digestOf(r *rig, site atoll.SiteID) string {
	top, err := r.Centre.Topology(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return exchange.DigestAudiences(top.Subscription(site))
}

// A centre that is restored twice gives none of the numbers again that a site heard of
// between: what a site shows of the first restore is not all it has.
//
// R-A-20, R-M-03.
func TestRestoredTwiceGivesNoNumberAgain(t *testing.T) {
	r := newRig(t)
	r.peace()
	old := r.backup(1)
	r.item("lost at first")
	r.peace()
	r.putBack(1, old)
	r.sync(2)
	r.sync(3) // when the centre knows already
	r.item("lost then")
	r.sync(3)
	lost := r.ownHead()
	r.putBack(1, old)
	r.sync(3)
	if now := r.ownHead(); now < lost {
		t.Errorf("the centre's own journal is at %d; a site has a record by number %d", now, lost)
	}
}

// A centre was restored, a site told it what it had lost, and it is restored to before it
// was told. Nothing that the site has read since lies behind that moment, so it need not go
// back; yet it shows once more which numbers were given, and hands in what it holds by
// them, as often as that happens, until a person has decided.
//
// R-A-09, R-H-28, R-M-03.
func TestR_H_28_R_M_03_RestoredToBeforeItWasTold(t *testing.T) {
	for _, times := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d times", times), func(t *testing.T) {
			r := newRig(t)
			r.peace()
			old := r.hotBackup(1)
			var lost []atoll.ID
			for i := range 3 {
				lost = append(lost, r.item(fmt.Sprint("lost ", i)))
			}
			r.sync(2)
			given, _ := r.record(2, "item", lost[2])
			r.putBackHot(1, old)
			r.item("kept")
			untold := r.hotBackup(1)
			r.sync(2)
			for range times {
				r.putBackHot(1, untold)
				r.sync(2)
				r.sync(2)
			}
			next := r.item("next")
			if now, _ := r.record(1, "item", next); now.Origin.Seq <= given.Origin.Seq {
				t.Errorf("the centre makes entry %s, and site 2 has told it that %s is lost", now.Origin, given.Origin)
			}
			head := r.ownHead()
			r.restart(1)
			r.sync(2)
			r.sync(2)
			if now := r.ownHead(); now > head+10 {
				t.Errorf("a centre that was only restarted passes over numbers, from %d to %d", head, now)
			}
			if _, err := r.Centre.Centre.TakeBack(t.Context(), "tester", "restored"); err != nil {
				t.Fatal(err)
			}
			r.peace()
			for _, at := range []atoll.SiteID{1, 2, 3} {
				for _, id := range lost {
					if _, there := r.record(at, "item", id); !there {
						t.Errorf("site %d lacks item %s", at, id)
					}
				}
			}
		})
	}
}
