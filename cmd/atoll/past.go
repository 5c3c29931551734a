package main

import (
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/host"
)

type siteHistoryCmd struct {
	siteArg
	Months int `arg:"" help:"Months; 0 for no limit."`
}

// Help says what the limit does.
func (siteHistoryCmd) Help() string {
	return "Holds from the site's next initialisation on. Documents that are not settled, on either side of a transfer, always come, " +
		"and so do all stock lines; the ledger begins with an opening balance. Older documents: atoll site fetch."
}

// Run limits what a site starts with.
func (c siteHistoryCmd) Run(s *session) error {
	words := "site %d will get all documents when it initialises"
	if c.Months > 0 {
		words = "site %d will get the documents of the last months when it initialises"
	}
	return c.done(s, words, func(h *host.Host, id atoll.SiteID) error {
		return h.Centre.LimitHistory(s.ctx, s.globals.User, id, c.Months)
	})
}

type siteFetchCmd struct {
	Document string  `arg:"" optional:"" help:"Type and id of a document, as invoice/ID. Without it, name a period." placeholder:"TYPE/ID"`
	From     string  `help:"Documents settled from this day on." placeholder:"YYYY-MM-DD"`
	To       string  `help:"Documents settled before this day." placeholder:"YYYY-MM-DD"`
	Store    string  `help:"Only of this store." placeholder:"STORE"`
	Site     siteRef `help:"At the centre: number or name of the site to send them to." placeholder:"SITE"`
}

// Run fetches old documents.
func (c siteFetchCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		p, err := c.past(s, h)
		if err != nil {
			return err
		}
		if h.Centre == nil {
			if err := h.Station.AskPast(s.ctx, s.globals.User, p); err != nil {
				return err
			}
			return s.print(map[string]any{"asked": true}, func() { s.say("Asked. They come with the next cycle: atoll sync") })
		}
		to, err := c.Site.id(s, h)
		if err != nil {
			return err
		}
		if to == 0 {
			return atoll.Errorf(atoll.Invalid, "the centre has all documents").On("site").Do("name the site that shall have them: --site SITE")
		}
		n, err := h.Centre.Fetch(s.ctx, to, p)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"site": to, "documents": n}, func() {
			s.say("Documents on their way to site %d: %d. They come with its next cycle.", to, n)
		})
	})
}

func (c siteFetchCmd) past(s *session, h *host.Host) (p documents.Past, err error) {
	if c.Document != "" {
		kind, id, ok := strings.Cut(c.Document, "/")
		if !ok {
			return p, atoll.Errorf(atoll.Invalid, "%.60q is no document", c.Document).Do("write it as invoice/ID")
		}
		if p.Key.ID, err = atoll.ParseID(id); err != nil {
			return p, err
		}
		p.Key.Type = atoll.Type(kind)
	}
	if p.Store, err = storeID(s, h, c.Store); err != nil {
		return p, err
	}
	for _, day := range []struct {
		name, text string
		into       *time.Time
	}{{"from", c.From, &p.From}, {"to", c.To, &p.To}} {
		if day.text == "" {
			continue
		}
		if *day.into, err = time.ParseInLocation(time.DateOnly, day.text, time.Local); err != nil { //nolint:gosmopolitan // a day where the user is
			return p, atoll.Errorf(atoll.Invalid, "%.40q is no day", day.text).On(day.name).Do("write it as 2026-01-31")
		}
	}
	if !p.From.IsZero() && c.To == "" {
		p.To = time.Now()
	}
	return p, p.Check()
}

type stockLedgerCmd struct{ stockArg }

// Run prints the ledger.
func (c stockLedgerCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		id, err := c.find(s, h)
		if err != nil {
			return err
		}
		l, err := h.Station.Ledger(s.ctx, id)
		if err != nil {
			return err
		}
		return s.print(l, func() {
			rows := [][]string{{"", "opening balance", "", "", l.Opening}}
			for _, m := range l.Movements {
				rows = append(rows, []string{m.At, strings.ReplaceAll(m.Kind, "_", " "), m.Number, m.Packs, m.Balance})
			}
			s.table("", []string{"AT", "WHAT", "NUMBER", "PACKS", "BALANCE"}, append(rows, []string{"", "now", "", "", l.Now}))
		})
	})
}
