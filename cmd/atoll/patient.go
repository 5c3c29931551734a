package main

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

type patientCmd struct {
	List      personListCmd[aPatient]      `cmd:"" default:"withargs" help:"The patients visible in a store."`
	Show      personShowCmd[aPatient]      `cmd:"" help:"One patient: details, home store, what is pending."`
	New       personNewCmd[aPatient]       `cmd:"" help:"Register a patient in a dispensary store of this site."`
	Edit      personEditCmd[aPatient]      `cmd:"" help:"Change details: at home at once, elsewhere as a request to the home site."`
	Find      personFindCmd[aPatient]      `cmd:"" help:"Look for patients here and at the centre."`
	Fetch     personFetchCmd[aPatient]     `cmd:"" help:"Make a patient found at the centre visible in a store, and receive all data now."`
	History   patientHistoryCmd            `cmd:"" help:"What a patient was given, and how old that knowledge is."`
	Visible   personVisibleCmd[aPatient]   `cmd:"" help:"Make a patient visible in a store, or no longer (at the centre)."`
	Transfer  patientTransferCmd           `cmd:"" help:"Ask for another home store, of a patient or of all patients of a store."`
	Transfers personTransfersCmd[aPatient] `cmd:"" help:"Transfers of home stores under way, and the requests."`
	Force     personForceCmd[aPatient]     `cmd:"" help:"Go on with a transfer without the site that does not answer (at the centre)."`
	Cancel    personCancelCmd[aPatient]    `cmd:"" help:"Stop a transfer that has not switched the home store yet (at the centre)."`
	Requests  personRequestsCmd[aPatient]  `cmd:"" help:"Changes of details that were asked for and are not settled."`
	Decide    personDecideCmd[aPatient]    `cmd:"" help:"Decide about a requested change, field by field (at the home site)."`
	Repeats   patientRepeatsCmd            `cmd:"" help:"Repeats that were dispensed once too often."`
	Review    patientReviewCmd             `cmd:"" help:"Note what was found about one of them (at the home site)."`
	Accesses  patientAccessesCmd           `cmd:"" help:"Who looked patients up at the centre, and why (at the centre)."`
	Resync    patientResyncCmd             `cmd:"" help:"Send a store's site its patients again, once (at the centre)."`
}

type prescriberCmd struct {
	List      personListCmd[aPrescriber]      `cmd:"" default:"withargs" help:"The prescribers visible in a store."`
	Show      personShowCmd[aPrescriber]      `cmd:"" help:"One prescriber."`
	New       personNewCmd[aPrescriber]       `cmd:"" help:"Register a prescriber in a dispensary store of this site."`
	Edit      personEditCmd[aPrescriber]      `cmd:"" help:"Change details, at the home site."`
	Find      personFindCmd[aPrescriber]      `cmd:"" help:"Look for prescribers here and at the centre."`
	Fetch     personFetchCmd[aPrescriber]     `cmd:"" help:"Make a prescriber found at the centre visible in a store."`
	Visible   personVisibleCmd[aPrescriber]   `cmd:"" help:"Make a prescriber visible in a store, or no longer (at the centre)."`
	Transfer  prescriberTransferCmd           `cmd:"" help:"Ask for another home store."`
	Transfers personTransfersCmd[aPrescriber] `cmd:"" help:"Transfers of home stores under way, and the requests."`
	Force     personForceCmd[aPrescriber]     `cmd:"" help:"Go on with a transfer without the site that does not answer (at the centre)."`
	Cancel    personCancelCmd[aPrescriber]    `cmd:"" help:"Stop a transfer that has not switched the home store yet (at the centre)."`
	Requests  personRequestsCmd[aPrescriber]  `cmd:"" help:"Changes of details that were offered and are not settled."`
	Decide    personDecideCmd[aPrescriber]    `cmd:"" help:"Decide about a requested change, field by field (at the home site)."`
}

// personKind is one of the two kinds of person the commands are about.
type personKind interface{ person() atoll.Type }

type (
	aPatient    struct{}
	aPrescriber struct{}
)

func (aPatient) person() atoll.Type    { return patients.Patient }
func (aPrescriber) person() atoll.Type { return patients.Prescriber }

func typeOf[K personKind]() atoll.Type { var k K; return k.person() }

// keyOf reads the id of a person.
func keyOf[K personKind](id string) (atoll.Key, error) {
	parsed, err := atoll.ParseID(id)
	return atoll.Key{Type: typeOf[K](), ID: parsed}, err
}

// searchFlags say whom somebody looks for.
type searchFlags struct {
	First        string `help:"First name, or its beginning." placeholder:"TEXT"`
	Last         string `help:"Last name, or its beginning." placeholder:"TEXT"`
	Born         string `help:"Date of birth, YYYY-MM-DD." placeholder:"DATE"`
	Barcode      string `help:"Barcode on the patient's card." placeholder:"TEXT"`
	Policy       string `help:"Number of an insurance policy." placeholder:"TEXT"`
	Registration string `help:"Registration code of a prescriber." placeholder:"TEXT"`
	Limit        int    `help:"At most so many." default:"20"`
	Offset       int    `help:"Leave out so many."`
}

func (f searchFlags) search() patients.Search {
	return patients.Search{
		FirstName: f.First, LastName: f.Last, DateOfBirth: f.Born, Barcode: f.Barcode, PolicyNumber: f.Policy,
		RegistrationCode: f.Registration, Limit: f.Limit, Offset: f.Offset,
	}
}

// askFlags are who asks the centre, and why.
type askFlags struct {
	CentreUser     string `help:"Your user at the central server." env:"ATOLL_CENTRE_USER" placeholder:"NAME"`
	CentrePassword string `help:"The password there." env:"ATOLL_CENTRE_PASSWORD" placeholder:"TEXT"`
	Reason         string `help:"Why you ask; it is kept with your name." placeholder:"TEXT"`
}

func (f askFlags) credentials() station.Credentials {
	return station.Credentials{User: f.CentreUser, Password: f.CentrePassword, Reason: f.Reason}
}

func (s *session) matches(list []patients.Match, empty string) {
	var rows [][]string
	for _, m := range list {
		name := strings.TrimSpace(m.LastName + ", " + m.FirstName)
		if m.LastName == "" || m.FirstName == "" {
			name = strings.TrimSpace(m.LastName + m.FirstName)
		}
		if name == "" {
			name = m.Name
		}
		rows = append(rows, []string{name, m.DateOfBirth, m.Code + m.RegistrationCode, m.HomeStoreName, string(m.ID)})
	}
	s.table(empty, []string{"NAME", "BORN", "CODE", "HOME STORE", "ID"}, rows)
}

type personListCmd[K personKind] struct {
	Store string `help:"Code, name or id of a dispensary store; at the centre all are listed without it." placeholder:"STORE"`
	searchFlags
}

// Run lists the persons of a store.
func (c personListCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		list, more, err := h.Station.FindHere(s.ctx, typeOf[K](), store, c.search())
		if err != nil {
			return err
		}
		return s.print(map[string]any{"found": list, "more": more}, func() {
			s.matches(list, fmt.Sprintf("No %ss are visible there.", typeOf[K]()))
			if more {
				s.say("There are more; see --limit and --offset.")
			}
		})
	})
}

type personShowCmd[K personKind] struct {
	ID string `arg:"" help:"Id of the person."`
}

// Run shows one person.
func (c personShowCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		return s.personTold(h, who, "")
	})
}

// personTold prints a person, after a line about what was done.
func (s *session) personTold(h *host.Host, who atoll.Key, done string) error {
	p, err := h.Station.Person(s.ctx, who)
	if err != nil {
		return err
	}
	return s.print(map[string]any{
		"id": p.ID, "version": p.Version, "fields": p.Fields, "home_store": p.HomeStore, "home_site": p.HomeSite, "visible_in": p.VisibleIn,
		"editable": p.Editable, "moves_to": p.MovesTo, "pending": p.Pending, "not_updated_since": p.NotUpdatedSince, "as_of": p.AsOf,
	}, func() {
		if done != "" {
			s.say("%s", done)
		}
		where := "read only here"
		if p.Editable {
			where = "editable here"
		}
		home := fmt.Sprintf("%s, site %d", p.HomeStoreName, p.HomeSite)
		if p.HomeStoreName == "" {
			home = "a store that is not known here"
		}
		s.say("Home: %s; %s. Last synchronised: %s", home, where, moment(p.AsOf))
		if p.MovesTo != "" {
			s.say("The home store is being transferred; details and repeats are locked meanwhile, dispensing goes on.")
		}
		if !p.NotUpdatedSince.IsZero() {
			s.say("No longer visible here, and no longer updated since %s.", moment(p.NotUpdatedSince))
		}
		var rows [][]string
		for _, name := range p.Fields.Names() {
			rows = append(rows, []string{name, strings.Trim(string(p.Fields[name]), `"`)})
		}
		s.table("", []string{"FIELD", "VALUE"}, rows)
		s.pending(p.Pending, "")
	})
}

type personNewCmd[K personKind] struct {
	Store string   `required:"" help:"The home store: code, name or id of a dispensary store active here." placeholder:"STORE"`
	Set   []string `short:"s" sep:"none" help:"FIELD=VALUE; may be repeated." placeholder:"FIELD=VALUE"`
}

// Run registers a person.
func (c personNewCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		f, err := recordPutCmd{Type: string(typeOf[K]()), Set: c.Set}.fields(s, h)
		if err != nil {
			return err
		}
		id, err := h.Station.Register(s.ctx, s.globals.User, typeOf[K](), store, f)
		if err != nil {
			return err
		}
		return s.personTold(h, atoll.Key{Type: typeOf[K](), ID: id}, fmt.Sprintf("Registered: %s", id))
	})
}

type personEditCmd[K personKind] struct {
	ID     string   `arg:"" help:"Id of the person."`
	Store  string   `required:"" help:"The dispensary store you work in." placeholder:"STORE"`
	Set    []string `short:"s" sep:"none" help:"FIELD=VALUE; may be repeated. An empty value clears the field." placeholder:"FIELD=VALUE"`
	Type   string   `help:"Change a record that hangs on the person: its type, such as patient_event." placeholder:"TYPE"`
	Record string   `help:"And its id." placeholder:"ID"`
	Reason string   `help:"Why; kept with a request." placeholder:"TEXT"`
}

// Run changes details, or asks for it.
func (c personEditCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		key := who
		if c.Type != "" {
			key.Type = atoll.Type(c.Type)
			if key.ID, err = atoll.ParseID(c.Record); err != nil {
				return err
			}
		}
		f, err := recordPutCmd{Type: string(key.Type), ID: string(key.ID), Set: c.Set}.fields(s, h)
		if err != nil {
			return err
		}
		pending, err := h.Station.EditPerson(s.ctx, s.globals.User, store, who, key, f, c.Reason)
		if err != nil {
			return err
		}
		done := "Changed."
		if pending {
			done = "The home site is asked for the change; it is pending until it answers."
		}
		return s.personTold(h, who, done)
	})
}

type personFindCmd[K personKind] struct {
	Store  string `required:"" help:"The dispensary store you work in." placeholder:"STORE"`
	Centre bool   `help:"Ask the centre also when somebody is found here."`
	searchFlags
	askFlags
}

// Run looks for persons.
func (c personFindCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		f, err := h.Station.Find(s.ctx, typeOf[K](), store, c.search(), c.Centre, c.credentials())
		if err != nil {
			return err
		}
		return s.print(f, func() {
			s.say("Here:")
			s.matches(f.Here, "  nobody")
			if f.Asked && h.Centre == nil {
				s.say("\nAt the centre, and not here:")
				s.matches(f.Elsewhere, "  nobody")
				if len(f.Elsewhere) > 0 {
					s.say("Fetch one with: atoll %s fetch ID --store %s", typeOf[K](), c.Store)
				}
			}
			if f.Note != "" {
				s.say("\n%s", f.Note)
			}
		})
	})
}

type personFetchCmd[K personKind] struct {
	ID    string `arg:"" help:"Id of the person, as found at the centre."`
	Store string `required:"" help:"The dispensary store you work in." placeholder:"STORE"`
	askFlags
}

// Run fetches a person.
func (c personFetchCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		err = watched(s, h, func() (err error) {
			who, err = h.Station.Fetch(s.ctx, who, store, c.credentials())
			return err
		})
		if err != nil {
			return err
		}
		return s.personTold(h, who, "Fetched: all data is here.")
	})
}
