package console

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed words/*.yaml
var wordFiles embed.FS

// tongue is one language of the console.
type tongue struct {
	Code string // "en"
	Name string // in the language itself
	Dir  string // "ltr" or "rtl"

	tag     language.Tag
	numbers *message.Printer
	words   map[string]forms
}

// forms are the words of one key: one text for each plural form, "other" for those
// that have none of their own.
type forms map[string]string

// languages lists what the console speaks. The first is the one for readers of
// none of them.
var languages = []tongue{
	{Code: "en", Name: "English", Dir: "ltr"},
	{Code: "fr", Name: "Français", Dir: "ltr"},
	{Code: "es", Name: "Español", Dir: "ltr"},
}

// tongues are the languages with their words.
var tongues = sync.OnceValue(func() []*tongue {
	words, err := readWords(wordFiles)
	if err != nil {
		panic(err) // the files are in the binary; a test reads them
	}
	var out []*tongue
	for _, l := range languages {
		l.tag = language.MustParse(l.Code)
		l.numbers = message.NewPrinter(l.tag)
		l.words = words[l.Code]
		out = append(out, &l)
	}
	return out
})

// readWords reads the message catalogue: files of keys, each with its words in
// every language, as text or as a mapping of plural forms.
func readWords(files fs.FS) (map[string]map[string]forms, error) {
	names, err := fs.Glob(files, "words/*.yaml")
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]forms{}
	for _, l := range languages {
		out[l.Code] = map[string]forms{}
	}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var file map[string]map[string]any
		if err := yaml.Unmarshal(b, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, key := range slices.Sorted(maps.Keys(file)) {
			for code, value := range file[key] {
				of, known := out[code]
				if !known {
					return nil, fmt.Errorf("%s: %s: no such language %q", name, key, code)
				}
				if _, twice := of[key]; twice {
					return nil, fmt.Errorf("%s: %s is there twice", name, key)
				}
				f, err := formsOf(value)
				if err != nil {
					return nil, fmt.Errorf("%s: %s in %s: %w", name, key, code, err)
				}
				of[key] = f
			}
		}
	}
	return out, nil
}

func formsOf(value any) (forms, error) {
	switch v := value.(type) {
	case string:
		return forms{"other": v}, nil
	case map[string]any:
		f := forms{}
		for form, text := range v {
			s, ok := text.(string)
			if !ok || !slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, form) {
				return nil, fmt.Errorf("%q is no plural form with a text", form)
			}
			f[form] = s
		}
		if f["other"] == "" {
			return nil, fmt.Errorf("the form other is missing")
		}
		return f, nil
	}
	return nil, fmt.Errorf("want a text, or plural forms")
}

// tongueFor chooses a language: what the reader chose, else what the browser asks
// for.
func tongueFor(chosen, accepted string) *tongue {
	all := tongues()
	for _, l := range all {
		if l.Code == chosen {
			return l
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil || len(wanted) == 0 {
		return all[0]
	}
	var tags []language.Tag
	for _, l := range all {
		tags = append(tags, l.tag)
	}
	_, i, sure := language.NewMatcher(tags).Match(wanted...)
	if sure == language.No {
		return all[0]
	}
	return all[i]
}

// has reports whether there are words for the key.
func (l *tongue) has(key string) bool { return l.words[key] != nil }

// say returns the words of the key; args are names and values in turn, put in
// place of {name}. The value of n, a whole number, chooses the plural form.
// A key without words is returned itself.
func (l *tongue) say(key string, args ...any) string {
	f := l.words[key]
	if f == nil {
		return key
	}
	text := f["other"]
	if len(args) == 0 {
		return text
	}
	var put []string
	for i := 0; i+1 < len(args); i += 2 {
		name, _ := args[i].(string)
		n, whole := wholeOf(args[i+1])
		value := ""
		switch {
		case whole:
			value = l.number(n)
		default:
			value = fmt.Sprint(args[i+1])
		}
		if name == "n" && whole && len(f) > 1 {
			if t, ok := f[l.form(n)]; ok {
				text = t
			}
		}
		put = append(put, "{"+name+"}", value)
	}
	return strings.NewReplacer(put...).Replace(text)
}

// form names the plural form of a whole number.
func (l *tongue) form(n int64) string {
	i := int(max(n, -n) % 1_000_000_000)
	switch plural.Cardinal.MatchPlural(l.tag, i, 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	case plural.Other:
	}
	return "other"
}

// number writes a whole number as people who read the language do.
func (l *tongue) number(n int64) string { return l.numbers.Sprintf("%d", n) }

// point is what stands before the decimals.
func (l *tongue) point() string {
	return strings.Trim(l.numbers.Sprintf("%.1f", 0.5), "05")
}

func wholeOf(value any) (int64, bool) {
	switch n := reflect.ValueOf(value); {
	case n.CanInt():
		return n.Int(), true
	case n.CanUint():
		return int64(min(n.Uint(), 1<<62)), true
	}
	return 0, false
}

// Say returns the words of a key in a language, for letters and what else is not a page.
func Say(language, key string, args ...any) string { return tongueFor(language, "").say(key, args...) }
