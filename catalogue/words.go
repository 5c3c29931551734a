package catalogue

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/atollsync/atoll"
)

// Records that people call by a name are looked for by the words of it. What lists
// may filter by are whole values, so such records have, beside those, a field for
// each word: its name begins with wordField, which no field of a record does.
const (
	wordField = "~ "
	mostWords = 16 // of one record
	wordSize  = 24 // letters of a word; the rest of a longer one is left away
)

// called are the labels of types whose records people call by words. Those that are
// called by a number, a batch or what happened are as many as a system has records,
// and are found in other ways.
var called = []string{"name", "code", "description", "first_name", "last_name"}

// byWords returns the fields whose words a record of the type is found by: what it
// is called, and the texts that lists filter by.
func byWords(def *Def) (out []string) {
	if !slices.Contains(called, def.Label) {
		return nil
	}
	for _, f := range def.Fields {
		if f.Kind == Text && !f.Secret && (f.Index || slices.Contains(called, f.Name)) {
			out = append(out, f.Name)
		}
	}
	return out
}

// FoundByWords reports whether records of the type are found by words (Looked).
func (c *Catalogue) FoundByWords(t atoll.Type) bool {
	k, ok := c.types[t]
	return ok && len(k.words) > 0
}

// Words returns the words of a text as they are compared: runs of letters and
// digits, in lower case and without accents.
func Words(text string) (out []string) {
	var b strings.Builder
	letters := 0
	end := func() {
		if letters > 0 && !slices.Contains(out, b.String()) {
			out = append(out, b.String())
		}
		b.Reset()
		letters = 0
	}
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
		case letters < wordSize:
			b.WriteRune(unicode.ToLower(r))
			letters++
		}
	}
	end()
	return out
}

// Looked returns, for each word of a text, how the name of a field begins that the
// index has of every record with a word that begins so.
func Looked(text string) []string {
	out := Words(text)
	for i, w := range out {
		out[i] = wordField + w
	}
	return out
}

// indexWords adds a record's words to what it is found by.
func indexWords(k *compiled, f atoll.Fields, out map[string]string) map[string]string {
	n := 0
	for _, name := range k.words {
		for _, w := range Words(f.Text(name)) {
			if out == nil {
				out = map[string]string{}
			}
			if _, there := out[wordField+w]; there {
				continue
			}
			if n++; n > mostWords {
				return out
			}
			out[wordField+w] = ""
		}
	}
	return out
}
