package acceptance_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

// A restore in the place of an installation is killed at any moment, again and again,
// and begun again: at the end the backup is what runs, whole, and what it replaced is
// kept, with the transactions that stood only in its log when its server was killed.
//
// R-H-13, R-H-28.
func TestRestoreIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("a dozen restores")
	}
	dir := t.TempDir()
	data, saved := filepath.Join(dir, "centre"), filepath.Join(dir, "saved.tar.zst")
	item := func(name string) atoll.Key {
		var made struct{ ID atoll.ID }
		must(t, &made, "--data", data, "record", "put", "item", "-s", "code="+name, "-s", "name="+name, "-s", "kind=stock")
		return atoll.Key{Type: "item", ID: made.ID}
	}
	must(t, nil, "--data", data, "init", "central", "--name", "Head office", "--password", hostilePassword)
	before := item("before")
	must(t, nil, "--data", data, "backup", saved)
	s, err := begin(environment("ATOLL_DEVICE=test machine"), "serve", "--data", data, "--listen", "127.0.0.1:0", "--json")
	if err != nil {
		t.Fatal(err)
	}
	after := item("after")
	s.kill()

	restore := []string{"--data", data, "restore", "--replace", saved}
	random := rand.New(rand.NewPCG(*seed, 0))
	killed, took := 0, 400*time.Millisecond
	for range 12 {
		r, err := run(t.Context(), func(p *os.Process) {
			time.AfterFunc(time.Duration(random.Int64N(int64(took))), func() { _ = p.Kill() })
		}, restore...)
		if err != nil || r.status > 0 {
			t.Fatalf("begun again after %d that were killed: status %d, %v: %s", killed, r.status, err, r.errOut)
		}
		if r.status < 0 {
			killed++
		}
	}
	must(t, nil, restore...)
	must(t, nil, "--data", data, "check")
	if killed == 0 {
		t.Error("no restore was killed")
	}
	if !holds(t, data, before) || holds(t, data, after) {
		t.Error("what runs is not the backup")
	}
	asides, err := filepath.Glob(filepath.Join(data, "before-*.db"))
	if err != nil {
		t.Fatal(err)
	}
	var kept int
	for i, db := range asides {
		into := filepath.Join(dir, fmt.Sprint("aside", i))
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(db + suffix)
			if os.IsNotExist(err) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(into, "atoll.db"+suffix), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if holds(t, into, before) && holds(t, into, after) {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("what was replaced is kept %d times in %s", kept, strings.Join(asides, ", "))
	}
	t.Logf("%d restores were killed; %d databases were put aside", killed, len(asides))
}

func holds(t *testing.T, data string, key atoll.Key) bool {
	t.Helper()
	o, err := host.Open(t.Context(), host.Config{Data: data, Device: "test machine"})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	_, err = o.Station.Record(t.Context(), key)
	return err == nil
}
