package patients

import (
	"slices"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/survivor"
)

// Event is one thing in a patient's history.
type Event struct {
	Type   atoll.Type   `json:"type"`
	ID     atoll.ID     `json:"id"`
	At     string       `json:"at,omitempty"`
	Store  atoll.ID     `json:"store,omitempty"`
	Fields atoll.Fields `json:"fields"`
	// Lines are those of a prescription.
	Lines []atoll.Fields `json:"lines,omitempty"`
}

// past are the types of a history, with the fields that may tell when.
var past = []struct {
	kind atoll.Type
	when []string
}{
	{"prescription", []string{"prescription_date", "finalised_at", "confirmed_at", "created_at"}},
	{"vaccination", []string{"vaccination_date"}},
	{"encounter", []string{"started_at"}},
	{"patient_event", []string{"happened_at"}},
	{"patient_medication", []string{"start_date"}},
	{"repeat", []string{"start_date"}},
	{"adverse_drug_reaction", []string{"happened_at", "reported_at"}},
}

// History returns what this database knows of the treatment of a patient, and of
// those merged into her, newest first (R-G-13, R-G-20).
func History(r storage.Reader, patient atoll.ID) ([]Event, error) {
	family, err := survivor.Family(r, atoll.Key{Type: Patient, ID: patient})
	if err != nil {
		return nil, err
	}
	var out []Event
	seen := map[atoll.Key]bool{}
	for _, id := range family {
		for _, p := range past {
			rows, err := r.Records(storage.Query{Type: p.kind, Where: map[string]string{"patient_id": string(id)}})
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				if seen[row.Key] {
					continue
				}
				seen[row.Key] = true
				e := Event{Type: row.Type, ID: row.ID, Fields: row.MustFields()}
				e.Store = e.Fields.ID("store_id")
				for _, name := range p.when {
					if e.At == "" {
						e.At = e.Fields.Text(name)
					}
				}
				if p.kind == "prescription" {
					if e.Lines, err = linesOf(r, row.ID); err != nil {
						return nil, err
					}
				}
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int {
		if a.At != b.At {
			return strings.Compare(b.At, a.At)
		}
		return strings.Compare(string(b.ID), string(a.ID))
	})
	return out, nil
}

func linesOf(r storage.Reader, prescription atoll.ID) ([]atoll.Fields, error) {
	rows, err := r.Records(storage.Query{Type: "prescription_line", Where: map[string]string{"prescription_id": string(prescription)}})
	var out []atoll.Fields
	for _, row := range rows {
		out = append(out, row.MustFields())
	}
	return out, err
}
