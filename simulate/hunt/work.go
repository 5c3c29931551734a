package hunt

import (
	"errors"
	"slices"

	"github.com/atollsync/atoll"
)

// Work is one kind of work that people do.
//
// To add one: write its function in the file of its subject (work_….go) and add its
// line to a table that [Works] joins. The function is called once for each step of
// its kind. It must:
//
//   - draw every choice from d, and from nothing else: no map order, no clock, no
//     global random source. Lists from the fleet are sorted by id;
//   - pick its targets from the state as it stands, and return [ErrIdle] when there
//     is nothing to do it with: the steps before it may be missing;
//   - reach a site's user only through [World.Workers] or by checking
//     [World.Works]: a node may be dead or not initialised;
//   - say what it does before it does it, with [World.Say];
//   - return the error of the program as it is: the world knows which refusals are
//     part of life ([lawfulRefusal]) and which are a defect, and finds out itself what
//     was committed (see account.go). It must not check results: laws do that.
type Work struct {
	Name   string
	Words  string // what it is, for the list of kinds
	Weight int    // how often it happens, compared with the others
	Basic  bool   // part of every story, also of those about something else
	// Apart says that the story rolls other dice for how much there is of it, so that
	// a story without it is the one that was told before there was such work.
	Apart bool
	Do    func(w *World, d Dice) error
}

// Works are all kinds of work.
func Works() []Work {
	return slices.Concat(syncWork, recordWork, stockWork, shipmentWork, configurationWork, moveWork, rightsWork, mergeWork,
		patientWork, homeWork, prescriptionWork, orderWork, siteWork, jobWork, goodsWork, anyWork, versionWork)
}

// ErrIdle is returned by work for which there is nothing to do it with.
var ErrIdle = errors.New("there is nothing to do it with")

func workNamed(name string) (Work, bool) {
	all := Works()
	i := slices.IndexFunc(all, func(w Work) bool { return w.Name == name })
	if i < 0 {
		return Work{}, false
	}
	return all[i], true
}

// lawfulRefusal reports whether a user may be told this in the normal course of
// things: somebody else owns the record, the document has gone on, a rule forbids it.
// Anything else is a defect of the program, or of the one who wrote the work.
func lawfulRefusal(err error) bool {
	switch atoll.CodeOf(err) {
	case atoll.Ownership, atoll.NotHere, atoll.NotVisible, atoll.LifeCycle, atoll.Rule, atoll.Reference, atoll.NotFound,
		atoll.Exists, atoll.Conflict, atoll.BaseVersion, atoll.Initialise, atoll.Denied, atoll.DiskFull:
		return true
	default:
		return false
	}
}
