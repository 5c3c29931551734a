package atoll

import (
	"encoding/json"
	"fmt"
	"time"
)

// Reason names the rule that refused, and has the names and values of what it speaks of,
// in turn: what faces need to say it in words of their own. A value is a string, an int,
// a [SiteID] or a [Type]. It is kept with what was refused and told to the site.
type Reason struct {
	Name string
	Args []any
}

// IsZero reports whether no rule is named.
func (r Reason) IsZero() bool { return r.Name == "" }

// Why returns the rule that refused; the zero Reason when the error names none.
func (e *Error) Why() Reason {
	if e.Reason == "" {
		return Reason{}
	}
	r := Reason{Name: e.Reason}
	for _, a := range e.Args {
		switch v := a.(type) {
		case string, int, SiteID, Type:
		case time.Time:
			a = Stamp(v)
		default:
			a = fmt.Sprint(v)
		}
		r.Args = append(r.Args, a)
	}
	return r
}

// tagged is a value that is more than its text.
type tagged struct {
	Site SiteID `json:"site,omitzero"`
	Type Type   `json:"type,omitzero"`
}

// MarshalJSON writes the name and after it the names and values, as one array.
func (r Reason) MarshalJSON() ([]byte, error) {
	out := []any{r.Name}
	for _, a := range r.Args {
		switch v := a.(type) {
		case SiteID:
			a = tagged{Site: v}
		case Type:
			a = tagged{Type: v}
		}
		out = append(out, a)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Reason) UnmarshalJSON(b []byte) error {
	var all []json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*r = Reason{}
	for i, raw := range all {
		var text string
		var n int
		var more tagged
		switch {
		case json.Unmarshal(raw, &text) == nil:
			if i == 0 {
				r.Name = text
				continue
			}
			r.Args = append(r.Args, text)
		case i > 0 && json.Unmarshal(raw, &n) == nil:
			r.Args = append(r.Args, n)
		case i > 0 && json.Unmarshal(raw, &more) == nil && more.Site != 0:
			r.Args = append(r.Args, more.Site)
		case i > 0 && more.Type != "":
			r.Args = append(r.Args, more.Type)
		default:
			return Errorf(Invalid, "%.60s is no part of a reason", raw)
		}
	}
	return nil
}
