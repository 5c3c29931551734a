package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
)

type storeCmd struct {
	List    storeListCmd    `cmd:"" default:"withargs" help:"The stores known here, and what each is here."`
	Show    storeShowCmd    `cmd:"" help:"One store with its sync-with table."`
	Add     storeAddCmd     `cmd:"" help:"Make a store; it is active at the centre until assigned."`
	Assign  storeAssignCmd  `cmd:"" help:"Make a store active on a site."`
	Collect storeCollectCmd `cmd:"" help:"Keep a read-only copy of a store on a site, or no longer."`
	Managed storeManagedCmd `cmd:"" help:"Keep all of a store's data at its site only, or no longer."`
	Disable storeDisableCmd `cmd:"" help:"Close a store, or open it again."`
	Include storeIncludeCmd `cmd:"" name:"include-transactions" help:"Whether a dispensary's transactions go to the centre: a vendor's decision, logged with its reason."`
	Lock    storeLockCmd    `cmd:"" help:"The lock on the configuration: set its code, unlock it, see who did."`
}

type storeListCmd struct{}

// Run lists the stores.
func (storeListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		stores, err := h.Station.Stores(s.ctx)
		if err != nil {
			return err
		}
		return s.print(stores, func() {
			var t [][]string
			for _, x := range stores {
				note := ""
				if x.ManagedOnly && h.Centre != nil {
					note = "managed only, no central copy"
				}
				if x.Disabled {
					note = "disabled"
				}
				if x.Moving != "" {
					note = x.Moving
				}
				t = append(t, []string{x.Code, x.Name, string(x.Type), x.Site.String(), note, string(x.ID)})
			}
			s.table("No stores here yet. Make one at the centre with: atoll store add CODE NAME",
				[]string{"CODE", "NAME", "HERE", "ACTIVE ON SITE", "NOTE", "ID"}, t)
		})
	})
}

type storeShowCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
}

// Run shows one store.
func (c storeShowCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		links := t.Links(st.ID, h.Station.Door.Site)
		var sees []string
		for _, id := range t.VisibleTo(st.ID) {
			other, _ := t.Store(id)
			sees = append(sees, other.Name)
		}
		return s.print(map[string]any{"store": st, "sync_with": links, "visible": sees}, func() {
			s.say("%s, %s: %s here, active on site %d, ownership epoch %d", st.Code, st.Name, st.Type, st.Site, st.Epoch)
			s.say("Trades with: %s\n", orNone(sees))
			var rows [][]string
			for _, l := range links {
				local := ""
				if l.Local {
					local = "yes"
				}
				rows = append(rows, []string{l.Site.String(), l.Name, string(l.Value), local})
			}
			s.table("No sync-with rows: no sites yet.", []string{"SITE", "NAME", "SYNC WITH", "LOCAL"}, rows)
		})
	})
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

type storeAddCmd struct {
	Code       string `arg:"" help:"A short code no other store has."`
	Name       string `arg:"" help:"Its name."`
	Dispensary bool   `help:"It dispenses to patients."`
}

// Run makes a store.
func (c storeAddCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		id := atoll.NewID(time.Now())
		if _, err := h.Centre.Configure(s.ctx, s.globals.User, central.AddStore(id, c.Code, c.Name, c.Dispensary)); err != nil {
			return err
		}
		return s.print(map[string]any{"id": id, "code": c.Code, "name": c.Name}, func() {
			s.say("Store %s, %s, is made and active at the centre.", c.Code, c.Name)
		})
	})
}

// configured makes a change of configuration, or shows what it would do.
func configured(s *session, h *host.Host, preview bool, change central.Configuration) error {
	run := h.Centre.Configure
	if preview {
		run = h.Centre.Try
	}
	p, err := run(s.ctx, s.globals.User, change)
	if err != nil {
		return err
	}
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return err
	}
	return s.print(p, func() {
		none := "Done. No store is at another site, or at one in another way, because of it."
		if preview {
			none = "Nothing is changed, and no store would be at another site, or at one in another way."
			if len(p.Changes) > 0 {
				s.say("Nothing is changed. It would do this:")
			}
		}
		var rows [][]string
		for _, ch := range p.Changes {
			st, _ := t.Store(ch.Store)
			records := ""
			if n, ok := p.Records[ch.Store]; ok {
				records = fmt.Sprint(n)
			}
			rows = append(rows, []string{ch.Site.String(), st.Name, string(ch.From), string(ch.To), records})
		}
		s.table(none, []string{"SITE", "STORE", "FROM", "TO", "RECORDS"}, rows)
	})
}

type storeAssignCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
	siteArg
	Preview bool `help:"Only show what would change."`
}

// Run assigns a store.
func (c storeAssignCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, site atoll.SiteID) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		return configured(s, h, c.Preview, central.Assign(st.ID, site))
	})
}

type storeCollectCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
	siteArg
	Off     bool `help:"No longer."`
	Preview bool `help:"Only show what would change."`
}

// Run chooses a collector.
func (c storeCollectCmd) Run(s *session) error {
	return c.do(s, func(h *host.Host, site atoll.SiteID) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		return configured(s, h, c.Preview, central.Collect(st.ID, site, !c.Off))
	})
}

type storeManagedCmd struct {
	Store   string `arg:"" help:"Code, name or id of the store."`
	Off     bool   `help:"No longer: the site sends all its data to the centre."`
	Confirm bool   `help:"Needed: the centre will hold no copy, and a lost device loses the store's data."`
}

// Run makes a store managed only.
func (c storeManagedCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		change := central.ManageOnly(st.ID, !c.Off)
		if !c.Confirm {
			p, err := h.Centre.Try(s.ctx, s.globals.User, change)
			if err = warned(p, err); err != nil {
				return err
			}
		}
		return configured(s, h, false, change)
	})
}

// warned refuses a change that has warnings, as it was tried: a person is to confirm
// them (R-C-94).
func warned(p central.Preview, err error) error {
	if err == nil && len(p.Warnings) > 0 {
		return atoll.Errorf(atoll.Rule, "%s", strings.Join(p.Warnings, "; ")).Do("make sure of it, then add --confirm")
	}
	return err
}

type storeDisableCmd struct {
	Store string `arg:"" help:"Code, name or id of the store."`
	Off   bool   `help:"Open it again."`
}

// Run closes or opens a store.
func (c storeDisableCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		return configured(s, h, false, central.Disable(st.ID, !c.Off))
	})
}

type storeIncludeCmd struct {
	Store  string `arg:"" help:"Code, name or id of the store."`
	Set    string `arg:"" enum:"on,off" help:"on or off."`
	Reason string `arg:"" help:"Why; kept in the journal."`

	Confirm bool `help:"Needed for off: a lost device then loses the store's prescriptions and stock."`
}

// Run switches a dispensary's transactions.
func (c storeIncludeCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := storeNamed(s, h, c.Store)
		if err != nil {
			return err
		}
		if !c.Confirm {
			p, err := h.Centre.IncludeTransactions(s.ctx, s.globals.User, st.ID, c.Set == "on", c.Reason, true)
			if err = warned(p, err); err != nil {
				return err
			}
		}
		p, err := h.Centre.IncludeTransactions(s.ctx, s.globals.User, st.ID, c.Set == "on", c.Reason, false)
		if err != nil {
			return err
		}
		return s.print(p, func() {
			s.say("%s: transactions are %s.", st.Name, map[string]string{
				"on": "included; their history follows by itself", "off": "kept at the site from now on",
			}[c.Set])
		})
	})
}

type storeLockCmd struct {
	Log    lockLogCmd    `cmd:"" default:"withargs" help:"Who set, opened or tried the lock."`
	Set    lockSetCmd    `cmd:"" help:"Set the unlocking code; from then on changes need it."`
	Unlock lockUnlockCmd `cmd:"" help:"Unlock for half an hour."`
}

type lockLogCmd struct{}

// Run prints the log of the lock.
func (lockLogCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		events, err := h.Centre.LockLog(s.ctx, 50)
		if err != nil {
			return err
		}
		return s.print(events, func() {
			var rows [][]string
			for _, e := range events {
				rows = append(rows, []string{moment(e.At), e.User, e.What})
			}
			s.table("The lock was never used: without a code, nothing is locked.", []string{"WHEN", "WHO", "WHAT"}, rows)
		})
	})
}

type codeFlag struct {
	Code string `help:"The code." env:"ATOLL_UNLOCK_CODE" placeholder:"TEXT"`
}

type lockSetCmd struct{ codeFlag }

// Run sets the code.
func (c lockSetCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		if err := h.Centre.SetUnlockCode(s.ctx, s.globals.User, c.Code); err != nil {
			return err
		}
		return s.print(map[string]bool{"locked": c.Code != ""}, func() {
			if c.Code == "" {
				s.say("There is no code any longer; nothing is locked.")
				return
			}
			s.say("The configuration is locked. Open it with: atoll store lock unlock --code CODE")
		})
	})
}

type lockUnlockCmd struct{ codeFlag }

// Run unlocks.
func (c lockUnlockCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		until, err := h.Centre.Unlock(s.ctx, s.globals.User, c.Code)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"until": until}, func() { s.say("Unlocked for %s until %s.", s.globals.User, moment(until)) })
	})
}
