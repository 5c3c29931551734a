package main

import (
	"os"

	"github.com/goccy/go-yaml"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/plan"
	"github.com/atollsync/atoll/wire"
)

type planCmd struct {
	File  string `arg:"" optional:"" help:"The answers, in YAML." type:"existingfile"`
	Apply bool   `help:"Make what the plan says and is not there yet; without it nothing is changed."`
	Blank bool   `help:"Print the checklist to fill in."`
}

// Help tells what it is for.
func (planCmd) Help() string {
	return "The checklist for growing from one computer to a system: where the server stands, what each store has of internet, power and people, who supplies whom. From the answers follow sites, stores, who sees whom and preferences. Begin with: atoll plan --blank > plan.yaml"
}

// checklist is the file to fill in.
const checklist = `# The checklist for a system. Answer, then: atoll plan plan.yaml
server:
  mostly_online: true   # do most places have internet most of the time?
  fixed_address: true   # does the head office have a fixed address on the internet?
  open_ports: true      # can ports be opened there?
  fast_internet: false  # is its internet fast enough to work over it all day?
siblings_transfer: false    # may stores with one supplier send goods to each other?
central_procurement: false  # are orders to outside suppliers entered at the head office?
central_payments: false
stores:
  - code: CMS
    name: Central Medical Store
    internet: always        # always, daily, weekly or none
    power: reliable         # reliable, interrupted or none
  - code: NORTH
    name: North clinic
    dispensary: true
    place: Northern district
    internet: daily
    power: interrupted
    devices: 1              # how many at once
    product: ""             # centre, server, desktop, mobile or open; empty: chosen for you
    site: ""                # stores with one name here share a site
    suppliers: [CMS]
    prescriptions_at_centre: true
    users:
      - {name: amina, role: store_user}
`

// Run shows or carries out the plan.
func (c planCmd) Run(s *session) error {
	if c.Blank {
		s.say("%s", checklist)
		return nil
	}
	if c.File == "" {
		return atoll.Errorf(atoll.Invalid, "no file with answers was named").Do("print the checklist with: atoll plan --blank")
	}
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	var a plan.Answers
	if err := yaml.UnmarshalWithOptions(b, &a, yaml.Strict(), yaml.UseJSONUnmarshaler()); err != nil {
		return atoll.Errorf(atoll.Invalid, "the answers cannot be read: %s", yaml.FormatError(err, false, false)).Do("compare with: atoll plan --blank")
	}
	return s.atCentre(func(h *host.Host) error {
		if !c.Apply {
			p, err := h.Centre.Plan(s.ctx, a)
			if err != nil {
				return err
			}
			if err := s.print(p, func() { s.say("%s", p) }); err != nil {
				return err
			}
			if len(p.Problems) > 0 {
				return unwell
			}
			return nil
		}
		p, made, err := h.Centre.CarryOut(s.ctx, s.globals.User, a)
		if err != nil {
			return err
		}
		tickets := map[string]wire.Ticket{}
		out := map[string]string{}
		for _, m := range made {
			if tickets[m.Name], err = h.Ticket(m.Code); err != nil {
				return err
			}
			out[m.Name] = tickets[m.Name].String()
		}
		return s.print(map[string]any{"plan": p, "tickets": out}, func() {
			s.say("%s", p)
			for _, m := range made {
				s.say("Site %d, %s, enrols with this ticket, once, within 7 days:\n  %s\n", m.Site, m.Name, tickets[m.Name])
			}
		})
	})
}
