package main

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

type quarantineCmd struct {
	List   quarantineListCmd   `cmd:"" default:"withargs" help:"Refused changes and why."`
	Show   quarantineShowCmd   `cmd:"" help:"One refused change, beside what stands now."`
	Retry  quarantineRetryCmd  `cmd:"" help:"Judge it again now."`
	Accept quarantineAcceptCmd `cmd:"" help:"Make the change here, where the centre owns the records."`
	Skip   quarantineSkipCmd   `cmd:"" help:"Leave it out for good, with a reason."`
	Return quarantineReturnCmd `cmd:"" help:"Leave it out, and send the site the true records."`
}

type quarantineListCmd struct {
	All  bool    `help:"Settled ones too."`
	Site siteRef `help:"Of one site only, by number or name." placeholder:"SITE"`
}

// Run lists refusals: all of them at the centre, at a site what it was told.
func (c quarantineListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		if h.Site != nil {
			told, err := h.Site.Refused(s.ctx, 200)
			if err != nil {
				return err
			}
			return s.print(told, func() {
				var rows [][]string
				for _, r := range told {
					rows = append(rows, []string{fmt.Sprint(r.Seq), string(r.Code), r.Layer, string(r.Type) + "/" + string(r.ID), r.Message})
				}
				s.table("Head office has refused nothing.", []string{"ENTRY", "CODE", "CHECK", "RECORD", "REASON"}, rows)
			})
		}
		of, err := c.Site.id(s, h)
		if err != nil {
			return err
		}
		var list []storage.Refusal
		err = h.Store.View(s.ctx, func(r storage.Reader) (err error) {
			list, err = r.Refusals(of, !c.All, 0, 1000)
			return err
		})
		if err != nil {
			return err
		}
		return s.print(list, func() {
			var rows [][]string
			for _, r := range list {
				behind := ""
				if r.Behind != 0 {
					behind = fmt.Sprintf("behind %d", r.Behind)
				}
				rows = append(rows, []string{
					fmt.Sprint(r.ID), r.State, r.Site.String(), fmt.Sprint(r.Seq), string(r.Code), behind, moment(r.At), r.Message,
				})
			}
			s.table("Nothing is in quarantine.", []string{"ID", "STATE", "SITE", "ENTRY", "CODE", "", "WHEN", "REASON"}, rows)
		})
	})
}

type refusalArg struct {
	ID int64 `arg:"" help:"Id of the refusal."`
}

type quarantineShowCmd struct{ refusalArg }

// Run shows one refusal.
func (c quarantineShowCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		var r storage.Refusal
		err := h.Store.View(s.ctx, func(v storage.Reader) (err error) { r, err = v.Refusal(c.ID); return err })
		if err != nil {
			return err
		}
		e, derr := atoll.DecodeEntry(r.Content)
		return s.print(map[string]any{"refusal": r, "entry": e}, func() {
			s.say("Refusal %d: entry %d of site %d, %s", r.ID, r.Seq, r.Site, r.State)
			s.say("%s (%s, check of %s)\n", r.Message, r.Code, r.Layer)
			if derr != nil {
				s.say("Its content cannot be read: %v", derr)
				return
			}
			for _, op := range e.Operations {
				s.say("%s %s, to version %d", op.Verb, op.Key, op.Version)
				now, err := h.Station.Record(s.ctx, op.Key)
				for _, name := range op.Fields.Names() {
					stands := "nothing"
					if err == nil && now.Fields.Has(name) {
						stands = string(now.Fields[name])
					}
					s.say("  %-26s refused %s; stands %s", name, op.Fields[name], stands)
				}
			}
		})
	})
}

func (a refusalArg) decide(s *session, d central.Decision, note string) error {
	return s.atCentre(func(h *host.Host) error {
		applied, err := h.Centre.Decide(s.ctx, a.ID, d, s.globals.User, note)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"id": a.ID, "decision": d, "applied": applied}, func() {
			switch {
			case applied:
				s.say("Refusal %d stands now: it was applied.", a.ID)
			case d == central.Retry:
				s.say("Refusal %d is still refused; see why with: atoll quarantine show %d", a.ID, a.ID)
			default:
				s.say("Refusal %d is settled: %s.", a.ID, d)
			}
		})
	})
}

type quarantineRetryCmd struct{ refusalArg }

// Run judges again.
func (c quarantineRetryCmd) Run(s *session) error {
	return c.decide(s, central.Retry, "tried again by hand")
}

type quarantineAcceptCmd struct {
	refusalArg
	Reason string `arg:"" help:"Why; kept with your name."`
}

// Run makes the change at the centre.
func (c quarantineAcceptCmd) Run(s *session) error { return c.decide(s, central.Accept, c.Reason) }

type quarantineSkipCmd struct {
	refusalArg
	Reason string `arg:"" help:"Why; kept with your name."`
}

// Run leaves it out.
func (c quarantineSkipCmd) Run(s *session) error { return c.decide(s, central.Skip, c.Reason) }

type quarantineReturnCmd struct {
	refusalArg
	Reason string `arg:"" help:"Why; kept with your name."`
}

// Run sends back the truth.
func (c quarantineReturnCmd) Run(s *session) error { return c.decide(s, central.Return, c.Reason) }

type userCmd struct {
	List userListCmd `cmd:"" default:"withargs" help:"People who may sign in here."`
	Add  userAddCmd  `cmd:"" help:"Add a person."`

	Disable userDisableCmd `cmd:"" help:"End what a person may do here, open sessions too."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled person in again."`
	Limit   userLimitCmd   `cmd:"" help:"Let a person see and change the data of some stores only, or of all again."`
}

type userListCmd struct{}

// Run lists users.
func (userListCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		users, err := h.Station.Users(s.ctx)
		if err != nil {
			return err
		}
		return s.print(users, func() {
			var rows [][]string
			for _, u := range users {
				note := ""
				switch {
				case u.Disabled:
					note = "disabled"
				case len(u.Stores) > 0:
					var codes []string
					for _, id := range u.Stores {
						codes = append(codes, storeCode(s, h, atoll.Fields{}.Set("store_id", id)))
					}
					note = "only " + strings.Join(codes, ", ")
				}
				rows = append(rows, []string{u.Name, string(u.Role), moment(u.Created), note})
			}
			s.table("No users.", []string{"NAME", "ROLE", "SINCE", "NOTE"}, rows)
		})
	})
}

type userAddCmd struct {
	Name     string `arg:"" help:"Name to sign in with."`
	Role     string `help:"viewer, store_user, data_manager, technician, administrator or mobile." enum:"viewer,store_user,data_manager,technician,administrator,mobile" default:"viewer"`
	Store    string `help:"Of a mobile client, the store it works for; not needed where one store is active." placeholder:"STORE"`
	Password string `help:"Their password; one is drawn unless given." env:"ATOLL_USER_PASSWORD" placeholder:"TEXT"`
}

// Run adds a user.
func (c userAddCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		password, err := c.add(s, h)
		if err != nil {
			return err
		}
		return s.print(map[string]string{"name": c.Name, "role": c.Role, "password": password}, func() {
			s.say("%s may sign in as %s.", c.Name, c.Role)
			if c.Password == "" {
				s.say("  Password   %s   (shown this once)", password)
			}
		})
	})
}

func (c userAddCmd) add(s *session, h *host.Host) (password string, err error) {
	role := station.UserRole(c.Role)
	if role != station.MobileClient {
		if c.Store != "" {
			return "", atoll.Errorf(atoll.Invalid, "only a mobile client has a store").On("store")
		}
		return h.Station.AddUser(s.ctx, c.Name, role, c.Password)
	}
	store, err := storeID(s, h, c.Store)
	if err != nil {
		return "", err
	}
	return h.Station.AddMobileUser(s.ctx, c.Name, store, c.Password)
}

type catalogueCmd struct {
	Type string   `arg:"" optional:"" help:"Show this type in full."`
	Area []string `help:"Only these areas, such as items." placeholder:"AREA"`
}

// Run prints the catalogue.
func (c catalogueCmd) Run(s *session) error {
	cat, err := s.catalogue()
	if err != nil {
		return err
	}
	if c.Type != "" {
		def, ok := cat.Lookup(atoll.Type(c.Type))
		if !ok {
			return atoll.Errorf(atoll.Unknown, "record type %q is not in the catalogue", c.Type).Do("list the types with: atoll catalogue")
		}
		return s.print(def, func() { _ = catalogue.WriteType(s.out, def) })
	}
	return s.print(map[string]any{"version": cat.Version(), "hash": cat.Hash(), "types": cat.Types()}, func() {
		_ = cat.WriteTable(s.out, c.Area...)
	})
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s *session) error {
	cat, err := s.catalogue()
	if err != nil {
		return err
	}
	return s.print(map[string]any{"version": version(), "catalogue": cat.Version(), "catalogue_hash": cat.Hash()}, func() {
		s.say("atoll %s, catalogue %d (%s)", version(), cat.Version(), cat.Hash())
	})
}
