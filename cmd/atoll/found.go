package main

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

type foundCmd struct {
	List  foundListCmd  `cmd:"" default:"withargs" help:"What sites still have of the centre's own that its restored database lost."`
	Take  foundTakeCmd  `cmd:"" help:"Make it the centre's again, each record by an edit of its own."`
	Leave foundLeaveCmd `cmd:"" help:"Forget it: what the centre has now stands."`
}

type foundListCmd struct{}

// Run lists what was found.
func (foundListCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		rows, words, err := h.Centre.FoundRecords(s.ctx)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return s.print([]int{}, func() { s.say("Nothing was found: no site has anything of the centre's own that is not here.") })
		}
		return s.print(rows, func() {
			s.say("%s", words)
			var table [][]string
			for _, r := range rows {
				what := string(r.Body)
				if r.Deleted {
					what = "deleted"
				}
				if runes := []rune(what); len(runes) > 60 {
					what = string(runes[:60]) + "…"
				}
				table = append(table, []string{r.Key.String(), fmt.Sprint(r.Held), moment(r.At), what})
			}
			s.table("", []string{"RECORD", "SITES", "TOLD", "WHAT"}, table)
			s.say("Take it back with: atoll found take REASON    Leave it with: atoll found leave REASON")
		})
	})
}

type foundArgs struct {
	Reason string   `arg:"" help:"Why; kept with your name."`
	Record []string `arg:"" optional:"" help:"Which, as TYPE/ID; all unless given. One that was changed here since is taken only if it is named." placeholder:"TYPE/ID"`
}

func (a foundArgs) keys() ([]atoll.Key, error) {
	var out []atoll.Key
	for _, r := range a.Record {
		kind, id, ok := strings.Cut(r, "/")
		parsed, err := atoll.ParseID(id)
		if !ok || err != nil {
			return nil, atoll.Errorf(atoll.Invalid, "%q is not a record: want TYPE/ID", r).Do("copy it from: atoll found list")
		}
		out = append(out, atoll.Key{Type: atoll.Type(kind), ID: parsed})
	}
	return out, nil
}

type foundTakeCmd struct{ foundArgs }

// Run takes back.
func (c foundTakeCmd) Run(s *session) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	return s.atCentre(func(h *host.Host) error {
		done, err := h.Centre.TakeBack(s.ctx, s.globals.User, c.Reason, keys...)
		if err != nil {
			return err
		}
		kept := map[string]string{}
		for _, d := range done {
			if d.Err != nil {
				kept[d.Key.String()] = d.Err.Error()
			}
		}
		return s.print(map[string]any{"taken": len(done) - len(kept), "kept": kept}, func() {
			s.say("%d taken back; they go out to the sites as the centre's own.", len(done)-len(kept))
			for _, k := range sorted(kept) {
				s.say("  not taken: %s: %s", k, kept[k])
			}
		})
	})
}

type foundLeaveCmd struct{ foundArgs }

// Run forgets.
func (c foundLeaveCmd) Run(s *session) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	return s.atCentre(func(h *host.Host) error {
		n, err := h.Centre.LeaveFound(s.ctx, c.Reason, keys...)
		if err != nil {
			return err
		}
		return s.print(map[string]int{"left": n}, func() { s.say("%d left; what the centre has now stands.", n) })
	})
}
