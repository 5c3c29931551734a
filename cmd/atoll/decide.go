package main

import (
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
)

// decision is what authorisers say about a requisition that waits for them.
type decision struct {
	documentArg
	Comment string `help:"Why; the ordering store reads it too." placeholder:"TEXT"`
}

type authoriseCmd struct {
	decision
	Quantity map[string]string `help:"Approve another quantity than was requested, of a line (its id, or the code of its item): LINE=QUANTITY." placeholder:"LINE=QUANTITY"`
}

// Run authorises.
func (c authoriseCmd) Run(s *session, k documentKind) error { return c.decide(s, k, true, c.Quantity) }

type denyCmd struct{ decision }

// Run denies.
func (c denyCmd) Run(s *session, k documentKind) error { return c.decide(s, k, false, nil) }

func (c decision) decide(s *session, k documentKind, yes bool, quantity map[string]string) error {
	return s.with(func(h *host.Host) error {
		key, err := c.key(s, h, k)
		if err != nil {
			return err
		}
		quantities := map[atoll.ID]string{}
		for _, name := range sorted(quantity) {
			line, err := lineArg{name}.find(s, h, k, c.documentArg)
			if err != nil {
				return err
			}
			q := quantity[name]
			if _, err := strconv.ParseFloat(q, 64); err != nil || strings.ContainsAny(q, "eExXnN") {
				return atoll.Errorf(atoll.Invalid, "%q is not a quantity", q).On("quantity")
			}
			quantities[line] = q
		}
		if err := h.Station.Decide(s.ctx, s.globals.User, key.ID, yes, c.Comment, quantities); err != nil {
			return err
		}
		r, err := h.Station.Record(s.ctx, key)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"id": key.ID, "authorised": yes}, func() {
			if !r.Editable {
				s.say("Decided. %s carries it out when it has synchronised.", s.place(h, r.Owner.Site))
				return
			}
			s.say("%s: %s", map[bool]string{true: "Authorised", false: "Denied"}[yes], strings.Join(s.title(h, key), ""))
		})
	})
}
