package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Templates that every page may use: the frame, and files whose names begin with
// parts. Every other file is a page.
func shared(name string) bool {
	base := path.Base(name)
	return base == "frame.html" || strings.HasPrefix(base, "parts")
}

// press prints pages. Templates speak through functions that know the reader, and
// a template that is printing knows one reader at a time: there is a set of them
// for each page that is printed at the same moment, made when it is first needed.
type press struct {
	files fs.FS
	idle  chan *plates
}

// plates is one set of templates.
type plates struct {
	visit *Visit
	pages map[string]*template.Template
}

// newPress returns a press for the templates, and panics when one cannot be read.
func newPress(files fs.FS) *press {
	p := &press{files: files, idle: make(chan *plates, 8)}
	p.idle <- newPlates(files)
	return p
}

func newPlates(files fs.FS) *plates {
	p := &plates{pages: map[string]*template.Template{}}
	common := template.Must(template.New("").Funcs(p.functions()).ParseFS(files, "templates/frame.html", "templates/parts*.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		if shared(name) {
			continue
		}
		page := template.Must(template.Must(common.Clone()).ParseFS(files, name))
		p.pages[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return p
}

// make returns one template of a page as the visitor is to see it.
func (p *press) make(v *Visit, page, name string, data any) ([]byte, error) {
	var set *plates
	select {
	case set = <-p.idle:
	default:
		set = newPlates(p.files)
	}
	defer func() {
		set.visit = nil
		select {
		case p.idle <- set:
		default:
		}
	}()
	t, ok := set.pages[page]
	if !ok {
		return nil, fmt.Errorf("no page %q", page)
	}
	set.visit = v
	var b bytes.Buffer
	err := t.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// functions are what templates may call. Each asks the reader of the moment.
func (p *plates) functions() template.FuncMap {
	return template.FuncMap{
		"t":       func(key string, args ...any) string { return p.visit.T(key, args...) },
		"say":     func(s saying) string { return p.visit.T(s.Key, s.Args...) },
		"num":     func(n any) string { return p.visit.number(n) },
		"money":   func(s string) string { return p.visit.money(s) },
		"decimal": func(s string) string { return p.visit.decimal(s) },
		"size":    func(n any) string { return p.visit.size(reflect.ValueOf(n).Int()) },
		"when":    func(t time.Time) template.HTML { return p.visit.when(t) },
		"ago":     func(t time.Time) template.HTML { return p.visit.ago(t) },
		"minutes": func(n int) time.Duration { return time.Duration(n) * time.Minute },
		"span":    func(d time.Duration) string { return p.visit.span(d) },
		"type":    func(t atoll.Type) string { return p.visit.typeWords(t) },
		"field":   func(t atoll.Type, name string) string { return p.visit.fieldWords(t, name) },
		"value":   func(name string) string { return p.visit.valueWords(name) },
		"cause":   func(kind string) string { return p.visit.causeWords(kind) },
		"who":     func(actor string, c atoll.Cause) string { return p.visit.who(actor, c) },
		"area":    func(name string) string { return p.visit.areaWords(name) },
		"role":    func(r any) string { return p.visit.T("role." + fmt.Sprint(r)) },
		"may":     func(power string) bool { return p.visit.may(power) },
		"numeric": numeric,
		"asset":   asset,
		"icon":    icon,
		"dict":    dict,
		"record":  recordPath,
		"why":     func(r reason) string { return p.visit.words(r) },
		"advice":  func(r reason) string { return p.visit.advice(r) },
	}
}

// numeric reports whether a field of the type holds numbers, which stand at the end
// of their column.
func numeric(def *catalogue.Def, name string) bool {
	f, _ := def.Field(name)
	return f.Kind == catalogue.Integer || f.Kind == catalogue.Decimal
}

// saying is words that a handler chooses and a template says.
type saying struct {
	Key  string
	Args []any
}

// dict makes the value of a template that takes several.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// icons are drawn here, so that no page asks for another file. All are one path in
// a square of 24.
var icons = map[string]string{
	"sync":   "M4 12a8 8 0 0 1 13.7-5.6L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.6L4 15.5M4 20v-4.5h4.5",
	"green":  "M5 12.5l4.5 4.5L19 7.5",
	"amber":  "M12 5v8.5M12 17.5v1",
	"red":    "M7 7l10 10M17 7L7 17",
	"grey":   "M9 6.5v11M15 6.5v11",
	"next":   "M9 5l7 7-7 7",
	"search": "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5L20 20",
	"lock":   "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
	"person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-4 4-6 7.5-6s6.5 2 7.5 6",
}

// icon draws one. It says nothing to who listens: words stand beside it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="` + icons[name] + `"/></svg>`) //nolint:gosec // of the table above
}
