package station

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/handover"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/patients"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
	"github.com/atollsync/atoll/topology"
)

// How often one may ask the centre about patients (R-G-23).
const (
	looksWithin  = 10 * time.Minute
	looksOfUser  = 30
	looksOfSite  = 200
	leastReason  = 3 // letters
	mostLookedAt = 20_000
)

// looks remembers when who asked.
type looks struct {
	mu sync.Mutex
	at map[string][]time.Time
}

// allow notes one more question, or says that there were too many. Refused ones
// do not count.
func (l *looks) allow(now time.Time, who string, most int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil || len(l.at) > mostLookedAt {
		l.at = map[string][]time.Time{}
	}
	recent := l.at[who][:0]
	for _, t := range l.at[who] {
		if now.Sub(t) < looksWithin {
			recent = append(recent, t)
		}
	}
	if len(recent) >= most {
		l.at[who] = recent
		return atoll.Errorf(atoll.Busy, "%s has asked about patients %d times in %d minutes", who, most, int(looksWithin.Minutes())).
			Do("wait some minutes")
	}
	l.at[who] = append(recent, now)
	return nil
}

// Wish says whom a history or a fetch is about.
type Wish struct {
	Type  atoll.Type `json:"type"`
	ID    atoll.ID   `json:"id"`
	Store atoll.ID   `json:"store,omitempty"`
}

// matches is the answer to a search.
type matches struct {
	Found []patients.Match `json:"found"`
	More  bool             `json:"more,omitempty"`
}

// LookUp answers a person at a site, at the centre; see exchange.People. The
// person must be a user of the centre; reasons are kept, and every question is in
// the log of accesses, also those refused (R-G-23).
func (s *Station) LookUp(ctx context.Context, site atoll.SiteID, ask exchange.LookUp) (exchange.LookedUp, error) {
	if s.Identity.Role != Central {
		return exchange.LookedUp{}, atoll.Errorf(atoll.NotHere, "only the centre is asked about patients elsewhere")
	}
	u, token, err := s.asker(ctx, ask)
	if err == nil && len([]rune(strings.TrimSpace(ask.Reason))) < leastReason {
		err = atoll.Errorf(atoll.Invalid, "say why you ask; it is kept").On("reason")
	}
	if err == nil {
		err = s.looks.allow(s.Now(), "user "+u.Name, looksOfUser)
	}
	if err == nil {
		err = s.looks.allow(s.Now(), "site "+site.String(), looksOfSite)
	}
	out := exchange.LookedUp{Token: token}
	found := 0
	var answer any
	if err == nil {
		answer, found, err = s.answer(ctx, site, u.Name, ask)
	}
	if lerr := s.noteAccess(ctx, site, u.Name, ask, found, err); lerr != nil {
		return exchange.LookedUp{}, errors.Join(err, lerr)
	}
	if err != nil {
		return exchange.LookedUp{}, err
	}
	out.Answer, err = json.Marshal(answer)
	return out, err
}

// asker is the user of the centre who asks.
func (s *Station) asker(ctx context.Context, ask exchange.LookUp) (u User, token string, err error) {
	if ask.Token != "" {
		token = ask.Token
		u, err = s.Session(ctx, token)
	} else {
		token, u, err = s.SignInUser(ctx, ask.User, ask.Password)
	}
	switch {
	case errors.Is(err, atoll.SignIn):
		// Not the site's sign-in: the client must not try again.
		u.Name = ask.User
		return u, "", atoll.Errorf(atoll.Denied, "the centre does not know this user, or the password is wrong").
			On("user").Do("sign in with a user of the central server")
	case err != nil:
		return u, "", err
	case !u.Role.May(MayRead):
		return u, "", atoll.Errorf(atoll.Denied, "a %s may not look patients up", u.Role)
	}
	return u, token, nil
}

func (s *Station) answer(ctx context.Context, site atoll.SiteID, user string, ask exchange.LookUp) (answer any, found int, err error) {
	switch ask.What {
	case exchange.FindPatients, exchange.FindPrescribers:
		var search patients.Search
		if err := read(ask.Ask, &search); err != nil {
			return nil, 0, err
		}
		if search.Empty() {
			return nil, 0, atoll.Errorf(atoll.Invalid, "say whom you look for").
				Do("give at least one of names, date of birth, barcode, policy number, registration code")
		}
		person := patients.Patient
		if ask.What == exchange.FindPrescribers {
			person = patients.Prescriber
		}
		m, more, err := s.FindHere(ctx, person, "", search)
		return matches{m, more}, len(m), err
	case exchange.TellHistory:
		var w Wish
		if err := read(ask.Ask, &w); err != nil {
			return nil, 0, err
		}
		h, err := s.PatientHistory(ctx, w.ID)
		return h, len(h.Events), err
	case exchange.Fetch:
		var w Wish
		if err := read(ask.Ask, &w); err != nil {
			return nil, 0, err
		}
		w, err := s.letHave(ctx, site, user, w)
		return w, 1, err
	}
	return nil, 0, atoll.Errorf(atoll.Invalid, "unknown question %.40q", ask.What).On("what")
}

func read(b json.RawMessage, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return atoll.Errorf(atoll.Invalid, "the question cannot be read: %w", err)
	}
	return nil
}

// letHave makes the person visible in a dispensary store of the site that asks. It
// may be repeated; whoever was merged is replaced by the one that was kept.
func (s *Station) letHave(ctx context.Context, site atoll.SiteID, user string, w Wish) (Wish, error) {
	_, err := s.people(ctx, user+" at site "+site.String(), "fetch", func(d patients.Desk) ([]journal.Proposal, error) {
		st, ok := d.T.Store(w.Store)
		if !ok || st.Site != site {
			return nil, atoll.Errorf(atoll.Denied, "store %s is not active on site %s", w.Store, site).On("store")
		}
		if err := staying(d.T, w.Store); err != nil {
			return nil, err
		}
		kept, err := survivor.Of(d.R, atoll.Key{Type: w.Type, ID: w.ID})
		if err != nil {
			return nil, err
		}
		w.ID = kept.ID
		return d.Show(kept, w.Store, true)
	})
	return w, err
}

// staying refuses a store that is on its way to another site: what is fetched for it
// might arrive there instead.
func staying(t *topology.Topology, store atoll.ID) error {
	if m, moving := t.Moving(store); moving {
		return handover.Locked(t, m)
	}
	return nil
}

// noteAccess keeps who asked what, why, and what came of it.
func (s *Station) noteAccess(ctx context.Context, site atoll.SiteID, user string, ask exchange.LookUp, found int, err error) error {
	kind := map[string]string{exchange.TellHistory: "history", exchange.Fetch: "fetch"}[ask.What]
	if kind == "" {
		kind = "look_up"
	}
	f := atoll.Fields{}.Set("at", s.Now().UTC().Format(time.RFC3339)).Set("kind", kind).Set("from_site", site).Set("by", cut(user, 100)).
		Set("reason", cut(ask.Reason, 1000)).Set("found", found)
	if len(ask.Ask) > 0 && len(ask.Ask) < 4000 && json.Valid(ask.Ask) {
		f.Set("asked", ask.Ask)
	}
	if err != nil {
		f.Set("refused", string(atoll.CodeOf(err)))
	}
	return s.Store.Update(context.WithoutCancel(ctx), func(tx storage.Tx) error {
		_, err := s.Door.Write(tx, journal.Edit{Actor: "atoll", Cause: atoll.Cause{Kind: "process/access"}, Do: []journal.Proposal{{
			Verb: atoll.Insert, Key: atoll.Key{Type: "patient_access", ID: atoll.NewID(s.Now())}, Fields: f.Compacted(),
		}}})
		return err
	})
}

func cut(text string, most int) string {
	for len(text) > most {
		text = text[:len(text)-1]
	}
	return strings.ToValidUTF8(text, "")
}

// Accesses returns who looked patients up at the centre, newest first, up to limit.
func (s *Station) Accesses(ctx context.Context, limit int) ([]Record, error) {
	var out []Record
	err := s.Store.View(ctx, func(r storage.Reader) error {
		out = nil
		rows, err := r.Records(storage.Query{Type: "patient_access"})
		if err != nil {
			return err
		}
		for i := len(rows) - 1; i >= 0 && (limit <= 0 || len(out) < limit); i-- {
			out = append(out, Record{Record: rows[i], Fields: rows[i].MustFields()})
		}
		return nil
	})
	return out, err
}

// Credentials are of a user of the centre, for questions to it, with the reason
// for asking. Token, if there is one, is used before name and password.
type Credentials struct {
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	Reason   string `json:"reason"`
}

func (c Credentials) ask(what string, about any) exchange.LookUp {
	b, _ := json.Marshal(about) // plain values
	return exchange.LookUp{User: c.User, Password: c.Password, Token: c.Token, Reason: c.Reason, What: what, Ask: b}
}

// Found is what a search came to (R-G-20, R-G-22).
type Found struct {
	Here     []patients.Match `json:"here"`
	MoreHere bool             `json:"more_here,omitempty"`
	// Elsewhere are those whom the centre knows and who are not visible in the
	// store: they can be fetched.
	Elsewhere     []patients.Match `json:"elsewhere,omitempty"`
	MoreElsewhere bool             `json:"more_elsewhere,omitempty"`
	// Asked is whether the centre was asked, and answered.
	Asked bool   `json:"asked_centre"`
	Note  string `json:"note,omitempty"`
	Token string `json:"token,omitempty"` // for further questions
}

// Find looks for patients or prescribers in the store and, if centre is set or
// nobody is found, at the centre. Matches here always come with those from there;
// whoever is visible here already is never offered (R-G-22). When the centre
// cannot be reached the answer says that only this site was searched (R-G-24).
func (s *Station) Find(ctx context.Context, person atoll.Type, store atoll.ID, search patients.Search, centre bool, by Credentials) (Found, error) {
	var out Found
	var err error
	if out.Here, out.MoreHere, err = s.FindHere(ctx, person, store, search); err != nil {
		return out, err
	}
	if s.Identity.Role == Central {
		out.Asked = true
		return out, nil
	}
	if !centre && len(out.Here) > 0 || !centre && by.User == "" && by.Token == "" {
		out.Note = "Only patients of this store were searched."
		return out, nil
	}
	what := exchange.FindPatients
	if person == patients.Prescriber {
		what = exchange.FindPrescribers
	}
	answer, err := s.askCentre(ctx, by.ask(what, search))
	if away(err) {
		out.Note = "The centre could not be reached: only patients of this store were searched. Register the patient if need be; likely duplicates are listed after the next synchronisation."
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Asked, out.Token = true, answer.Token
	var m matches
	if err := read(answer.Answer, &m); err != nil {
		return out, err
	}
	out.MoreElsewhere = m.More
	err = s.look(ctx, func(d patients.Desk) error {
		out.Elsewhere = nil
		for _, match := range m.Found {
			here, err := patients.Visible(d.R, atoll.Key{Type: person, ID: match.ID}, store)
			if err != nil {
				return err
			}
			if !here {
				out.Elsewhere = append(out.Elsewhere, match)
			}
		}
		return nil
	})
	return out, err
}

// away reports whether the centre could not be reached.
func away(err error) bool {
	return errors.Is(err, atoll.Unavailable) || errors.Is(err, atoll.Interrupted)
}

func (s *Station) askCentre(ctx context.Context, ask exchange.LookUp) (exchange.LookedUp, error) {
	if s.People == nil {
		return exchange.LookedUp{}, atoll.Errorf(atoll.Unavailable, "the centre cannot be asked from here")
	}
	ctx = exchange.InCycle(ctx, exchange.NewCycle())
	answer, err := s.People.LookUp(ctx, s.Door.Site, ask)
	exchange.Traced(s.Log).InfoContext(ctx, "asked the centre about patients", "what", ask.What, "code", string(atoll.CodeOf(err)))
	return answer, err
}

// CentralHistory is PatientHistory as the centre knows it, asked on line (R-G-20).
func (s *Station) CentralHistory(ctx context.Context, patient atoll.ID, by Credentials) (History, error) {
	var out History
	answer, err := s.askCentre(ctx, by.ask(exchange.TellHistory, Wish{Type: patients.Patient, ID: patient}))
	if err != nil {
		return out, err
	}
	err = read(answer.Answer, &out)
	return out, err
}

// Fetch has the centre make the person visible in the store, and receives that
// person's complete data at once, ahead of everything else (R-G-21). Who was merged
// is replaced by the one that was kept, whose key it returns. It may be repeated
// after a failure, and goes on from where it was; before its end nothing of the
// person is shown here (R-G-25).
func (s *Station) Fetch(ctx context.Context, who atoll.Key, store atoll.ID, by Credentials) (atoll.Key, error) {
	if err := worksIn(ctx, store); err != nil {
		return who, err
	}
	err := s.look(ctx, func(d patients.Desk) error {
		if err := s.worksWith(d, store); err != nil {
			return err
		}
		if d.T.Instance(store, d.Site).Type != topology.Active {
			return atoll.Errorf(atoll.Rule, "patients are fetched for a store that is active here").On("store").Because("patient.fetch")
		}
		return staying(d.T, store)
	})
	if err != nil {
		return who, err
	}
	answer, err := s.askCentre(ctx, by.ask(exchange.Fetch, Wish{Type: who.Type, ID: who.ID, Store: store}))
	if err != nil {
		return who, err
	}
	var w Wish
	if err := read(answer.Answer, &w); err != nil {
		return who, err
	}
	who.ID = w.ID
	if s.Pull == nil {
		return who, atoll.Errorf(atoll.Unavailable, "it is asked for, and arrives with the next synchronisation").About(who)
	}
	if err := s.Pull(ctx, patients.AudienceOf(who)); err != nil {
		return who, err
	}
	return who, s.Store.View(ctx, func(r storage.Reader) error {
		if rec, err := r.Record(who); err != nil || rec.Hidden {
			return atoll.Errorf(atoll.Unavailable, "the data of the %s has not arrived yet", who.Type).About(who).Do("fetch again; it goes on from where it was")
		}
		return nil
	})
}
