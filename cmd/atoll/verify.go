package main

import (
	"fmt"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/verify"
)

type verifyCmd struct {
	Site   int  `help:"At the centre: have this site compare all it holds at its next exchange, and show its last comparison." placeholder:"N"`
	Repair bool `help:"Repair what differs, each record from its owner."`
	Log    bool `help:"Show what was repaired here, newest first."`
	Limit  int  `help:"How many rows of the log." default:"50"`
}

// Help tells more.
func (verifyCmd) Help() string {
	return `At a site: synchronises, reads every record here, compares all of them with what the centre has, and names the rows that differ. Records that are equal cost some hundred bytes on the line, however many there are.

At the centre: reads every record here and holds it against what was stored and against the journals. With --site, asks that site to compare at its next exchange.

Digests are compared in every cycle without this, and every record is read once a day; use it when you suspect a disk, after a repair of the machine, or to have it proven now.

Nothing is changed without --repair. What a site owns is stated again through its journal; what it got from others is taken again from the centre; what the centre lost is made again from its journals. Each repair is kept in the log.

  atoll verify                    compare, change nothing
  atoll verify --repair           and repair what differs
  atoll verify --site 7           at the centre: ask site 7
  atoll verify --log              what was repaired here

Exit status 5: something differs, and was not repaired.`
}

// Run compares.
func (c verifyCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		switch {
		case c.Log:
			return c.log(s, h)
		case h.Centre == nil && c.Site != 0:
			return atoll.Errorf(atoll.NotHere, "this is a remote site; it compares itself with the centre").Do("leave out --site")
		case h.Centre == nil:
			return c.atSite(s, h)
		case c.Site != 0:
			return c.order(s, h)
		}
		return c.atCentre(s, h)
	})
}

func (c verifyCmd) log(s *session, h *host.Host) error {
	var rows []verify.Repair
	err := h.Store.View(s.ctx, func(r storage.Reader) (err error) {
		rows, err = verify.Repairs(r, c.Limit)
		return err
	})
	if err != nil {
		return err
	}
	return s.print(rows, func() { s.repairs("Nothing was ever repaired here.", rows) })
}

// what a verdict means, to a technician.
var verdicts = map[verify.Verdict]string{
	verify.Take: "site takes it from the centre", verify.Give: "site's stands, sent again", verify.Drop: "does not belong there, withdrawn",
	verify.Mend: "made again from the journals", verify.Open: "needs a person",
}

func (s *session) repairs(empty string, rows []verify.Repair) {
	var table [][]string
	for _, r := range rows {
		what, ok := verdicts[verify.Verdict(r.Verdict)]
		if !ok {
			what = r.Verdict
		}
		table = append(table, []string{moment(r.At), r.Record, what, blank(r.Had), blank(r.Has), r.Why})
	}
	s.table(empty, []string{"WHEN", "RECORD", "REPAIR", "SITE HAD", "CENTRE HAD", "WHY"}, table)
}

func blank(sum string) string {
	if sum == "" {
		return "-"
	}
	return sum
}

func (c verifyCmd) atSite(s *session, h *host.Host) error {
	var out site.Verified
	err := watched(s, h, func() (err error) {
		out, err = h.Site.Verify(s.ctx, c.Repair)
		return err
	})
	if err != nil {
		return err
	}
	err = s.print(out, func() {
		if out.Not != "" {
			s.say("Nothing could be compared now: %s. Try again in a moment.", out.Not)
			return
		}
		s.say("%d records compared with the central server.", out.Records)
		if out.UnderWay > 0 {
			s.say("%d of them could not be: a change of them is on its way, waits, or was refused.", out.UnderWay)
		}
		if out.Spared > 0 {
			s.say("%d old documents, or parts of them, are at the central server only: this site was spared them.", out.Spared)
		}
		if out.Remade > 0 {
			s.say("%d records here were not as they were stored; they are made again from the journal here.", out.Remade)
		}
		s.repairs("Both ends hold the same.", out.Rows)
		switch {
		case len(out.Rows) == 0:
		case !c.Repair:
			s.say("%d differ. Repair with: atoll verify --repair", len(out.Rows))
		case out.Left() == 0:
			s.say("%d differed; both ends hold the same again.", len(out.Rows))
		default:
			s.say("%d differed; %d are the same again, %d are not. Synchronise and try again; if they stay, they need a person.",
				len(out.Rows), out.Repaired, out.Left())
		}
	})
	switch {
	case err != nil:
		return err
	case out.Not != "":
		return atoll.Errorf(atoll.Busy, "nothing could be compared: %s", out.Not)
	case out.Left() > 0 || !c.Repair && out.Spoiled > 0:
		return unwell
	}
	return nil
}

func (c verifyCmd) atCentre(s *session, h *host.Host) error {
	progress, done := s.bar()
	found, err := h.Centre.Scrub(s.ctx, c.Repair, func(step string, n int) {
		if progress != nil {
			progress(step, int64(n), 0)
		}
	})
	done()
	if err != nil {
		return err
	}
	sites, err := h.Centre.Comparisons(s.ctx)
	if err != nil {
		return err
	}
	differ := 0
	err = s.print(map[string]any{"here": found, "sites": sites}, func() {
		s.say("%d records read.", found.Records)
		s.repairs("Every record here is as it was stored.", found.Rows)
		switch {
		case len(found.Rows) == 0 && found.Audiences == 0:
		case !c.Repair:
			s.say("%d records are not as they were stored, %d digests not those of the records. Repair with: atoll verify --repair", len(found.Rows), found.Audiences)
		default:
			s.say("%d of %d records are made as they were.", found.Repaired, len(found.Rows))
		}
		var rows [][]string
		for _, o := range sites {
			verdict := "the same"
			switch {
			case o.At.IsZero():
				verdict = "not yet row by row"
			case o.Outcome.Differing > o.Outcome.Repaired:
				verdict = fmt.Sprintf("%d of %d records differ", o.Outcome.Differing-o.Outcome.Repaired, o.Outcome.Records)
			case o.Outcome.Repaired > 0:
				verdict = fmt.Sprintf("%d records repaired", o.Outcome.Repaired)
			}
			rows = append(rows, []string{o.Site.String(), moment(o.At), verdict})
		}
		s.table("", []string{"SITE", "LAST COMPARED", "OUTCOME"}, rows)
	})
	for _, o := range sites {
		differ += max(0, o.Outcome.Differing-o.Outcome.Repaired)
	}
	switch {
	case err != nil:
		return err
	case found.Left() > 0 || !c.Repair && found.Audiences > 0 || differ > 0:
		return unwell
	}
	return nil
}

func (c verifyCmd) order(s *session, h *host.Host) error {
	id := atoll.SiteID(c.Site)
	last, err := h.Centre.Comparison(s.ctx, id)
	if err != nil {
		return err
	}
	if err := h.Centre.Verify(s.ctx, s.globals.User, id, c.Repair); err != nil {
		return err
	}
	last.Ordered = true
	err = s.print(last, func() {
		do := "compares all it holds"
		if c.Repair {
			do += " and repairs what differs"
		}
		s.say("Site %d %s at its next exchange. See what came of it with: atoll verify", id, do)
		if !last.At.IsZero() {
			s.say("Last compared %s: %d records, %d differed, %d repaired.", moment(last.At), last.Outcome.Records, last.Outcome.Differing, last.Outcome.Repaired)
		}
	})
	if err == nil && last.Outcome.Differing > last.Outcome.Repaired {
		return unwell
	}
	return err
}

type checkCmd struct{}

// Help tells more.
func (checkCmd) Help() string {
	return `Holds this database to everything that must always hold inside it, and changes nothing: the file, the hash chains of journals, every record against what was stored, digests and indexes against records, the feed against the records' audiences, stock against documents, what was refused, what waits, and how far this site has come.

  atoll check
  atoll check --json

What is wrong with records is repaired with: atoll verify --repair. Exit status 5: something does not hold.`
}

// Run examines the database.
func (checkCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		progress, done := s.bar()
		laws, err := h.Examine(s.ctx, func(law string, n int) {
			if progress != nil {
				progress(law, int64(n), 0)
			}
		})
		done()
		if err != nil {
			return err
		}
		problems := []string{}
		for _, l := range laws {
			problems = append(problems, l.Faults...)
			if more := l.Found - len(l.Faults); more > 0 {
				problems = append(problems, fmt.Sprintf("%s: %d more", l.Name, more))
			}
		}
		if err := s.print(map[string]any{"laws": laws, "problems": problems}, func() {
			var rows [][]string
			for _, l := range laws {
				verdict := "holds"
				if l.Found > 0 {
					verdict = fmt.Sprintf("DOES NOT HOLD: %d", l.Found)
				}
				rows = append(rows, []string{l.Name, l.Words, fmt.Sprint(l.Looked), verdict})
			}
			s.table("", []string{"LAW", "WHAT MUST HOLD", "LOOKED AT", "VERDICT"}, rows)
			if len(problems) == 0 {
				s.say("The database is well.")
			} else {
				s.say("Problems:\n  %s", strings.Join(problems, "\n  "))
				s.say("Records that are not as they were stored are repaired with: atoll verify --repair")
			}
		}); err != nil {
			return err
		}
		if len(problems) > 0 {
			return unwell
		}
		return nil
	})
}
