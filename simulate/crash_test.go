package simulate

import (
	"context"
	"errors"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/storage/memory"
	"github.com/atollsync/atoll/topology"
)

// onDisks makes a fleet whose databases are on simulated disks: a centre with store
// A, and site 2 with store B.
func onDisks(t *testing.T, disks map[string]*memory.Disk) *Fleet {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	f, err := Assemble(ctx, "", Parts{Open: func(_ context.Context, name string) (storage.Store, error) {
		if disks[name] == nil {
			disks[name] = memory.NewDisk()
		}
		return memory.Open(disks[name], memory.Options{}), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	must(t, f.AddStore(ctx, "A", false))
	must(t, f.AddStore(ctx, "B", false))
	if _, err := f.AddSite(ctx, "site 2", topology.Server, "B"); err != nil {
		t.Fatal(err)
	}
	must(t, f.Settle(ctx))
	return f
}

// A site that loses its power at any storage call of a cycle says so, and nothing
// else: it never takes its own disk's failure for another database in its place, which
// a person would have to mend. When it starts again it goes on, and nothing is lost.
// R-H-13, R-K-40, R-A-13.
func TestR_H_13_R_K_40_ACrashIsNoClone(t *testing.T) {
	for at := 1; ; at++ {
		disks := map[string]*memory.Disk{}
		f := onDisks(t, disks)
		item, p := Item("x")
		must(t, f.Centre.Insert(t.Context(), p))
		must(t, f.Settle(t.Context()))
		n := f.Sites[2]
		must(t, n.Insert(t.Context(), Stock(atoll.DeriveID("line"), f.Stores["B"], item, "5")))
		_, p = Item("y")
		must(t, f.Centre.Insert(t.Context(), p))

		store := n.Store.(*memory.Store)
		store.Arm(memory.Faults{Crash: at})
		_, err := f.Sync(t.Context(), 2)
		if !store.Crashed() {
			if at < 50 {
				t.Errorf("a cycle has %d storage calls only", at)
			}
			return // the cycle has fewer calls
		}
		if !errors.Is(err, memory.ErrCrashed) {
			t.Errorf("crash at call %d: %v", at, err)
		}
		if _, err := f.Open(context.WithoutCancel(t.Context()), n.Name, n.Identity); err != nil {
			t.Fatal(err)
		}
		must(t, f.Settle(t.Context()))
		for _, breach := range f.Check(t.Context()) {
			t.Errorf("crash at call %d: %s", at, breach)
		}
		must(t, f.Close())
	}
}
