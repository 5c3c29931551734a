package main

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/rights"
)

type delegateCmd struct {
	List     delegateListCmd     `cmd:"" default:"withargs" help:"Who may edit what belongs to everybody."`
	Grant    delegateGrantCmd    `cmd:"" help:"Give a store's site the right to edit a domain of central data."`
	Change   delegateChangeCmd   `cmd:"" help:"Hand a delegated right on to another store's site, once the old one has sent everything."`
	Withdraw delegateWithdrawCmd `cmd:"" help:"Give a delegated right back to the primary."`
	Keep     delegateKeepCmd     `cmd:"" help:"Call a change off that has not taken effect yet."`
}

type delegateListCmd struct{}

// Run lists the rights.
func (delegateListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		list := rights.List(t)
		return s.print(map[string]any{"rights": list, "domains": rights.Domains(h.Station.Catalogue)}, func() {
			var rows [][]string
			for _, v := range list {
				who := "the primary"
				if v.Name != "" {
					who = "delegated to " + v.Name
				}
				if v.Next != "" {
					who += "; goes to " + v.Next + " when site " + v.Site.String() + " has confirmed"
				}
				rows = append(rows, []string{v.Domain, v.Site.String(), who})
			}
			s.table("", []string{"DOMAIN", "SITE", "WHO EDITS IT"}, rows)
		})
	})
}

// rightAct is an act at the centre about a right and a store.
type rightAct func(c *central.Centre, actor string, d central.Delegation, store atoll.ID) central.Configuration

type domainArg struct {
	Domain string `arg:"" help:"An area of the catalogue, such as items or names; or all."`
	Reason string `help:"Why; kept with your name." placeholder:"TEXT"`
}

type delegateGrantCmd struct {
	domainArg
	Store string `arg:"" help:"Code, name or id of the store; the right belongs to the site where it is active."`
}

// Run grants.
func (c delegateGrantCmd) Run(s *session) error {
	return c.to(s, c.Store, false, (*central.Centre).Grant)
}

type delegateChangeCmd struct {
	domainArg
	Store string `arg:"" help:"The store whose site has it next."`
	Now   bool   `help:"At once: what the old site has not sent yet goes to quarantine."`
}

// Run hands on.
func (c delegateChangeCmd) Run(s *session) error {
	return c.to(s, c.Store, c.Now, (*central.Centre).ChangeDelegate)
}

type delegateWithdrawCmd struct {
	domainArg
	Now bool `help:"At once: what the site has not sent yet goes to quarantine."`
}

// Run withdraws.
func (c delegateWithdrawCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host) (central.Configuration, error) {
		return h.Centre.Withdraw(s.globals.User, central.Delegation{Domain: c.Domain, Reason: c.Reason, AtOnce: c.Now}), nil
	})
}

type delegateKeepCmd struct{ domainArg }

// Run calls a change off.
func (c delegateKeepCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host) (central.Configuration, error) {
		return h.Centre.KeepDelegate(s.globals.User, central.Delegation{Domain: c.Domain, Reason: c.Reason}), nil
	})
}

func (c domainArg) to(s *session, store string, now bool, act rightAct) error {
	return c.do(s, func(h *host.Host) (central.Configuration, error) {
		st, err := storeNamed(s, h, store)
		if err != nil {
			return nil, err
		}
		return act(h.Centre, s.globals.User, central.Delegation{Domain: c.Domain, Reason: c.Reason, AtOnce: now}, st.ID), nil
	})
}

// do makes the change and says who edits the domain now.
func (c domainArg) do(s *session, change func(h *host.Host) (central.Configuration, error)) error {
	return s.atCentre(func(h *host.Host) error {
		cfg, err := change(h)
		if err != nil {
			return err
		}
		if _, err := h.Centre.Configure(s.ctx, s.globals.User, cfg); err != nil {
			return err
		}
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		v := rights.Of(t, c.Domain)
		return s.print(v, func() {
			switch v.State {
			case "changing":
				s.say("%s: site %d stops editing when it hears of it. When it has sent everything, %s has the right.", v.Domain, v.Site, v.Next)
			case "delegated":
				s.say("%s is edited on site %d now, where %s is active; nowhere else.", v.Domain, v.Site, v.Name)
			default:
				s.say("%s is edited on the primary (site %d).", v.Domain, v.Site)
			}
		})
	})
}
