package main

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/topology"
)

type moveCmd struct {
	List  moveListCmd  `cmd:"" default:"withargs" help:"Moves of stores, those under way first."`
	Start moveStartCmd `cmd:"" help:"Move a store to another site: checked, frozen, drained, switched, filled, compared, opened."`
	Show  moveShowCmd  `cmd:"" help:"One move, step by step."`
	Abort moveAbortCmd `cmd:"" help:"Call a move off; possible until the store has changed its site."`
	Again moveAgainCmd `cmd:"" help:"Have the sites say again what they hold, after what kept the move was put right."`
	Force moveForceCmd `cmd:"" help:"Go on without the site the store leaves, from the centre's copy. What that site did not send is lost."`
}

// Help tells what a move does.
func (moveCmd) Help() string {
	return `A move is a job at the centre. The site the store leaves stops work in it as soon as it hears of the move, and sends all it has. The centre compares, makes the store active on its new site under a new epoch, and the new site receives everything. It opens when it holds what the centre holds, to the byte. Until then nobody works in the store; all other stores go on. Every step survives a cut, a crash or a restart.`
}

type moveListCmd struct{}

// Run lists the moves.
func (moveListCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		all, err := h.Centre.Moves(s.ctx)
		if err != nil {
			return err
		}
		return s.print(all, func() {
			var rows [][]string
			for _, v := range all {
				words := v.Words
				if v.Problem != "" {
					words += "; " + v.Problem
				}
				rows = append(rows, []string{string(v.ID), v.StoreName, v.From.String(), v.To.String(), string(v.Step), words})
			}
			s.table("No store was ever moved. Move one with: atoll move start STORE --to SITE",
				[]string{"MOVE", "STORE", "FROM", "TO", "STEP", "HOW IT STANDS"}, rows)
		})
	})
}

type moveStartCmd struct {
	Store    string  `arg:"" help:"Code, name or id of the store."`
	To       siteRef `help:"Number or name of the site it goes to; 1 is the centre. This, or --to-new." xor:"to" placeholder:"SITE"`
	ToNew    string  `help:"Make a new site with this name for it, and print its ticket." xor:"to" placeholder:"NAME"`
	Kind     string  `help:"Type of the new site." enum:"server,desktop,mobile,open" default:"desktop"`
	KeepCopy bool    `help:"Leave a read-only copy on the site it leaves."`
	DryRun   bool    `help:"Check, and tell what would change; change nothing."`
	Reason   string  `help:"Why; kept with the move." placeholder:"TEXT"`
	Force    bool    `help:"The site it leaves is gone for good: move from the centre's copy."`
	SignedBy string  `help:"Who answers for what is lost by a forced move." placeholder:"NAME"`
}

// Run begins the move.
func (c moveStartCmd) Run(s *session) error {
	if c.To == "" && c.ToNew == "" {
		return atoll.Errorf(atoll.Invalid, "where to is not said").Do("name a site with --to SITE, or make one with --to-new NAME")
	}
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		to, err := c.To.id(s, h)
		if err != nil {
			return err
		}
		ticket := ""
		if c.ToNew != "" {
			if c.DryRun {
				return atoll.Errorf(atoll.Invalid, "a new site is not made in a dry run").Do("try the move to a site that exists, or leave --dry-run out")
			}
			made, t, err := h.AddSite(s.ctx, s.globals.User, c.ToNew, topology.Kind(c.Kind), nil)
			if err != nil {
				return err
			}
			to, ticket = made.ID, t.String()
		}
		order := handover.Order{Store: st.ID, To: to, KeepCopy: c.KeepCopy, Reason: c.Reason, Forced: c.Force, SignedBy: c.SignedBy}
		id, p, err := h.Centre.StartMove(s.ctx, s.globals.User, order, c.DryRun)
		if err != nil {
			return err
		}
		if c.DryRun {
			return s.print(map[string]any{"possible": true, "changes": p.Changes}, func() {
				s.say("Nothing speaks against it. With the move:")
				for _, ch := range p.Changes {
					s.say("  %s on site %d: %s, then %s", nameOf(s, h, ch.Store), ch.Site, ch.From, ch.To)
				}
			})
		}
		v, err := h.Centre.Move(s.ctx, id)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"move": v, "ticket": ticket}, func() {
			printMove(s, h, v)
			if ticket != "" {
				s.say("\nSite %d, %s, is made. It enrols with this ticket, once, within 7 days:\n\n  %s\n", to, c.ToNew, ticket)
			}
			s.say("Watch it with: atoll move show %s", id)
		})
	})
}

func nameOf(s *session, h *host.Host, id atoll.ID) string {
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return string(id)
	}
	st, _ := t.Store(id)
	return st.Name
}

func printMove(s *session, h *host.Host, v central.MoveView) {
	s.say("%s, from %s to %s: %s.", v.StoreName, s.place(h, v.From), s.place(h, v.To), v.Words)
	if v.Problem != "" {
		s.say("It cannot go on: %s", v.Problem)
	}
	if v.Forced {
		since := v.LostSince
		if since == "" {
			since = "the beginning"
		}
		s.say("Forced, signed by %s. What site %d did after %s and did not send is not in the copy.", v.SignedBy, v.From, since)
	}
	for _, st := range v.Steps {
		at := st.At
		switch {
		case st.Skip:
			at = "not needed"
		case at == "":
			at = "-"
		}
		s.say("  %-9s %s", st.Name, at)
	}
}

type moveArg struct {
	Move string `arg:"" help:"Id of the move, or the store it is about: its newest move."`
}

// find returns the move that the argument names.
func (a moveArg) find(s *session, h *host.Host) (central.MoveView, error) {
	all, err := h.Centre.Moves(s.ctx)
	if err != nil {
		return central.MoveView{}, err
	}
	for _, v := range all {
		if string(v.ID) == a.Move {
			return v, nil
		}
	}
	st, err := storeNamed(s, h, a.Move)
	if err != nil {
		return central.MoveView{}, atoll.Errorf(atoll.NotFound, "there is no move or store %q", a.Move).Do("list moves with: atoll move list")
	}
	for _, v := range all { // the one under way comes first
		if v.Store == st.ID {
			return v, nil
		}
	}
	return central.MoveView{}, atoll.Errorf(atoll.NotFound, "%s was never moved", st.Name).Do("list moves with: atoll move list")
}

// do acts on the move and shows it.
func (a moveArg) do(s *session, act func(h *host.Host, id atoll.ID) error) error {
	return s.atCentre(func(h *host.Host) error {
		v, err := a.find(s, h)
		if err != nil {
			return err
		}
		if act != nil {
			if err := act(h, v.ID); err != nil {
				return err
			}
			if v, err = h.Centre.Move(s.ctx, v.ID); err != nil {
				return err
			}
		}
		err = s.print(v, func() { printMove(s, h, v) })
		if err == nil && act == nil && v.Problem != "" {
			return unwell
		}
		return err
	})
}

type moveShowCmd struct{ moveArg }

// Run shows the move.
func (c moveShowCmd) Run(s *session) error { return c.do(s, nil) }

type moveAbortCmd struct{ moveArg }

// Run calls the move off.
func (c moveAbortCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.ID) error { return h.Centre.AbortMove(s.ctx, s.globals.User, id) })
}

type moveAgainCmd struct{ moveArg }

// Run asks the sites again.
func (c moveAgainCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.ID) error { return h.Centre.RepeatMove(s.ctx, s.globals.User, id) })
}

type moveForceCmd struct {
	moveArg
	SignedBy string `required:"" help:"Who answers for what is lost." placeholder:"NAME"`
}

// Run goes on without the old site.
func (c moveForceCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, id atoll.ID) error {
		return h.Centre.ForceMove(s.ctx, s.globals.User, id, strings.TrimSpace(c.SignedBy))
	})
}
