package simulate

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // damages databases past the door

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// damage changes the database file of a node past the program.
func (w *world) damage(at atoll.SiteID, query string, args ...any) {
	w.t.Helper()
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
