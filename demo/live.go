package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
)

// Open lets people in: the sites reach the centre directly, their schedules run,
// and addresses, sign-ins and things to try are told. Program is how the reader
// calls this program.
func (d *Demo) Open(ctx context.Context, program string) ([]Address, error) {
	w := d.world
	for _, id := range w.remotes() {
		s := w.sites[id]
		if err := s.direct(ctx, w.centre.url); err != nil {
			return nil, err
		}
		if err := s.pause(ctx, false); err != nil {
			return nil, err
		}
		if err := s.serve(w.base); err != nil {
			return nil, err
		}
	}
	var out []Address
	for _, s := range w.all() {
		a := Address{Site: int(s.site), Name: s.name, URL: s.url, Data: s.config.Data, User: admin, Password: s.password}
		for _, p := range w.places {
			if p.site == s.site && w.stores[p.code] != "" {
				a.Stores = append(a.Stores, p.name)
			}
		}
		out = append(out, a)
	}
	d.told.open(out, program, w.items[0], w.Mirrored)
	return out, nil
}

// Wait returns when ctx ends, or a server fails.
func (d *Demo) Wait(ctx context.Context) error {
	failed := make(chan error)
	quit := make(chan struct{})
	defer close(quit)
	for _, s := range d.world.all() {
		go func() {
			select {
			case err := <-s.done:
				s.done <- err // for shut
				if ctx.Err() == nil {
					select {
					case failed <- fmt.Errorf("the server of the %s ended: %w", strings.ToLower(place(s.site)), err):
					case <-quit:
					}
				}
			case <-quit:
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// open tells the addresses and what to try.
func (t *teller) open(servers []Address, program string, m medicine, mirrored bool) {
	t.line("")
	t.line("%s", t.mark(bold, "The servers are up"))
	t.line("")
	for _, a := range servers {
		t.line("  %-8s  %s   sign in as %s, password %s", place(atoll.SiteID(a.Site)), a.URL, a.User, a.Password)
		t.line("%12s%s", "", a.Data)
	}
	t.line("")
	t.line("  Each address is a console: open it in a browser and sign in. Begin with Today at the centre, %s/today,", servers[0].URL)
	t.line("  and with Work at site %d, %s/work; docs/tour.md walks through both.", servers[1].Site, servers[1].URL)
	t.line("")
	t.line("  The sites exchange every %s. Things to try, in another window:", interval)
	t.line("")
	centre, site := servers[0], servers[1]
	primary := servers[0]
	for _, a := range servers {
		if mirrored && a.Site == int(primarySite) {
			primary = a
		}
	}
	t.line("  How a site stands:")
	t.line("")
	t.line("    %s status --data %s", program, site.Data)
	t.line("")
	t.line("  An item is renamed on the primary (%s), and reaches site 2:", spot(atoll.SiteID(primary.Site)))
	t.line("")
	t.line("    %s record put item %s --set 'name=Renamed just now' --data %s", program, m.id, primary.Data)
	if primary.Site != centre.Site {
		t.line("    %s sync --data %s", program, primary.Data)
	}
	t.line("    %s sync --data %s", program, site.Data)
	t.line("    %s record get item %s --data %s", program, m.id, site.Data)
	t.line("")
	t.line("  The same over the REST API of site 2 (all of it is at %s/api/v1/docs):", site.URL)
	t.line("")
	t.line("    TOKEN=$(curl -s %s/api/v1/session -H 'Content-Type: application/json' \\", site.URL)
	t.line("      -d '{\"name\":\"%s\",\"password\":\"%s\"}' | sed 's/.*\"token\":\"\\([^\"]*\\).*/\\1/')", site.User, site.Password)
	t.line("    curl -s -H \"Authorization: Bearer $TOKEN\" %s/api/v1/records/item/%s", site.URL, m.id)
	t.line("")
	t.line("  Stop with Ctrl-C.")
}
