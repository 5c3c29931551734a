package hunt

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/storage"
)

// Fenced notes that work of the site may be refused from now on, because somebody at
// the centre decided so: a store was taken from it by force, a right at once. Any
// other refusal of honest work is a breach of "rest".
func (w *World) Fenced(site atoll.SiteID, why string) {
	if w.fenced == nil {
		w.fenced = map[atoll.SiteID]string{}
	}
	w.fenced[site] = why
}

// provoked reports whether the story itself brought the refusal about.
func (w *World) provoked(r storage.Refusal) (why string, ok bool) {
	if why, ok = w.forged[atoll.Origin{Site: r.Site, Seq: r.Seq}]; ok {
		return why, true
	}
	why, ok = w.fenced[r.Site]
	return why, ok
}

// decide settles what waits in quarantine and was provoked, as the person at the
// centre would: the site gets the true record. It reports whether there was any.
func (w *World) decide() (bool, error) {
	var open []storage.Refusal
	err := w.Centre.Store.View(w.Ctx, func(r storage.Reader) (err error) {
		open, err = r.Refusals(0, true, 0, 0)
		return err
	})
	if err != nil {
		return false, err
	}
	done := false
	for _, r := range open {
		why, ok := w.provoked(r)
		if !ok {
			continue
		}
		if r.Behind == 0 { // what is behind it goes with it
			w.tally.Refusals[string(r.Code)]++
		}
		if _, err := w.Centre.Centre.Decide(w.Ctx, r.ID, central.Return, "tester", why); err != nil && atoll.CodeOf(err) != atoll.NotFound {
			return done, err
		}
		w.Say("the centre returns the truth for entry %d of site %d: %s", r.Seq, r.Site, why)
		done = true
	}
	return done, nil
}
