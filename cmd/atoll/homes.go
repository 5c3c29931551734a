package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/patients"
)

type patientHistoryCmd struct {
	ID     string `arg:"" help:"Id of the patient."`
	Centre bool   `help:"As the centre knows it, asked on line."`
	askFlags
}

// Run prints a history.
func (c patientHistoryCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[aPatient](c.ID)
		if err != nil {
			return err
		}
		history, err := h.Station.PatientHistory(s.ctx, who.ID)
		if c.Centre {
			history, err = h.Station.CentralHistory(s.ctx, who.ID, c.credentials())
		}
		if err != nil {
			return err
		}
		return s.print(history, func() {
			var rows [][]string
			for _, e := range history.Events {
				rows = append(rows, []string{e.At, strings.ReplaceAll(string(e.Type), "_", " "), e.Fields.Text("status") + e.Fields.Text("note"), string(e.ID)})
			}
			s.say("%s, as of %s", history.Patient.Name, moment(history.AsOf))
			s.table("Nothing is known.", []string{"WHEN", "WHAT", "", "ID"}, rows)
			s.say("%s", history.Warning)
		})
	})
}

type personVisibleCmd[K personKind] struct {
	ID    string `arg:"" help:"Id of the person."`
	Store string `arg:"" help:"Code, name or id of a dispensary store."`
	Off   bool   `help:"No longer."`
}

// Run changes where a person is visible.
func (c personVisibleCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		if err := h.Station.ShowPerson(s.ctx, s.globals.User, who, store, !c.Off); err != nil {
			return err
		}
		return s.personTold(h, who, "Done.")
	})
}

type transferFlags struct {
	To     string `required:"" help:"The new home store: code, name or id." placeholder:"STORE"`
	Reason string `required:"" help:"Why; kept with the request." placeholder:"TEXT"`
}

type patientTransferCmd struct {
	ID    string `arg:"" optional:"" help:"Id of the patient."`
	AllOf string `help:"Instead of one patient: all whose home store this is." placeholder:"STORE"`
	transferFlags
}

// Run asks for another home store.
func (c patientTransferCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		w := patients.Wanted{}
		var err error
		switch {
		case (c.ID == "") == (c.AllOf == ""):
			return atoll.Errorf(atoll.Invalid, "name one patient, or a store with --all-of")
		case c.ID != "":
			w.Person, err = keyOf[aPatient](c.ID)
		default:
			w.AllOf, err = storeID(s, h, c.AllOf)
		}
		if err != nil {
			return err
		}
		return c.ask(s, h, w)
	})
}

type prescriberTransferCmd struct {
	ID string `arg:"" help:"Id of the prescriber."`
	transferFlags
}

// Run asks for another home store.
func (c prescriberTransferCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who, err := keyOf[aPrescriber](c.ID)
		if err != nil {
			return err
		}
		return c.ask(s, h, patients.Wanted{Person: who})
	})
}

func (c transferFlags) ask(s *session, h *host.Host, w patients.Wanted) error {
	var err error
	if w.To, err = storeID(s, h, c.To); err != nil {
		return err
	}
	w.Reason = c.Reason
	id, err := h.Station.AskTransfer(s.ctx, s.globals.User, w)
	if err != nil {
		return err
	}
	return s.print(map[string]any{"request": id}, func() {
		s.say("Asked. The old home site freezes the details and sends all of them, then the home store is switched; dispensing goes on meanwhile.")
		s.say("Watch it with: atoll patient transfers")
	})
}

type personTransfersCmd[K personKind] struct {
	All bool `help:"Also those that are over."`
}

// Run lists transfers and requests.
func (c personTransfersCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		list, err := h.Station.HomeTransfers(s.ctx, typeOf[K](), c.All)
		if err != nil {
			return err
		}
		asked, err := h.Station.HomeRequests(s.ctx)
		if err != nil {
			return err
		}
		t, err := h.Station.Topology(s.ctx)
		if err != nil {
			return err
		}
		name := func(id atoll.ID) string { st, _ := t.Store(id); return st.Name }
		return s.print(map[string]any{"transfers": list, "requests": asked}, func() {
			var rows [][]string
			for _, x := range list {
				note := x.Reason
				if x.Forced {
					note = "forced, signed by " + x.Signed
				}
				rows = append(rows, []string{x.Name, name(x.From), name(x.To), x.Step, x.Began, note, x.Person})
			}
			s.table("No transfers are under way.", []string{"NAME", "FROM", "TO", "STEP", "BEGAN", "NOTE", "WHO"}, rows)
			rows = nil
			for _, r := range asked {
				if c.All || r.State != patients.Done {
					rows = append(rows, []string{r.At, r.By, name(r.To), r.State, r.Answer, string(r.ID)})
				}
			}
			s.say("")
			s.table("No requests are open.", []string{"ASKED", "BY", "TO", "STATE", "ANSWER", "REQUEST"}, rows)
		})
	})
}

type personForceCmd[K personKind] struct {
	ID      string `arg:"" help:"Id of the person."`
	Confirm bool   `help:"Needed: what the old home site did meanwhile and has not sent is not in the record; it is offered to the new home when it comes."`
}

// Run forces a transfer.
func (c personForceCmd[K]) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		if !c.Confirm {
			return atoll.Errorf(atoll.Rule, "the site that does not answer may hold changes nobody else has").
				Do("make sure that it cannot be reached, then add --confirm; you sign for it")
		}
		if err := h.Station.ForceTransfer(s.ctx, s.globals.User, who); err != nil {
			return err
		}
		return s.personTold(h, who, "Forced.")
	})
}

type personCancelCmd[K personKind] struct {
	ID string `arg:"" help:"Id of the person."`
}

// Run cancels a transfer.
func (c personCancelCmd[K]) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		who, err := keyOf[K](c.ID)
		if err != nil {
			return err
		}
		if err := h.Station.CancelTransfer(s.ctx, s.globals.User, who); err != nil {
			return err
		}
		return s.personTold(h, who, "Cancelled.")
	})
}

type personRequestsCmd[K personKind] struct {
	ID string `arg:"" optional:"" help:"Only about this person."`
}

// Run lists requested changes.
func (c personRequestsCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		who := atoll.Key{Type: typeOf[K]()}
		if c.ID != "" {
			var err error
			if who, err = keyOf[K](c.ID); err != nil {
				return err
			}
		}
		list, err := h.Station.RequestedChanges(s.ctx, who)
		if err != nil {
			return err
		}
		return s.print(list, func() { s.pending(list, "No changes are asked for.") })
	})
}

// pending prints requested changes, a row for each field.
func (s *session) pending(list []patients.Pending, empty string) {
	value := func(b json.RawMessage) string { return strings.Trim(string(b), `"`) }
	var rows [][]string
	for _, p := range list {
		now := atoll.Fields{}
		if len(p.Now) > 0 {
			now, _ = atoll.ParseFields(p.Now)
		}
		for _, name := range p.Wanted.Names() {
			state := "pending"
			if slices.Contains(p.Open, name) {
				state = "differs: decide"
			}
			if p.Offered {
				state = "offered: decide"
			}
			rows = append(rows, []string{string(p.ID), p.About, name, value(p.Was[name]), value(p.Wanted[name]), value(now[name]), state})
		}
	}
	if len(rows) > 0 || empty != "" {
		s.table(empty, []string{"REQUEST", "RECORD", "FIELD", "WAS", "WANTED", "NOW", ""}, rows)
	}
}

type personDecideCmd[K personKind] struct {
	Request string   `arg:"" help:"Id of the request."`
	Take    []string `help:"Names of the fields to take over; the others are refused." placeholder:"FIELD"`
	All     bool     `help:"Take over everything."`
	Note    string   `help:"Why; the asking site reads it." placeholder:"TEXT"`
}

// Run decides about a requested change.
func (c personDecideCmd[K]) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		id, err := atoll.ParseID(c.Request)
		if err != nil {
			return err
		}
		if err := h.Station.DecideChange(s.ctx, s.globals.User, id, c.Take, c.All, c.Note); err != nil {
			return err
		}
		return s.print(map[string]any{"request": id, "taken": c.Take, "all": c.All}, func() { s.say("Decided; the asking site hears of it with the next synchronisation.") })
	})
}

type patientRepeatsCmd struct {
	All bool `help:"Also those that were reviewed."`
}

// Run lists repeats that were dispensed once too often.
func (c patientRepeatsCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		list, err := h.Station.OverDispensed(s.ctx, c.All)
		if err != nil {
			return err
		}
		rows := [][]string{}
		var out []map[string]any
		for _, r := range list {
			out = append(out, map[string]any{"id": r.ID, "fields": r.Fields})
			rows = append(rows, []string{string(r.ID), string(r.Fields.ID("patient_id")), fmt.Sprint(r.Fields.Int("repeat_number")), r.Fields.Text("note")})
		}
		return s.print(out, func() {
			s.table("No repeat was dispensed twice.", []string{"ID", "PATIENT", "NUMBER", "NOTE"}, rows)
		})
	})
}

type patientReviewCmd struct {
	ID   string `arg:"" help:"Id, as listed by: atoll patient repeats"`
	Note string `arg:"" help:"What was found."`
}

// Run notes what was found.
func (c patientReviewCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		id, err := atoll.ParseID(c.ID)
		if err != nil {
			return err
		}
		if err := h.Station.ReviewRepeat(s.ctx, s.globals.User, id, c.Note); err != nil {
			return err
		}
		return s.print(map[string]any{"id": id}, func() { s.say("Noted.") })
	})
}

type patientAccessesCmd struct {
	Limit int `help:"At most so many, the newest." default:"100"`
}

// Run lists who looked patients up.
func (c patientAccessesCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		list, err := h.Station.Accesses(s.ctx, c.Limit)
		if err != nil {
			return err
		}
		var rows [][]string
		var out []atoll.Fields
		for _, r := range list {
			f := r.Fields
			out = append(out, f)
			rows = append(rows, []string{f.Text("at"), strings.ReplaceAll(f.Text("kind"), "_", "-"), f.Text("by"), fmt.Sprint(f.Int("from_site")), f.Text("reason"), f.Text("refused")})
		}
		return s.print(out, func() {
			s.table("Nobody has looked a patient up.", []string{"WHEN", "WHAT", "WHO", "SITE", "WHY", "REFUSED"}, rows)
		})
	})
}

type patientResyncCmd struct {
	Store   string `arg:"" help:"Code, name or id of the dispensary store."`
	Preview bool   `help:"Only count the records."`
}

// Run sends patients again.
func (c patientResyncCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		store, err := storeID(s, h, c.Store)
		if err != nil {
			return err
		}
		jobs, records, err := h.Centre.ResyncPatients(s.ctx, s.globals.User, store, c.Preview)
		if err != nil {
			return err
		}
		total := 0
		var rows [][]string
		for _, kind := range slices.Sorted(maps.Keys(records)) {
			total += records[kind]
			rows = append(rows, []string{string(kind), fmt.Sprint(records[kind])})
		}
		return s.print(map[string]any{"preview": c.Preview, "records": records, "total": total, "jobs": jobs}, func() {
			s.table("There is nothing to send.", []string{"TYPE", "RECORDS"}, rows)
			if c.Preview {
				s.say("%d records would be sent. Nothing is sent yet.", total)
				return
			}
			s.say("%d records are sent with the site's next synchronisations, beside its normal flow. Watch it with: atoll job list", total)
		})
	})
}
