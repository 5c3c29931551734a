package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/station"
)

// print prints one JSON value with --json, and otherwise what text does.
func (s *session) print(value any, text func()) error {
	if !s.globals.JSON {
		text()
		return nil
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.IsNil() {
		value = []struct{}{} // an empty list is a list
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return err
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

// say prints a line of text.
func (s *session) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }

// table prints rows in columns, or empty if there are none.
func (s *session) table(empty string, head []string, rows [][]string) {
	if len(rows) == 0 {
		s.say("%s", empty)
		return
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	_ = w.Flush()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// moment prints a time for people, in the zone of the machine.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// open opens the installation.
func (s *session) open() (*host.Host, error) { return host.Open(s.ctx, s.host()) }

// with opens the installation for fn and closes it.
func (s *session) with(fn func(h *host.Host) error) (err error) {
	h, err := s.open()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := h.Close(); err == nil {
			err = cerr
		}
	}()
	return fn(h)
}

// atCentre is with for commands that only a central server has.
func (s *session) atCentre(fn func(h *host.Host) error) error {
	return s.with(func(h *host.Host) error {
		if h.Centre == nil {
			return atoll.Errorf(atoll.NotHere, "%s is a remote site; this is done at the central server", s.settings.Data).
				Do("name the centre's directory with --data")
		}
		return fn(h)
	})
}

// atSite is with for commands that only a remote site has.
func (s *session) atSite(fn func(h *host.Host) error) error {
	return s.with(func(h *host.Host) error {
		if h.Site == nil {
			return atoll.Errorf(atoll.NotHere, "%s is the central server; sites come to it", s.settings.Data).
				Do("name a site's directory with --data")
		}
		return fn(h)
	})
}

// storeNamed finds a store by code, name or id.
func storeNamed(s *session, h *host.Host, name string) (station.StoreView, error) {
	stores, err := h.Station.Stores(s.ctx)
	if err != nil {
		return station.StoreView{}, err
	}
	for _, st := range stores {
		if st.Code == name || string(st.ID) == name || strings.EqualFold(st.Name, name) {
			return st, nil
		}
	}
	return station.StoreView{}, atoll.Errorf(atoll.NotFound, "there is no store %q here", name).Do("list them with: atoll store list")
}

// storeID finds a store by its code, name or id; "" for none.
func storeID(s *session, h *host.Host, name string) (atoll.ID, error) {
	if name == "" {
		return "", nil
	}
	st, err := storeNamed(s, h, name)
	return st.ID, err
}

// siteRef is a site as a command names it: by its number or its name.
type siteRef string

// id finds the site; 0 when none was named. A number stands for itself: whether
// there is such a site says the command that wants it.
func (r siteRef) id(s *session, h *host.Host) (atoll.SiteID, error) {
	if r == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(string(r), 10, 31); err == nil && n > 0 {
		return atoll.SiteID(n), nil
	}
	t, err := h.Station.Topology(s.ctx)
	if err != nil {
		return 0, err
	}
	for _, site := range t.Sites() {
		if strings.EqualFold(site.Name, string(r)) {
			return site.ID, nil
		}
	}
	return 0, atoll.Errorf(atoll.NotFound, "there is no site %q here", string(r)).On("site").Do("name it by its number or its name; at the centre they are listed with: atoll site list")
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
