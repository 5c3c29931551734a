package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/station"
)

// People are patients and prescribers, at home and elsewhere.
type People interface {
	Register(ctx context.Context, actor string, person atoll.Type, store atoll.ID, fields atoll.Fields) (atoll.ID, error)
	EditPerson(ctx context.Context, actor string, store atoll.ID, who, key atoll.Key, changed atoll.Fields, reason string) (pending bool, err error)
	Person(ctx context.Context, who atoll.Key) (station.Person, error)
	FindHere(ctx context.Context, person atoll.Type, store atoll.ID, search patients.Search) (found []patients.Match, more bool, err error)
	Find(ctx context.Context, person atoll.Type, store atoll.ID, search patients.Search, centre bool, by station.Credentials) (station.Found, error)
	Fetch(ctx context.Context, who atoll.Key, store atoll.ID, by station.Credentials) (atoll.Key, error)
	PatientHistory(ctx context.Context, patient atoll.ID) (station.History, error)
	CentralHistory(ctx context.Context, patient atoll.ID, by station.Credentials) (station.History, error)
	ShowPerson(ctx context.Context, actor string, who atoll.Key, store atoll.ID, visible bool) error
	AskTransfer(ctx context.Context, actor string, w patients.Wanted) (atoll.ID, error)
	ForceTransfer(ctx context.Context, actor string, who atoll.Key) error
	CancelTransfer(ctx context.Context, actor string, who atoll.Key) error
	HomeRequests(ctx context.Context) ([]station.HomeRequest, error)
	HomeTransfers(ctx context.Context, person atoll.Type, all bool) ([]station.HomeTransfer, error)
	RequestedChanges(ctx context.Context, who atoll.Key) ([]patients.Pending, error)
	DecideChange(ctx context.Context, actor string, change atoll.ID, take []string, all bool, note string) error
	OverDispensed(ctx context.Context, all bool) ([]station.Record, error)
	ReviewRepeat(ctx context.Context, actor string, outcome atoll.ID, note string) error
	Accesses(ctx context.Context, limit int) ([]station.Record, error)
}

// Resyncs sends a site again what it should have.
type Resyncs interface {
	ResyncPatients(ctx context.Context, actor string, store atoll.ID, try bool) (jobs []atoll.ID, records map[atoll.Type]int, err error)
}

// CredentialsBody is of a user of the central server, who asks it on line.
type CredentialsBody struct {
	User     string `json:"user,omitempty" maxLength:"48" doc:"A user of the central server" example:"amina"`
	Password string `json:"password,omitempty" maxLength:"200" example:"correct horse battery"`
	Token    string `json:"token,omitempty" maxLength:"200" doc:"Of an earlier answer, instead of name and password"`
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"Why you ask; it is kept with your name" example:"The patient is at the counter"`
}

func (c CredentialsBody) credentials() station.Credentials {
	return station.Credentials{User: c.User, Password: c.Password, Token: c.Token, Reason: c.Reason}
}

// SearchBody is whom somebody looks for.
type SearchBody struct {
	FirstName        string `json:"first_name,omitempty" query:"first_name" maxLength:"100" doc:"Its beginning, in either case" example:"Asha"`
	LastName         string `json:"last_name,omitempty" query:"last_name" maxLength:"100" doc:"Its beginning, in either case" example:"Wanji"`
	DateOfBirth      string `json:"date_of_birth,omitempty" query:"date_of_birth" maxLength:"10" example:"1991-04-12"`
	Barcode          string `json:"barcode,omitempty" query:"barcode" maxLength:"100" doc:"On the patient's card"`
	PolicyNumber     string `json:"policy_number,omitempty" query:"policy_number" maxLength:"100" doc:"Of an insurance policy"`
	RegistrationCode string `json:"registration_code,omitempty" query:"registration_code" maxLength:"100" doc:"Of a prescriber"`
	Limit            int    `json:"limit,omitempty" query:"limit" minimum:"0" maximum:"100" doc:"20 unless given" example:"20"`
	Offset           int    `json:"offset,omitempty" query:"offset" minimum:"0" maximum:"1000000" doc:"How many to leave out"`
}

type listPeopleInput struct {
	Store string `query:"store" maxLength:"36" doc:"A dispensary store; at the central server all are listed without one" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	SearchBody
}

type peopleAnswer struct {
	Body struct {
		Found []patients.Match `json:"found"`
		More  bool             `json:"more" doc:"There are others behind the last"`
	}
}

type searchInput struct {
	Body struct {
		Store  string `json:"store" maxLength:"36" doc:"The dispensary store you work in" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Centre bool   `json:"centre,omitempty" doc:"Ask the centre also when somebody is found here"`
		SearchBody
		CredentialsBody
	}
}

type searchAnswer struct{ Body station.Found }

type registerInput struct {
	Body struct {
		Store  string `json:"store" maxLength:"36" doc:"The home store: a dispensary that is active here" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Fields Body   `json:"fields"`
	}
}

// PersonView is a patient or prescriber as people here see one.
type PersonView struct {
	RecordView
	HomeStore       atoll.ID      `json:"home_store"`
	HomeStoreName   string        `json:"home_store_name,omitempty"`
	HomeSite        atoll.SiteID  `json:"home_site,omitempty"`
	VisibleIn       []atoll.ID    `json:"visible_in" doc:"Stores, as known here"`
	MovesTo         atoll.ID      `json:"moves_to,omitempty" doc:"The new home store, while a transfer is under way"`
	Pending         []PendingView `json:"pending" doc:"Changes that were asked for and are not settled"`
	NotUpdatedSince *time.Time    `json:"not_updated_since,omitempty" doc:"Nobody here sees the person any longer"`
	AsOf            *time.Time    `json:"as_of,omitempty" doc:"The last synchronisation of what is shown"`
}

type personAnswer struct{ Body PersonView }

// PendingView is a requested change.
type PendingView struct {
	ID      atoll.ID   `json:"id"`
	Record  string     `json:"record" doc:"type/id" example:"patient/0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	About   string     `json:"about" doc:"The patient or prescriber: type/id"`
	Store   atoll.ID   `json:"store" doc:"The store that asks"`
	Verb    atoll.Verb `json:"verb" enum:"insert,update,delete"`
	Wanted  Body       `json:"wanted"`
	Was     Body       `json:"was" doc:"The same fields as the asker saw them"`
	Now     Body       `json:"now,omitempty" doc:"The record as it stands here"`
	Open    []string   `json:"open,omitempty" doc:"Fields that a person at the home site must decide about"`
	Offered bool       `json:"offered,omitempty" doc:"A former home site did it too late"`
	By      string     `json:"by,omitempty"`
	At      string     `json:"at,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

func pendingViews(list []patients.Pending) []PendingView {
	out := []PendingView{}
	for _, p := range list {
		out = append(out, PendingView{
			ID: p.ID, Record: p.About, About: p.Who, Store: p.Store, Verb: p.Verb, Wanted: Body(p.Wanted.Encode()), Was: Body(p.Was.Encode()),
			Now: Body(p.Now), Open: p.Open, Offered: p.Offered, By: p.By, At: p.At, Reason: p.Reason,
		})
	}
	return out
}

func personView(p station.Person) PersonView {
	v := PersonView{
		RecordView: recordView(p.Record), HomeStore: p.HomeStore, HomeStoreName: p.HomeStoreName, HomeSite: p.HomeSite,
		VisibleIn: p.VisibleIn, MovesTo: p.MovesTo, Pending: pendingViews(p.Pending),
	}
	v.Editable = p.Editable
	if v.VisibleIn == nil {
		v.VisibleIn = []atoll.ID{}
	}
	if !p.NotUpdatedSince.IsZero() {
		v.NotUpdatedSince = &p.NotUpdatedSince
	}
	if !p.AsOf.IsZero() {
		v.AsOf = &p.AsOf
	}
	return v
}

// IDPath is the record an address names by its id.
type IDPath struct {
	ID string `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
}

type editInput struct {
	IDPath
	Body struct {
		Store  string     `json:"store" maxLength:"36" doc:"The dispensary store you work in" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Type   atoll.Type `json:"type,omitempty" maxLength:"48" doc:"Of a record that hangs on the person" example:"patient_event"`
		Record string     `json:"record,omitempty" maxLength:"36" doc:"Its id; the person's own record without these two" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		Fields Body       `json:"fields"`
		Reason string     `json:"reason,omitempty" maxLength:"1000" example:"She told us"`
	}
}

type editAnswer struct {
	Body struct {
		Pending bool       `json:"pending" doc:"The home site was asked; its answer arrives with a synchronisation"`
		Person  PersonView `json:"person"`
	}
}

type fetchPersonInput struct {
	IDPath
	Body struct {
		Store string `json:"store" maxLength:"36" doc:"The dispensary store you work in" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
		CredentialsBody
	}
}

// EventView is one thing in a patient's history.
type EventView struct {
	Type   atoll.Type `json:"type" example:"prescription"`
	ID     atoll.ID   `json:"id"`
	At     string     `json:"at,omitempty" example:"2026-03-02"`
	Store  atoll.ID   `json:"store,omitempty"`
	Fields Body       `json:"fields"`
	Lines  []Body     `json:"lines,omitempty"`
}

type historyOfAnswer struct {
	Body struct {
		Patient patients.Match `json:"patient"`
		Events  []EventView    `json:"events"`
		AsOf    *time.Time     `json:"as_of,omitempty" doc:"The last synchronisation of what is shown"`
		Warning string         `json:"warning" example:"Other places may have treated this patient since. Confirm with the patient's card."`
	}
}

type askHistoryInput struct {
	IDPath
	Body CredentialsBody
}

func historyView(h station.History) *historyOfAnswer {
	out := &historyOfAnswer{}
	out.Body.Patient, out.Body.Warning, out.Body.Events = h.Patient, h.Warning, []EventView{}
	if !h.AsOf.IsZero() {
		out.Body.AsOf = &h.AsOf
	}
	for _, e := range h.Events {
		v := EventView{Type: e.Type, ID: e.ID, At: e.At, Store: e.Store, Fields: Body(e.Fields.Encode())}
		for _, l := range e.Lines {
			v.Lines = append(v.Lines, Body(l.Encode()))
		}
		out.Body.Events = append(out.Body.Events, v)
	}
	return out
}

// optional reads an id that may be left out.
func optional(text string) (atoll.ID, error) {
	if text == "" {
		return "", nil
	}
	return atoll.ParseID(text)
}

// person reads who an address names.
func person(t atoll.Type, in IDPath) (atoll.Key, error) {
	id, err := atoll.ParseID(in.ID)
	return atoll.Key{Type: t, ID: id}, err
}

func (s *server) peopleOperations() {
	for _, t := range []atoll.Type{patients.Patient, patients.Prescriber} {
		s.personOperations(t, string(t), "/"+string(t)+"s")
		s.homeOperations(t, string(t), "/"+string(t)+"s")
	}
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-patient-history", Method: http.MethodGet, Path: "/patients/{id}/history", Tags: []string{"patients"},
		Summary: "A patient's history", Description: "What is known here, with the time of the last synchronisation and a warning to confirm with the patient's card.",
	}, func(ctx context.Context, in *IDPath) (*historyOfAnswer, error) {
		who, err := person(patients.Patient, *in)
		if err != nil {
			return nil, err
		}
		h, err := s.Station.PatientHistory(ctx, who.ID)
		if err != nil {
			return nil, err
		}
		visitOf(ctx).Records = len(h.Events)
		return historyView(h), nil
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "ask-patient-history", Method: http.MethodPost, Path: "/patients/{id}/history", Tags: []string{"patients"},
		Summary: "A patient's history as the centre knows it", Description: "Asked on line, with credentials of a user of the central server and a reason. It is logged there.",
	}, func(ctx context.Context, in *askHistoryInput) (*historyOfAnswer, error) {
		who, err := person(patients.Patient, in.IDPath)
		if err != nil {
			return nil, err
		}
		h, err := s.Station.CentralHistory(ctx, who.ID, in.Body.credentials())
		if err != nil {
			return nil, err
		}
		return historyView(h), nil
	})
	s.careOperations()
}

func (s *server) personOperations(t atoll.Type, one, path string) {
	handle(s, station.MayRead, huma.Operation{
		OperationID: "list-" + one + "s", Method: http.MethodGet, Path: path, Tags: []string{"patients"},
		Summary: "List the " + one + "s of a store", Description: "Those who are visible in it, and no others, even where another store of the site sees them.",
	}, func(ctx context.Context, in *listPeopleInput) (*peopleAnswer, error) {
		store, err := optional(in.Store)
		if err != nil {
			return nil, err
		}
		out := &peopleAnswer{}
		out.Body.Found, out.Body.More, err = s.Station.FindHere(ctx, t, store, patients.Search(in.SearchBody))
		if out.Body.Found == nil {
			out.Body.Found = []patients.Match{}
		}
		visitOf(ctx).Records = len(out.Body.Found)
		return out, err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "register-" + one, Method: http.MethodPost, Path: path, Tags: []string{"patients"}, DefaultStatus: http.StatusCreated,
		Summary: "Register a " + one, Description: "Whose home is the store. Visible in it at once, and in the site's other dispensaries as they prefer.",
	}, func(ctx context.Context, in *registerInput) (*personAnswer, error) {
		store, err := atoll.ParseID(in.Body.Store)
		if err != nil {
			return nil, err
		}
		f, err := in.Body.Fields.fields()
		if err != nil {
			return nil, err
		}
		id, err := s.Station.Register(ctx, actor(ctx), t, store, f)
		if err != nil {
			return nil, err
		}
		return s.person(ctx, atoll.Key{Type: t, ID: id})
	})
	handle(s, station.MayRead, huma.Operation{
		OperationID: "get-" + one, Method: http.MethodGet, Path: path + "/{id}", Tags: []string{"patients"},
		Summary: "Get a " + one, Description: "With the home store, where visible, what is pending, and since when not updated if that is so.",
	}, func(ctx context.Context, in *IDPath) (*personAnswer, error) {
		who, err := person(t, *in)
		if err != nil {
			return nil, err
		}
		return s.person(ctx, who)
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "edit-" + one, Method: http.MethodPost, Path: path + "/{id}/edit", Tags: []string{"patients"},
		Summary: "Change details of a " + one,
		Description: "At the home site at once. Elsewhere it is refused with the name of the home site; of a patient who is visible in the store, " +
			"with the preference " + patients.SharedDetails + " on, it becomes a request to the home site.",
	}, func(ctx context.Context, in *editInput) (*editAnswer, error) {
		who, err := person(t, in.IDPath)
		if err != nil {
			return nil, err
		}
		store, err := atoll.ParseID(in.Body.Store)
		if err != nil {
			return nil, err
		}
		key := who
		if in.Body.Type != "" || in.Body.Record != "" {
			if key, err = s.key(RecordPath{in.Body.Type, in.Body.Record}); err != nil {
				return nil, err
			}
		}
		f, err := in.Body.Fields.fields()
		if err != nil {
			return nil, err
		}
		out := &editAnswer{}
		if out.Body.Pending, err = s.Station.EditPerson(ctx, actor(ctx), store, who, key, f, in.Body.Reason); err != nil {
			return nil, err
		}
		v, err := s.person(ctx, who)
		if err == nil {
			out.Body.Person = v.Body
		}
		return out, err
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "find-" + one + "s", Method: http.MethodPost, Path: path + "/find", Tags: []string{"patients"},
		Summary: "Look for " + one + "s here and at the centre",
		Description: "In the store first; at the centre when nobody is found or centre is set, with credentials of a user of the central server and a reason, " +
			"which are logged there. Whoever is visible in the store already is not among those found elsewhere. Without the network only the store is searched, and the answer says so.",
	}, func(ctx context.Context, in *searchInput) (*searchAnswer, error) {
		store, err := optional(in.Body.Store)
		if err != nil {
			return nil, err
		}
		b := in.Body
		found, err := s.Station.Find(ctx, t, store, patients.Search(b.SearchBody), b.Centre, b.credentials())
		if err != nil {
			return nil, err
		}
		visitOf(ctx).Records = len(found.Here) + len(found.Elsewhere)
		return &searchAnswer{found}, nil
	})
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "fetch-" + one, Method: http.MethodPost, Path: path + "/{id}/fetch", Tags: []string{"patients"},
		Summary:     "Fetch a " + one + " from the centre",
		Description: "Makes the " + one + " visible in the store and receives all data at once, ahead of everything else. After a failure it may be repeated and goes on from where it was.",
	}, func(ctx context.Context, in *fetchPersonInput) (*personAnswer, error) {
		who, err := person(t, in.IDPath)
		if err != nil {
			return nil, err
		}
		store, err := atoll.ParseID(in.Body.Store)
		if err != nil {
			return nil, err
		}
		if who, err = s.Station.Fetch(ctx, who, store, in.Body.credentials()); err != nil {
			return nil, err
		}
		return s.person(ctx, who)
	})
}

func (s *server) person(ctx context.Context, who atoll.Key) (*personAnswer, error) {
	p, err := s.Station.Person(ctx, who)
	if err != nil {
		return nil, err
	}
	return &personAnswer{personView(p)}, nil
}
