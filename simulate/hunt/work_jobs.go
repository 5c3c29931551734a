package hunt

import (
	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/handover"
)

// jobWork is what an operator at the centre has sites do.
var jobWork = []Work{
	{Name: "verify", Words: "a site and the centre compare what they hold", Weight: 2, Apart: true, Do: verifyJob},
	{Name: "resync", Words: "the centre sends a site patients, a store, a type or a record again", Weight: 2, Apart: true, Do: resync},
	{Name: "resend", Words: "a site sends the centre again what it owns", Weight: 1, Apart: true, Do: resend},
	{Name: "abort job", Words: "a job is called off", Weight: 1, Apart: true, Do: abortJob},
}

// selection is what a job is about.
func (w *World) selection(d Dice) (handover.Selection, bool) {
	var s handover.Selection
	switch d.IntN(4) {
	case 0:
		store, ok := Pick(d, w.Topology(w.Centre).Stores())
		s.Store = store.ID
		return s, ok
	case 1:
		s.Patients = true
		return s, true
	case 2:
		for _, def := range Some(d, d.Between(1, 4), w.Centre.Catalogue.Types()) {
			s.Types = append(s.Types, def.Type)
		}
		return s, true
	default:
		def, _ := Pick(d, w.Centre.Catalogue.Types())
		r, ok := Pick(d, w.List(w.Centre, def.Type))
		s.Record = r.Key.String()
		return s, ok
	}
}

func (w *World) startJob(d Dice, kind string) error {
	if !w.Alive(w.Centre) {
		return ErrIdle
	}
	n, ok := Pick(d, w.Nodes()[1:])
	s, there := w.selection(d)
	if !ok || !there {
		return ErrIdle
	}
	w.Say("a job for %s: %s %s%s%v%t", n.Name, kind, s.Store, s.Record, s.Types, s.Patients)
	_, _, err := w.Centre.Centre.StartJob(w.Ctx, "tester", central.JobOrder{Kind: kind, Site: n.Identity.Site, Selection: s}, false)
	return err
}

func verifyJob(w *World, d Dice) error {
	if d.Chance(50) {
		return w.startJob(d, handover.Verify)
	}
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok || !w.Alive(w.Centre) {
		return ErrIdle
	}
	repair := d.Chance(50)
	w.Say("%s is to compare all it holds (and repair: %t)", n.Name, repair)
	return w.Centre.Centre.Verify(w.Ctx, "technician", n.Identity.Site, repair)
}

func resync(w *World, d Dice) error {
	if !w.Alive(w.Centre) || d.Chance(70) {
		return w.startJob(d, handover.Resync)
	}
	store, ok := Pick(d, w.Topology(w.Centre).Stores())
	if !ok {
		return ErrIdle
	}
	w.Say("the patients of store %s are sent again", store.Code)
	_, _, err := w.Centre.Centre.ResyncPatients(w.Ctx, "tester", store.ID, false)
	return err
}

func resend(w *World, d Dice) error {
	if !w.Alive(w.Centre) || d.Chance(60) {
		return w.startJob(d, handover.Resend)
	}
	n, ok := Pick(d, w.Nodes()[1:])
	if !ok {
		return ErrIdle
	}
	w.Say("%s is to send all it owns again", n.Name)
	return w.Centre.Centre.Order(w.Ctx, "technician", n.Identity.Site, "resend")
}

func abortJob(w *World, d Dice) error {
	if !w.Alive(w.Centre) {
		return ErrIdle
	}
	jobs, err := w.Centre.Centre.Jobs(w.Ctx)
	if err != nil {
		return err
	}
	var open []atoll.ID
	for _, j := range jobs {
		if handover.Open(j.Step) {
			open = append(open, j.ID)
		}
	}
	id, ok := Pick(d, open)
	if !ok {
		return ErrIdle
	}
	w.Say("a job is called off")
	return w.Centre.Centre.AbortJob(w.Ctx, "tester", id)
}

// workJobs does the centre's part of jobs, as its program does from time to time.
func (w *World) workJobs() error {
	return w.Centre.Centre.WorkJobs(w.Ctx)
}

// jobsOver: when everybody has synchronised no job is under way.
func (w *World) jobsOver() error {
	jobs, err := w.Centre.Centre.Jobs(w.Ctx)
	for _, j := range jobs {
		w.Looked("rest", 1)
		if handover.Open(j.Step) && j.Kind != handover.Primary {
			w.Breach("rest", "a job (%s, site %d) is still at %q", j.Kind, j.Site, j.Step)
		}
	}
	return err
}
