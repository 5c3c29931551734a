package patients

import (
	"bytes"
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/process"
	"github.com/atollsync/atoll/storage"
)

// Search is what somebody looks for: names by their beginning, the rest whole
// (R-G-20).
type Search struct {
	FirstName        string `json:"first_name,omitempty"`
	LastName         string `json:"last_name,omitempty"`
	DateOfBirth      string `json:"date_of_birth,omitempty"`
	Barcode          string `json:"barcode,omitempty"`
	PolicyNumber     string `json:"policy_number,omitempty"`
	RegistrationCode string `json:"registration_code,omitempty"` // of a prescriber
	Limit            int    `json:"limit,omitempty"`             // 20 if zero, at most 100
	Offset           int    `json:"offset,omitempty"`
}

// Bounds of a search.
const (
	usualMatches = 20
	mostMatches  = 100
)

// Empty reports whether nothing is looked for.
func (s Search) Empty() bool {
	return s.FirstName+s.LastName+s.DateOfBirth+s.Barcode+s.PolicyNumber+s.RegistrationCode == ""
}

// Match is a patient or prescriber who was found: enough to tell one from another.
type Match struct {
	ID               atoll.ID     `json:"id"`
	Code             string       `json:"code,omitempty"`
	Name             string       `json:"name,omitempty"`
	FirstName        string       `json:"first_name,omitempty"`
	LastName         string       `json:"last_name,omitempty"`
	DateOfBirth      string       `json:"date_of_birth,omitempty"`
	Gender           string       `json:"gender,omitempty"`
	Barcode          string       `json:"barcode,omitempty"`
	RegistrationCode string       `json:"registration_code,omitempty"`
	HomeStore        atoll.ID     `json:"home_store,omitempty"`
	HomeStoreName    string       `json:"home_store_name,omitempty"`
	HomeSite         atoll.SiteID `json:"home_site,omitempty"`
}

func matchOf(id atoll.ID, f atoll.Fields) Match {
	return Match{
		ID: id, Code: f.Text("code"), Name: f.Text("name"), FirstName: f.Text("first_name"), LastName: f.Text("last_name"),
		DateOfBirth: f.Text("date_of_birth"), Gender: f.Text("gender"), Barcode: f.Text("barcode"),
		RegistrationCode: f.Text("registration_code"), HomeStore: f.ID("home_store_id"),
	}
}

// Find looks for persons of the type in this database: among those whose id only
// lets through, all if it is nil. Merged ones are left out: the one that was kept
// is found. More says that there are others behind the last.
func (d Desk) Find(person atoll.Type, s Search, only map[atoll.ID]bool) (found []Match, more bool, err error) {
	if s.Limit <= 0 {
		s.Limit = usualMatches
	}
	s.Limit, s.Offset = min(s.Limit, mostMatches), max(s.Offset, 0)
	skip := s.Offset
	take := func(id atoll.ID, f atoll.Fields) bool {
		if only != nil && !only[id] || f.Text("status") == "merged" || !s.matches(f) {
			return true
		}
		if skip > 0 {
			skip--
			return true
		}
		if len(found) == s.Limit {
			more = true
			return false
		}
		m := matchOf(id, f)
		if st, ok := d.T.Store(m.HomeStore); ok {
			m.HomeStoreName, m.HomeSite = st.Name, st.Site
		}
		found = append(found, m)
		return true
	}
	switch {
	case s.PolicyNumber != "":
		err = d.byPolicy(person, s.PolicyNumber, take)
	case only != nil && len(only) <= 1000:
		err = d.among(person, only, take)
	default:
		err = d.scan(person, s, take)
	}
	return found, more, err
}

// byPolicy goes through the persons with an insurance policy of the number.
func (d Desk) byPolicy(person atoll.Type, number string, take func(atoll.ID, atoll.Fields) bool) error {
	policies, err := d.R.Records(storage.Query{Type: "insurance_policy", Where: map[string]string{"policy_number": number}})
	if err != nil || person != Patient {
		return err
	}
	ids := map[atoll.ID]bool{}
	for _, p := range policies {
		ids[p.MustFields().ID("patient_id")] = true
	}
	return d.among(person, ids, take)
}

func (d Desk) among(person atoll.Type, ids map[atoll.ID]bool, take func(atoll.ID, atoll.Fields) bool) error {
	sorted := make([]atoll.ID, 0, len(ids))
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.Sort(sorted)
	for _, id := range sorted {
		rec, f, err := find(d.R, atoll.Key{Type: person, ID: id})
		if err != nil {
			return err
		}
		if f != nil && !rec.Deleted && !rec.Hidden && !take(id, f) {
			return nil
		}
	}
	return nil
}

// scan goes through the records of the type, by an index where one helps.
func (d Desk) scan(person atoll.Type, s Search, take func(atoll.ID, atoll.Fields) bool) error {
	q := storage.Query{Type: person, Limit: 1000, Where: map[string]string{}}
	for name, value := range map[string]string{"date_of_birth": s.DateOfBirth, "barcode": s.Barcode, "registration_code": s.RegistrationCode} {
		if value != "" {
			q.Where[name] = value
		}
	}
	for name, value := range map[string]string{catalogue.BeginsFirst: s.FirstName, catalogue.BeginsLast: s.LastName} {
		if b := catalogue.Beginning(value); b != "" {
			q.Where[name] = b
		}
	}
	// Most records are left out without being taken apart. A body's letters may be
	// of either case, so only plain ones are compared.
	hint := bytes.ToLower([]byte(s.LastName))
	for {
		page, err := d.R.Records(q)
		if err != nil {
			return err
		}
		for _, r := range page {
			q.After = r.ID
			if len(hint) > 0 && ascii(hint) && !bytes.Contains(bytes.ToLower(r.Body), hint) {
				continue
			}
			if !take(r.ID, r.MustFields()) {
				return nil
			}
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}

func ascii(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r > 126 || r == '"' || r == '\\' })
}

func (s Search) matches(f atoll.Fields) bool {
	begins := func(text, with string) bool {
		return with == "" || strings.HasPrefix(catalogue.Fold(text), catalogue.Fold(with))
	}
	first, last := catalogue.NamesOf(f)
	return begins(last, s.LastName) && begins(first, s.FirstName) &&
		(s.DateOfBirth == "" || f.Text("date_of_birth") == s.DateOfBirth) &&
		(s.Barcode == "" || f.Text("barcode") == s.Barcode) &&
		(s.RegistrationCode == "" || f.Text("registration_code") == s.RegistrationCode)
}

// In returns the persons of the type that are visible in the store (R-G-11).
func (d Desk) In(person atoll.Type, store atoll.ID) (map[atoll.ID]bool, error) {
	k, ok := ofPerson(person)
	if !ok {
		return nil, nil
	}
	rows, err := d.R.Records(storage.Query{Type: k.join, Where: map[string]string{"store_id": string(store)}})
	if err != nil {
		return nil, err
	}
	out := make(map[atoll.ID]bool, len(rows))
	for _, row := range rows {
		out[row.MustFields().ID(k.field)] = true
	}
	return out, nil
}

// AudienceOf is the audience that brings a person's complete data.
func AudienceOf(who atoll.Key) atoll.Audience { return atoll.PatientAudience(who.ID) }

// duplicates lists to the home site of a patient, at the centre, who else she may
// be: the same card or number, or the same name and date of birth (R-G-24).
func duplicates(c process.Case) ([]journal.Proposal, error) {
	if !atCentre(c) || c.Fields.Text("status") == "merged" {
		return nil, nil
	}
	home := c.Fields.ID("home_store_id")
	if _, ok := c.T.Store(home); !ok {
		return nil, nil
	}
	because := map[atoll.ID]string{}
	other := map[atoll.ID]atoll.Fields{}
	for _, name := range []string{"national_health_number", "barcode", "date_of_birth"} {
		value := c.Fields.Text(name)
		if value == "" {
			continue
		}
		rows, err := alike(c.R, name, value, c.Fields.Text("last_name"))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			f := r.MustFields()
			if r.ID == c.Record.ID || f.Text("status") == "merged" || because[r.ID] != "" {
				continue
			}
			if name == "date_of_birth" {
				if fullName(f) != fullName(c.Fields) {
					continue
				}
				because[r.ID] = "name and date of birth"
			} else {
				because[r.ID] = strings.ReplaceAll(name, "_", " ")
			}
			other[r.ID] = f
		}
	}
	var out []journal.Proposal
	for id, f := range other {
		pair := []string{string(c.Record.ID), string(id)}
		slices.Sort(pair)
		key := atoll.Key{Type: "patient_duplicate", ID: atoll.DeriveID("patient duplicate", pair[0], pair[1])}
		if there, err := c.Exists(key); err != nil {
			return nil, err
		} else if there {
			continue
		}
		out = append(out, insert(key, atoll.Fields{}.Set("store_id", home).Set("patient_id", c.Record.ID).Set("other_patient_id", id).
			Set("other_name", f.Text("name")).Set("other_date_of_birth", f.Text("date_of_birth")).
			Set("other_home_store_id", f.ID("home_store_id")).Set("because", because[id])))
	}
	slices.SortFunc(out, func(a, b journal.Proposal) int { return strings.Compare(string(a.Key.ID), string(b.Key.ID)) })
	return out, nil
}

// alike returns patients with the value. Where many share it, as they do a day of
// birth that was guessed, only those with the very same last name are looked at.
func alike(r storage.RecordReader, name, value, last string) ([]atoll.Record, error) {
	const many = 100
	q := storage.Query{Type: Patient, Where: map[string]string{name: value}, Limit: many}
	rows, err := r.Records(q)
	if err != nil || len(rows) < many || last == "" {
		return rows, err
	}
	q.Where["last_name"] = last
	return r.Records(q)
}

func fullName(f atoll.Fields) string {
	if f.Has("first_name") || f.Has("last_name") {
		return catalogue.Fold(f.Text("first_name") + " " + f.Text("last_name"))
	}
	return catalogue.Fold(f.Text("name"))
}

// Clinical reports whether records of the type are clinical details of a patient,
// which a site removes some time after she is no longer visible there (R-G-12):
// all that hangs on her, but not what says who she is and where she is visible.
func Clinical(def *catalogue.Def) bool {
	if def.Class != catalogue.Patient || def.Route != catalogue.ToPatient || def.Scope == "id" {
		return false
	}
	field, ok := def.Field(def.Scope)
	_, join := kindOf(func(k kind) bool { return k.join == def.Type || k.transfer == def.Type })
	return ok && field.To == Patient && !join
}
