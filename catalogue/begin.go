package catalogue

import (
	"strings"

	"github.com/atollsync/atoll"
)

// People are looked for by the beginning of a name, in either case. What lists may
// filter by are whole values, so patients and prescribers have, beside those, the
// first letters of their names (R-G-20).
const (
	BeginsFirst = "~first_name"
	BeginsLast  = "~last_name"
	beginning   = 3 // letters
)

// Fold returns a name as names are compared: in lower case, with single spaces.
func Fold(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

// Beginning returns the value to filter by for names that begin like this one; ""
// when it is too short to filter by.
func Beginning(name string) string {
	letters := []rune(Fold(name))
	if len(letters) < beginning {
		return ""
	}
	return string(letters[:beginning])
}

// NamesOf returns the first and last name of a person; who has one name in one
// field has it in both places.
func NamesOf(f atoll.Fields) (first, last string) {
	first, last = f.Text("first_name"), f.Text("last_name")
	if first == "" && last == "" {
		first, last = f.Text("name"), f.Text("name")
	}
	return first, last
}

// begin adds the beginnings of a person's names to what lists may filter by.
func begin(def *Def, f atoll.Fields, out map[string]string) {
	if def.Home == "" || out == nil {
		return
	}
	first, last := NamesOf(f)
	for name, text := range map[string]string{BeginsFirst: first, BeginsLast: last} {
		if b := Beginning(text); b != "" {
			out[name] = b
		}
	}
}
