package simulate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // damages databases past the door

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

// damage changes the database file of a node past the program.
func (w *world) damage(at atoll.SiteID, query string, args ...any) {
	w.t.Helper()
	if *engine != "sqlite" {
		w.t.Skip("it damages files of SQLite")
	}
	w.Damaged = true
	db, err := sql.Open("sqlite", filepath.Join(w.dir, w.At(at).Name+".db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(w.ctx, query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		w.t.Fatalf("%s: %d rows, %v", query, n, err)
	}
}

// is returns a record as the node has it.
func (w *world) is(at atoll.SiteID, key atoll.Key) (rec atoll.Record, there bool) {
	w.t.Helper()
	err := w.At(at).Store.View(w.ctx, func(r storage.Reader) (err error) { rec, err = r.Record(key); return err })
	if err != nil && !errors.Is(err, atoll.NotFound) {
		w.t.Fatal(err)
	}
	return rec, err == nil && !rec.Hidden
}

// Damage that touches neither version nor journal, on either side, of a record that
// either side owns, is found and healed: on demand, and by a cycle when the day has
// come. Everything is as it was then, to the byte, and said in the log.
func TestR_H_44_R_M_02_DamageIsHealed(t *testing.T) {
	const (
		changed   = `UPDATE record SET body = replace(body, '"', '"x') WHERE type = ? AND id = ?`
		broken    = `UPDATE record SET body = substr(body, 2) WHERE type = ? AND id = ?`
		numbered  = `UPDATE record SET version = version + 7 WHERE type = ? AND id = ?`
		elsewhere = `UPDATE record SET origin_seq = origin_seq + 1 WHERE type = ? AND id = ?`
		removed   = `DELETE FROM record WHERE type = ? AND id = ?`
		undeleted = `UPDATE record SET state = 0 WHERE type = ? AND id = ?`
	)
	w := f1(t)
	item, dead := w.item("a"), w.item("b")
	w.sync(2, 3)
	line := w.stock("C", item, "50")
	w.update(1, "item", dead, atoll.Fields{}.Set("name", "another"))
	gone := w.gone(item)
	w.peace()
	keys := map[string]atoll.Key{
		"the centre's": {Type: "item", ID: dead}, "the site's": {Type: "stock_line", ID: line}, "a tombstone": gone,
	}
	for _, at := range []atoll.SiteID{1, 3} {
		for what, key := range keys {
			for how, query := range map[string]string{
				"body changed": changed, "body broken": broken, "another version": numbered, "another origin": elsewhere, "missing": removed, "not deleted": undeleted,
			} {
				if how == "not deleted" && key != gone {
					continue
				}
				for _, byCycle := range []bool{false, true} {
					name := strings.Join([]string{w.At(at).Name, what, how, map[bool]string{true: "by a cycle", false: "on demand"}[byCycle]}, ", ")
					t.Run(name, func(t *testing.T) {
						w := &world{Fleet: w.Fleet, t: t, ctx: t.Context()}
						want, _ := w.is(at, key)
						w.damage(at, query, string(key.Type), string(key.ID))
						if byCycle {
							w.Clock.Wind(25 * time.Hour)
							if at == 1 {
								if _, err := w.Centre.Centre.Scrub(w.ctx, true, nil); err != nil {
									t.Fatal(err)
								}
							}
							w.sync(3, 2)
						} else {
							out, err := w.Sites[3].Site.Verify(w.ctx, true)
							if err != nil || len(out.Rows)+out.Remade == 0 || out.Left() > 0 {
								t.Fatalf("verify: %+v, %v", out, err)
							}
						}
						w.sync(3, 2)
						got, there := w.is(at, key)
						if !there || string(got.Body) != string(want.Body) || got.Version != want.Version || got.Origin != want.Origin || got.Deleted != want.Deleted {
							t.Errorf("it is now %+v (%t), was %+v: %s", got, there, want, got.Body)
						}
						w.peace()
					})
				}
			}
		}
	}
}

// gone makes a record at site 3 and deletes it.
func (w *world) gone(item atoll.ID) atoll.Key {
	w.t.Helper()
	key := atoll.Key{Type: "item_note", ID: atoll.NewID(w.Clock.Now())}
	w.edit(3, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: atoll.Fields{}.
		Set("store_id", w.Stores["C"]).Set("item_id", item).Set("note", "a word")})
	w.edit(3, journal.Proposal{Verb: atoll.Delete, Key: key})
	return key
}

// verifies has a site compare everything, and wants nothing to differ.
func (w *world) verifies(at atoll.SiteID) site.Verified {
	w.t.Helper()
	out, err := w.Sites[at].Site.Verify(w.ctx, true)
	if err != nil || len(out.Rows) > 0 || out.Not != "" || out.Records == 0 {
		w.t.Errorf("site %d: %+v, %v", at, out, err)
	}
	return out
}

// drift changes a text of a record past the door, as if it had been stored so.
func (w *world) drift(at atoll.SiteID, key atoll.Key, field string) atoll.Record {
	w.t.Helper()
	w.Damaged = true
	was, _ := w.is(at, key)
	err := w.At(at).Store.Update(w.ctx, func(tx storage.Tx) error {
		r := was
		r.Body = was.MustFields().Set(field, "drifted").Encode()
		at, err := tx.Put(r, w.Catalogue.Index(key.Type, r.MustFields()))
		for _, a := range r.Audiences {
			err = errors.Join(err, tx.Unlist(a, was.Position, key), tx.List(a, storage.FeedLine{Position: at, Key: key}))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return was
}

// A record that the centre holds otherwise than its owner, although it was stored so,
// becomes again what the owner has, by its journal; a replica that a site holds
// otherwise becomes what the centre has. A cycle sees both by their digests (R-H-44).
func TestR_H_44_TheOwnersStands(t *testing.T) {
	w := f1(t)
	item := w.item("x")
	w.sync(2, 3)
	line := atoll.Key{Type: "stock_line", ID: w.stock("C", item, "50")}
	w.peace()
	want := w.drift(1, line, "batch")
	journal := w.seq(3)
	if c := w.sync(3); c.Differing != 1 || c.Repaired != 1 {
		t.Errorf("the cycle: %+v", c)
	}
	got, _ := w.is(1, line)
	if string(got.Body) != string(want.Body) || got.Version != want.Version || got.Origin != want.Origin || w.seq(3) != journal+1 {
		t.Errorf("the centre has %s, %s; want %s", got.Origin, got.Body, want.Body)
	}
	key := atoll.Key{Type: "item", ID: item}
	want = w.drift(3, key, "name")
	if c := w.sync(3); c.Differing != 1 || c.Repaired != 1 {
		t.Errorf("the cycle: %+v", c)
	}
	w.peace()
	if got, _ = w.is(3, key); string(got.Body) != string(want.Body) || w.seq(3) != journal+1 {
		t.Errorf("the site has %s; want %s", got.Body, want.Body)
	}
}

// What a comparison only looked for, and found, is told no longer when it went by itself:
// by the site's status or by the centre.
//
// R-H-44, R-M-02.
func TestR_H_44_R_M_02_WentByItself(t *testing.T) {
	w := f1(t)
	key := atoll.Key{Type: "item", ID: w.item("x")}
	w.peace()
	w.drift(3, key, "name")
	if err := w.Centre.Centre.Verify(w.ctx, "tester", 3, false); err != nil {
		t.Fatal(err)
	}
	if c := w.sync(3); c.Differing != 1 || c.Repaired != 0 {
		t.Fatalf("the cycle: %+v", c)
	}
	if st, err := w.Sites[3].Site.Status(w.ctx); err != nil || st.Light != site.Amber || st.Differing != 1 {
		t.Fatalf("the status: %+v, %v", st, err)
	}
	w.update(1, "item", key.ID, atoll.Fields{}.Set("name", "another"))
	w.sync(3)
	if st, err := w.Sites[3].Site.Status(w.ctx); err != nil || st.Light != site.Green {
		t.Errorf("the status: %+v, %v", st, err)
	}
	if at, err := w.Centre.Centre.Comparison(w.ctx, 3); err != nil || at.Outcome.Differing != 0 {
		t.Errorf("the centre says: %+v, %v", at, err)
	}
	if c := w.sync(3); c.Compared > 0 {
		t.Errorf("it was looked into again: %+v", c)
	}
	w.peace()
}

// What is no difference is told as none, and what is understood is not looked into
// in every cycle: documents that a site was spared, what was refused, what is on its
// way (R-H-26, R-H-44).
func TestR_H_44_NoFalseAlarm(t *testing.T) {
	t.Run("spared documents R-H-26", func(t *testing.T) {
		w := newPast(t)
		w.sync(2, 3, 2, 3)
		if out := w.verifies(2); out.Spared == 0 {
			t.Errorf("nothing was spared: %+v", out)
		}
		for range 3 {
			if c := w.sync(2); c.Compared > 0 {
				t.Errorf("it was looked into again: %+v", c)
			}
			w.Clock.Wind(25 * time.Hour)
		}
	})
	t.Run("a refused change", func(t *testing.T) {
		w := f1(t)
		item := w.item("x")
		w.sync(2)
		bad := w.forged(2, item)
		w.sync(2)
		if out := w.verifies(2); out.UnderWay != 1 {
			t.Errorf("%+v; want the refused record %s", out, bad)
		}
		for range 3 {
			if c := w.sync(2); c.Compared > 0 {
				t.Errorf("it was looked into again: %+v", c)
			}
		}
	})
	t.Run("changes of both ends while it compares", func(t *testing.T) {
		w := f1(t)
		item := w.item("x")
		w.sync(2)
		w.stock("B", item, "5")
		w.sync(2)
		n := w.Sites[2]
		n.Site.Comparer = during{n.Site.Comparer, func() {
			w.update(1, "item", item, atoll.Fields{}.Set("name", "changed "+string(atoll.NewID(w.Clock.Now()))))
			w.stock("B", item, "7")
		}}
		w.verifies(2)
		w.peace()
	})
}

// during does something before each question is answered.
type during struct {
	exchange.Comparer
	do func()
}

func (d during) Compare(ctx context.Context, at atoll.SiteID, q exchange.Comparison) (exchange.Compared, error) {
	d.do()
	return d.Comparer.Compare(ctx, at, q)
}

// So much damage that it has a cause to be found is not repaired without a person's
// word (R-M-02).
func TestR_M_02_TheBrake(t *testing.T) {
	w := f1(t)
	for n := range 80 {
		w.item(fmt.Sprint("many", n))
	}
	w.peace()
	w.damage(3, `DELETE FROM record WHERE type = 'item'`)
	w.Clock.Wind(25 * time.Hour)
	c := w.sync(3)
	if c.Differing < 80 || c.Repaired > 0 || len(w.list(3, "item")) > 0 {
		t.Fatalf("by itself: %+v", c)
	}
	st, err := w.Sites[3].Site.Status(w.ctx)
	if err != nil || st.Light == site.Green || !strings.Contains(st.Words, "not as head office has them") || !strings.Contains(st.Advice, "atoll verify") {
		t.Errorf("the status: %+v, %v", st, err)
	}
	out, err := w.Sites[3].Site.Verify(w.ctx, true)
	if err != nil || len(out.Rows) < 80 || out.Left() > 0 {
		t.Errorf("by a person's word: %d of %d, %v", out.Repaired, len(out.Rows), err)
	}
	w.peace()
}

// A row that a disk made up is taken away, at either end (R-H-44).
func TestR_H_44_ARowTooMany(t *testing.T) {
	const madeUp = `INSERT INTO record (position, type, id, version, state, origin_site, origin_seq, audiences, indexed, body, seal)
		SELECT position + 1000000, type, ?, version, state, origin_site, origin_seq, audiences, '', body, seal FROM record WHERE type = 'item' LIMIT 1`
	for _, at := range []atoll.SiteID{1, 3} {
		w := f1(t)
		w.item("x")
		w.peace()
		id := atoll.NewID(w.Clock.Now())
		w.damage(at, madeUp, string(id))
		w.damage(at, `UPDATE last_position SET position = position + 1000001`)
		if at == 1 {
			if out, err := w.Centre.Centre.Scrub(w.ctx, true, nil); err != nil || len(out.Rows) != 1 || out.Left() > 0 {
				t.Fatalf("the centre: %+v, %v", out, err)
			}
		}
		if out, err := w.Sites[3].Site.Verify(w.ctx, true); err != nil || out.Left() > 0 || at == 3 && len(out.Rows) != 1 {
			t.Fatalf("the site: %+v, %v", out, err)
		}
		if _, there := w.is(at, atoll.Key{Type: "item", ID: id}); there {
			t.Errorf("at %d the row is there still", at)
		}
		w.peace()
	}
}

// The laws of one database hold at both ends of a lively system, and find what is
// wrong in each (R-M-02).
func TestR_M_02_CheckFindsWhatIsWrong(t *testing.T) {
	check := func(w *world, at atoll.SiteID) map[string]verify.Law {
		w.t.Helper()
		out := map[string]verify.Law{}
		n := w.At(at)
		err := n.Store.View(w.ctx, func(r storage.Reader) error {
			laws, err := verify.Check(r, n.Door, nil)
			if err == nil && n.Site != nil {
				var law verify.Law
				law, err = n.Site.Check(r)
				laws = append(laws, law)
			}
			for _, l := range laws {
				out[l.Name] = l
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return out
	}
	lively := func(t *testing.T) *world {
		w := f1(t)
		item := w.item("x")
		w.sync(2, 3)
		w.ship("B", "C", w.stock("B", item, "50"), "5")
		w.forged(2, item)
		w.sync(2, 3, 2)
		return w
	}
	w := lively(t)
	for _, at := range []atoll.SiteID{1, 2, 3} {
		for name, l := range check(w, at) {
			idle := name == "staging" || at != 1 && (name == "feed" || name == "quarantine")
			if l.Found > 0 || l.Looked == 0 && !idle {
				t.Errorf("at %d %s: looked at %d, %v", at, name, l.Looked, l.Faults)
			}
		}
	}
	for _, c := range []struct {
		at       atoll.SiteID
		law      string
		contains string
		query    string
	}{
		{3, "seals", "not as it was stored", `UPDATE record SET body = replace(body, '"', '"x') WHERE type = 'item'`},
		{3, "seals", "than were counted", `DELETE FROM record WHERE type = 'item'`},
		{3, "digests", "missing", `DELETE FROM record WHERE type = 'item'`},
		{1, "digests", "its records are others", `UPDATE digest SET sum = zeroblob(32)`},
		{3, "positions", "the last position is", `UPDATE record SET position = position + 1000000 WHERE type = 'item'`},
		{1, "index", "is not listed", `DELETE FROM record_index WHERE type = 'invoice'`},
		{1, "audiences", "should be under", `UPDATE record SET audiences = 'site/9' WHERE type = 'item'`},
		{3, "audiences", "should be under", `UPDATE record SET audiences = 'site/9' WHERE type = 'item'`},
		{1, "feed", "lacks", `DELETE FROM feed WHERE type = 'item'`},
		{1, "feed", "no such record", `DELETE FROM record WHERE type = 'item'`},
		{1, "feed", "has not left", `UPDATE feed SET gone = 1 WHERE type = 'item'`},
		{2, "cursors", "head office has", `UPDATE shelf SET value = CAST(replace(CAST(value AS TEXT), '"seq":', '"seq":9') AS BLOB) WHERE bucket = 'sync' AND key = 'link'`},
		{3, "staging", "cannot be taken", `INSERT INTO stage VALUES ('', 'item', 'x', 1, x'', '', 0)`},
	} {
		t.Run(fmt.Sprint(c.at, " ", c.law, " ", c.contains), func(t *testing.T) {
			w := lively(t)
			w.damage(c.at, c.query)
			if l := check(w, c.at)[c.law]; l.Found == 0 || !strings.Contains(strings.Join(l.Faults, "\n"), c.contains) {
				t.Errorf("%+v", l)
			}
		})
	}
}
