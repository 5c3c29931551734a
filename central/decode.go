package central

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// decodeState reads what save wrote, several times as fast as encoding/json: the list of
// all sites reads tens of thousands. What it does not know is left to encoding/json.
func decodeState(key string, b []byte, s *SiteState) error {
	if *s = (SiteState{}); quickState(b, s) {
		return nil
	}
	*s = SiteState{}
	if err := json.Unmarshal(b, s); err != nil {
		return fmt.Errorf("%s/%s: %w", shelfSites, key, err)
	}
	return nil
}

// quickState reads a state as this program writes it; false for any other.
func quickState(b []byte, s *SiteState) bool {
	r := reading{b: b}
	if !r.next('{') {
		return false
	}
	for {
		name, ok := r.plain()
		if !ok || !r.next(':') || !r.field(name, s) {
			return false
		}
		if r.next('}') {
			return r.at == len(b)
		}
		if !r.next(',') {
			return false
		}
	}
}

func (r *reading) field(name []byte, s *SiteState) bool {
	switch string(name) {
	case "site":
		return whole(r, &s.Site)
	case "code_hash":
		return r.bytes(&s.CodeHash)
	case "code_expires":
		return r.time(&s.CodeExpires)
	case "key":
		return r.bytes(&s.Key)
	case "device":
		return words(r, &s.Device)
	case "key_until":
		return r.time(&s.KeyUntil)
	case "timeline":
		return words(r, &s.Timeline)
	case "turn":
		return whole(r, &s.Turn)
	case "nonce":
		return words(r, &s.Nonce)
	case "failures":
		return whole(r, &s.Failures)
	case "locked_until":
		return r.time(&s.LockedUntil)
	case "token_epoch":
		return whole(r, &s.TokenEpoch)
	case "initialisation":
		return words(r, &s.Initialisation)
	case "paused":
		return words(r, &s.Paused)
	case "orders":
		return r.nested(&s.Orders)
	case "history_months":
		return whole(r, &s.HistoryMonths)
	case "told":
		return whole(r, &s.Told)
	case "compared":
		return r.time(&s.Compared)
	case "outcome":
		return r.nested(&s.Outcome)
	case "lost":
		return r.nested(&s.Lost)
	case "late":
		return r.nested(&s.Late)
	case "voucher":
		return whole(r, &s.Voucher)
	}
	return r.said(name, s)
}

// said reads what the site last said of itself.
func (r *reading) said(name []byte, s *SiteState) bool {
	switch string(name) {
	case "app":
		return words(r, &s.App)
	case "protocol":
		return whole(r, &s.Protocol)
	case "catalogue":
		return whole(r, &s.Catalogue)
	case "catalogue_hash":
		return words(r, &s.CatalogueHash)
	case "cursor":
		return whole(r, &s.Cursor)
	case "waiting":
		return whole(r, &s.Waiting)
	case "head":
		return whole(r, &s.Head)
	case "errors":
		return whole(r, &s.Errors)
	case "clock_ahead":
		return whole(r, &s.ClockAhead)
	case "first_contact":
		return r.time(&s.FirstContact)
	case "last_contact":
		return r.time(&s.LastContact)
	case "last_complete":
		return r.time(&s.LastComplete)
	case "last_error":
		return words(r, &s.LastError)
	case "last_code":
		return words(r, &s.LastCode)
	}
	return false
}

// reading is how far JSON without white space was read. Its methods are false for what
// they do not know.
type reading struct {
	b  []byte
	at int
}

func (r *reading) next(c byte) bool {
	if r.at < len(r.b) && r.b[r.at] == c {
		r.at++
		return true
	}
	return false
}

// plain reads a string of plain ASCII without escapes.
func (r *reading) plain() ([]byte, bool) {
	if !r.next('"') {
		return nil, false
	}
	for i := r.at; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			out := r.b[r.at:i]
			r.at = i + 1
			return out, true
		case c == '\\' || c < ' ' || c > '~':
			return nil, false
		}
	}
	return nil, false
}

func words[T ~string](r *reading, into *T) bool {
	b, ok := r.plain()
	*into = T(b)
	return ok
}

func whole[T ~int | ~int64 | ~uint32 | ~uint64](r *reading, into *T) bool {
	from := r.at
	for r.at < len(r.b) && (r.b[r.at] == '-' || r.b[r.at] >= '0' && r.b[r.at] <= '9') {
		r.at++
	}
	n, err := strconv.ParseInt(string(r.b[from:r.at]), 10, 64)
	*into = T(n)
	return err == nil && int64(*into) == n && (n >= 0) == (*into >= 0)
}

func (r *reading) bytes(into *[]byte) bool {
	b, ok := r.plain()
	if !ok {
		return false
	}
	*into = make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Strict().Decode(*into, b)
	*into = (*into)[:n]
	return err == nil
}

func (r *reading) time(into *time.Time) bool {
	from := r.at
	_, ok := r.plain()
	return ok && into.UnmarshalJSON(r.b[from:r.at]) == nil
}

// nested reads a value that few states have.
func (r *reading) nested(into any) bool {
	from, level := r.at, 0
	for ; r.at < len(r.b); r.at++ {
		switch c := r.b[r.at]; {
		case c == '"':
			if _, ok := r.plain(); !ok {
				return false
			}
			r.at--
		case c == '{' || c == '[':
			level++
		case level > 0 && (c == '}' || c == ']'):
			level--
		case level == 0 && (c == ',' || c == '}'):
			return json.Unmarshal(r.b[from:r.at], into) == nil
		}
	}
	return false
}
