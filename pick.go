package atoll

import "encoding/json"

// Only returns the named fields of the record, as far as they are there. Like
// [Record.MustFields] it is for records that come from the database.
func (r Record) Only(names ...string) Fields {
	values := make([]json.RawMessage, len(names))
	Pick(r.Body, names, values)
	out := make(Fields, len(names))
	for i, name := range names {
		if values[i] != nil {
			out[name] = values[i]
		}
	}
	return out
}

// Pick puts the values of the named fields of a record's body into the slots of
// the same place in into, as they are written; nil for a field that is absent.
// They are parts of body and live as long as it does. Like [Record.Fields] it
// trusts the body to be valid; it is for reading a few fields of very many
// records.
func Pick(body []byte, names []string, into []json.RawMessage) {
	clear(into)
	i := space(body, 0)
	if i >= len(body) || body[i] != '{' {
		return
	}
	for i = space(body, i+1); i < len(body) && body[i] == '"'; {
		end := text(body, i)
		if end < i+2 {
			return
		}
		name := body[i+1 : end-1]
		i = space(body, space(body, end)+1) // over the colon
		if end, _ = value(body, i); end <= i {
			return
		}
		for n := range names {
			if string(name) == names[n] {
				into[n] = json.RawMessage(body[i:end:end])
				break
			}
		}
		if i = space(body, end); i < len(body) && body[i] == ',' {
			i = space(body, i+1)
		}
	}
}
