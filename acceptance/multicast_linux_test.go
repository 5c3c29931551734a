package acceptance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestR_L_10_Multicast: two machines on one wire and no internet: the one finds the
// other by asking the wire. The machines are network namespaces, so it needs the
// right to make them, and is skipped without it.
//
// R-L-10.
func TestR_L_10_Multicast(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes network namespaces")
	}
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
		return nil
	}
	machine := func(i int) string { return fmt.Sprintf("atoll%d-%d", os.Getpid(), i) }
	wire := func(i int) string { return fmt.Sprintf("av%d-%d", os.Getpid()%100000, i) }
	for i := range 2 {
		if err := ip("netns", "add", machine(i)); err != nil {
			t.Skip("no network namespaces here:", err)
		}
		t.Cleanup(func() { _ = ip("netns", "del", machine(i)) })
	}
	if err := ip("link", "add", wire(0), "netns", machine(0), "type", "veth", "peer", "name", wire(1), "netns", machine(1)); err != nil {
		t.Skip("no wire between namespaces here:", err)
	}
	for i := range 2 {
		for _, args := range [][]string{
			{"addr", "add", fmt.Sprintf("10.201.0.%d/24", i+1), "dev", wire(i)},
			{"link", "set", "lo", "up"},
			{"link", "set", wire(i), "up"},
			{"route", "add", "224.0.0.0/4", "dev", wire(i)},
		} {
			if err := ip(append([]string{"-n", machine(i)}, args...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	on := func(i int, args ...string) []string {
		return append([]string{"ip", "netns", "exec", machine(i), binary}, args...)
	}
	data := filepath.Join(t.TempDir(), "hq")
	if r, err := run(t.Context(), nil, "init", "central", "--data", data, "--password", "a long password"); err != nil || r.status != 0 {
		t.Fatalf("%v %+v", err, r)
	}
	find := func(i int) (found []struct{ Name, URL, Role string }) {
		t.Helper()
		args := on(i, "discover", "--wait", "2s", "--json")
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = environment()
		var exit *exec.ExitError
		out, err := cmd.Output()
		if errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &found); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return found
	}
	if got := find(1); len(got) != 0 {
		t.Fatalf("before anything is served, %+v is found", got)
	}
	s, err := beginAs(environment("ATOLL_DEVICE=test machine"), on(0, "--data", data, "serve", "--listen", "0.0.0.0:8640", "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	// A datagram may be lost, and the announcement begins with the serving: it is asked
	// some times.
	for range 5 {
		if got := find(1); len(got) > 0 {
			if len(got) != 1 || got[0].URL != "https://10.201.0.1:8640" || got[0].Role != "central" {
				t.Errorf("found %+v", got)
			}
			return
		}
	}
	t.Error("the server on the wire was not found")
}
