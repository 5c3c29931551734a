package console

import (
	"time"

	"github.com/atollsync/atoll"
)

// reason is why an engine refuses, as it names it: words for it stand under why.NAME,
// and what to do under why.NAME.do.
type reason = atoll.Reason

// words are the reader's words for the reason; empty where there are none, and what
// the engine says in English is shown.
func (v *Visit) words(r reason) string { return v.reasoned("why."+r.Name, r.Args) }

// advice is what to do about it.
func (v *Visit) advice(r reason) string { return v.reasoned("why."+r.Name+".do", r.Args) }

func (v *Visit) reasoned(key string, args []any) string {
	if !v.Lang.has(key) {
		return ""
	}
	out := make([]any, len(args))
	copy(out, args)
	for i := 0; i+1 < len(out); i += 2 {
		text, ok := out[i+1].(string)
		if !ok {
			switch is := out[i+1].(type) {
			case atoll.SiteID:
				out[i+1] = v.siteName(is)
			case atoll.Type:
				out[i+1] = v.typeWords(is)
			}
			continue
		}
		switch out[i] {
		case "status", "next", "kind":
			out[i+1] = v.valueWords(text)
		case "field":
			out[i+1] = v.fieldWords("", text)
		case "time":
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				out[i+1] = at
			}
		}
	}
	return v.T(key, out...)
}
