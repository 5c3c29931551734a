package console

import (
	"slices"

	"github.com/atollsync/atoll/station"
)

// A Route is one line of the table, for tests.
type Route struct {
	Method, Path string
	Power        station.Power
	Site, Centre bool // where it exists
}

// Routes is the table.
func Routes() []Route {
	var out []Route
	for _, r := range routes() {
		out = append(out, Route{r.method, r.path, r.power, r.at != atCentre, r.at != atSite})
	}
	return out
}

// Words are the words of every key by language; Templates the sources of all pages.
func Words() (map[string]map[string]map[string]string, error) {
	words, err := readWords(wordFiles)
	out := map[string]map[string]map[string]string{}
	for lang, keys := range words {
		out[lang] = map[string]map[string]string{}
		for key, f := range keys {
			out[lang][key] = f
		}
	}
	return out, err
}

// Templates are the files that pages are made of.
var Templates, Assets = templateFiles, assetFiles

// Reader returns what a reader of the language sees for a key.
func Reader(lang, key string, args ...any) string { return tongueFor(lang, "").say(key, args...) }

// Accepted returns the language for what a browser asks for.
func Accepted(header string) string { return tongueFor("", header).Code }

// Local is local.
func Local(address string) string { return local(address) }

// FieldsOfWork are the fields that lists and forms of work show.
func FieldsOfWork() []string {
	out := slices.Clone(common)
	for _, w := range works {
		out = slices.Concat(out, w.Columns, w.New, w.Lines)
	}
	out = slices.DeleteFunc(out, func(name string) bool { return name[0] == '#' }) // no field
	slices.Sort(out)
	return slices.Compact(out)
}
