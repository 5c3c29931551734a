package console_test

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/station"
)

var hole = regexp.MustCompile(`\{(\w+)\}`)

// Every key has words in every language, with the same values put into them.
func TestEveryKeyInEveryLanguage(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != 3 || len(words["en"]) < 150 {
		t.Fatalf("%d languages, %d keys: the test looks in the wrong place", len(words), len(words["en"]))
	}
	holes := func(text string) string {
		var out []string
		for _, m := range hole.FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return strings.Join(slices.Compact(out), " ")
	}
	for lang, keys := range words {
		for key, forms := range words["en"] {
			theirs, ok := keys[key]
			if !ok {
				t.Errorf("%s has no words in %s", key, lang)
				continue
			}
			for form, text := range theirs {
				if strings.TrimSpace(text) == "" {
					t.Errorf("%s is empty in %s", key, lang)
				}
				if without := strings.ReplaceAll(forms["other"], "{n}", ""); holes(text) != holes(forms["other"]) && (form != "one" || holes(text) != holes(without)) {
					t.Errorf("%s in %s (%s) takes %q, in English %q", key, lang, form, holes(text), holes(forms["other"]))
				}
			}
			if _, plural := forms["one"]; plural && theirs["one"] == "" {
				t.Errorf("%s has no singular in %s", key, lang)
			}
		}
		for key := range keys {
			if _, ok := words["en"][key]; !ok {
				t.Errorf("%s has words in %s and none in English", key, lang)
			}
		}
	}
}

// Every code has words that say what happened and what to do (R-I-10), and every
// role and power its name.
func TestR_I_10_EveryCodeHasWords(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	var need []string
	for _, c := range atoll.Codes {
		need = append(need, "code."+string(c), "code."+string(c)+".do")
	}
	for _, r := range append(documents.Reasons(), "ask.nothing", "ask.open", "ask.asked", "ask.refused.goods", "ask.refused.return", "ask.touched.goods",
		"ask.touched.return", "ask.closed", "close.away", "close.open", "heir.closed", "heir.self") {
		need = append(need, "why."+r, "why."+r+".do")
	}
	for _, r := range station.UserRoles {
		need = append(need, "role."+string(r))
	}
	for _, p := range []station.Power{station.MayRead, station.MayEdit, station.MayCurate, station.MaySync, station.MayConfigure} {
		need = append(need, "power."+string(p))
	}
	for _, key := range need {
		if words["en"][key] == nil {
			t.Errorf("no words for %s", key)
		}
	}
}

// Every record type has words, every area of them, and every field: lists and forms are
// made from the catalogue of types, which is in English.
func TestTypesAndFieldsHaveWords(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range types.Types() {
		if words["fr"]["type."+string(def.Type)] == nil {
			t.Errorf("no words for the type %s (%s): console/words/fields.yaml", def.Type, def.Title)
		}
		if words["fr"]["area."+def.Area] == nil {
			t.Errorf("no words for the area %s: console/words/fields.yaml", def.Area)
		}
		for _, f := range def.Fields {
			if words["fr"]["field."+f.Name] == nil && words["fr"]["field."+string(def.Type)+"."+f.Name] == nil {
				t.Errorf("no words for the field %s of %s: console/words/fields_rare.yaml", f.Name, def.Type)
			}
		}
	}
	n := 0
	for _, field := range console.FieldsOfWork() {
		if n++; words["fr"]["field."+field] == nil {
			t.Errorf("no words for the field %s: console/words/fields.yaml", field)
		}
	}
	if n < 30 {
		t.Errorf("%d fields: the test looks in the wrong place", n)
	}
}

// Whatever a list of the catalogue can say has words.
func TestValuesHaveWords(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range types.Types() {
		for _, f := range def.Fields {
			for _, value := range f.Values {
				if words["fr"]["value."+value] == nil {
					t.Errorf("no words for %s, which the field %s of %s may say: console/words/values.yaml", value, f.Name, def.Type)
				}
			}
		}
	}
}

// templates calls fn for every template with its source.
func templates(t *testing.T, fn func(name, source string)) {
	t.Helper()
	names, err := fs.Glob(console.Templates, "templates/*.html")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d templates found: %v", len(names), err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(console.Templates, name)
		if err != nil {
			t.Fatal(err)
		}
		fn(name, string(b))
	}
}

var (
	action    = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tag       = regexp.MustCompile(`(?s)<[^>]*>`)
	attribute = regexp.MustCompile(`\s(title|alt|placeholder|aria-label|aria-description|label)="([^"]*)"`)
	bare      = regexp.MustCompile(`\p{L}{2,}`)
	keyUsed   = regexp.MustCompile(`\bt "([a-z_.A-Z0-9-]+)"`)
)

// brand is what may stand in a template as it is.
var brand = strings.NewReplacer("Atoll", "", "&middot;", "")

// No template has words of its own: all come from the catalogue of words, also
// those that are only heard.
func TestNoBareText(t *testing.T) {
	templates(t, func(name, source string) {
		plain := action.ReplaceAllString(source, "")
		for _, m := range attribute.FindAllStringSubmatch(plain, -1) {
			if bare.MatchString(m[2]) {
				t.Errorf("%s: the attribute %s has the text %q", name, m[1], m[2])
			}
		}
		if left := bare.FindString(brand.Replace(tag.ReplaceAllString(plain, ""))); left != "" {
			t.Errorf("%s has the bare text %q", name, left)
		}
	})
}

// Every key that a template says has words, and no style or script stands inside a
// page: the policy would stop it.
func TestTemplatesSayWhatThereIs(t *testing.T) {
	words, err := console.Words()
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	templates(t, func(name, source string) {
		for _, m := range keyUsed.FindAllStringSubmatch(source, -1) {
			if used++; words["en"][m[1]] == nil {
				t.Errorf("%s says %q, for which there are no words", name, m[1])
			}
		}
		for _, no := range []string{" style=", "<style", " onclick=", " onchange=", "javascript:", "http://", "https://"} {
			if strings.Contains(source, no) {
				t.Errorf("%s holds %q", name, no)
			}
		}
		if strings.Contains(strings.ReplaceAll(source, `<script src="{{asset`, ""), "<script") {
			t.Errorf("%s has a script inside", name)
		}
	})
	if used < 50 {
		t.Errorf("%d keys found: the test looks for the wrong pattern", used)
	}
}

func TestPlurals(t *testing.T) {
	for _, c := range []struct {
		lang string
		n    int
		want string
	}{
		{"en", 0, "0 changes"},
		{"en", 1, "1 change"},
		{"en", 1200, "1,200 changes"},
		{"fr", 0, "0 modification"},
		{"fr", 1, "1 modification"},
		{"fr", 2, "2 modifications"},
		{"es", 0, "0 cambios"},
		{"es", 1, "1 cambio"},
		{"es", 2, "2 cambios"},
	} {
		if got := console.Reader(c.lang, "sync.changes", "n", c.n); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.lang, c.n, got, c.want)
		}
	}
}

func TestLanguageOfTheBrowser(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "fr-CM,fr;q=0.9,en;q=0.8": "fr", "es-419": "es", "de-DE, es;q=0.5": "es", "zh": "en", "nonsense;;;q": "en", "en-GB": "en",
	} {
		if got := console.Accepted(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// The two blocks of dark colours are one, and no rule speaks of left and right: a
// language from right to left needs no rules of its own.
func TestLook(t *testing.T) {
	b, err := fs.ReadFile(console.Assets, "assets/console.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(b)
	dark := regexp.MustCompile(`(?s)\{\s*(--bg: #10.*?)\}`).FindAllStringSubmatch(css, -1)
	if len(dark) != 2 || strings.Join(strings.Fields(dark[0][1]), " ") != strings.Join(strings.Fields(dark[1][1]), " ") {
		t.Errorf("the dark colours by preference and by choice differ")
	}
	for _, m := range regexp.MustCompile(`[{;\s](margin|padding|border)-(left|right)|[{;\s](left|right):|text-align:\s*(left|right)`).FindAllString(css, -1) {
		t.Errorf("console.css has a side that is not logical: %s", m)
	}
	tokens := map[string]bool{}
	for _, m := range regexp.MustCompile(`(--[\w-]+):`).FindAllStringSubmatch(css, -1) {
		tokens[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`var\((--[\w-]+)\)`).FindAllStringSubmatch(css, -1) {
		if !tokens[m[1]] {
			t.Errorf("console.css uses %s, which is not among %v", m[1], slices.Sorted(maps.Keys(tokens)))
		}
	}
}
