package central_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
)

// hotBackup copies the node's database while its program runs: the copy holds the
// present run of the centre, which one made between two runs does not.
func (r *rig) hotBackup(id atoll.SiteID) string {
	r.t.Helper()
	to := filepath.Join(r.t.TempDir(), "backup.db")
	for _, suffix := range []string{"", "-wal"} { // nobody writes meanwhile
		if _, err := os.Stat(r.path(id) + suffix); errors.Is(err, os.ErrNotExist) {
			continue
		}
		copyFile(r.t, r.path(id)+suffix, to+suffix)
	}
	return to
}

// putBackHot starts the node with a copy that hotBackup made.
func (r *rig) putBackHot(id atoll.SiteID, from string) {
	r.t.Helper()
	r.stop(id)
	r.wipe(id)
	copyFile(r.t, from, r.path(id))
	if _, err := os.Stat(from + "-wal"); err == nil {
		copyFile(r.t, from+"-wal", r.path(id)+"-wal")
	}
	r.start(id)
}

// The centre is restored while a site reads a gained audience from its beginning,
// and has read above the place the centre was put back to. What the centre gives
// those positions to afterwards is in that lane, too: none of it may be passed
// over, neither when the centre tells the site where to go back to, nor when the
// site finds that out from the runs, nor when the answer that tells it brings no
// records, or is cut.
//
// R-A-09, R-A-18, R-K-18, R-K-19.
func TestCentreRestoredDuringBackfill(t *testing.T) {
	for _, c := range []struct {
		name string
		hot  bool
		then func(r *rig)
	}{
		{"run known", true, nil},
		{"run known, no room for records", true, func(r *rig) { r.full(2) }},
		{"run known, answer cut", true, func(r *rig) { r.cut(2, 2) }},
		{"run known, audiences changed", true, func(r *rig) { r.configure(central.MakeVisible(r.Stores["B"], r.Stores["D"], true)) }},
		{"run unknown", false, nil},
		{"run unknown, answer cut", false, func(r *rig) { r.cut(2, 2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.configure(central.Collect(r.Stores["A"], 2, false))
			r.peace()
			r.invoice(1, "A")
			r.configure(central.Collect(r.Stores["A"], 2, true))
			var old string
			if c.hot {
				old = r.hotBackup(1)
			} else {
				old = r.backup(1)
			}
			var lost atoll.ID
			for range 6 {
				lost = r.invoice(1, "A")
			}
			r.lines[2].until = lost
			if _, err := r.Sync(t.Context(), 2); err == nil {
				t.Fatal("the backfill was over before the cut")
			}
			if c.hot {
				r.putBackHot(1, old)
			} else {
				r.putBack(1, old)
			}
			var after []atoll.ID
			for range 6 {
				after = append(after, r.invoice(1, "A"))
			}
			if c.then != nil {
				c.then(r)
			}
			r.peace()
			for i, id := range after {
				if _, ok := r.record(2, "invoice", id); !ok {
					t.Errorf("site 2 lacks invoice %d of store A", i)
				}
			}
		})
	}
}

// full runs a cycle of the site while its disk has no room for records.
func (r *rig) full(id atoll.SiteID) {
	r.t.Helper()
	s := r.Sites[id].Site
	s.DiskUsed = func() float64 { return 0.99 }
	r.sync(id)
	s.DiskUsed = nil
}

// cut runs a cycle of the site whose first answer ends after so many frames.
func (r *rig) cut(id atoll.SiteID, frames int) {
	r.t.Helper()
	r.lines[id].down = frames
	if _, err := r.Sync(r.t.Context(), id); err == nil {
		r.t.Fatal("no cut")
	}
}
