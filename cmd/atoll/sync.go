package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"

	"github.com/atollsync/atoll/api"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/site"
)

type syncCmd struct {
	Watch    bool          `help:"Go on: show the status as it changes, until interrupted. Cycles are run by atoll serve."`
	Pause    bool          `help:"Stop the schedule; a sync by hand still works, and changes are kept." xor:"what"`
	Disable  bool          `help:"Stop all synchronisation; changes are kept." xor:"what"`
	Resume   bool          `help:"End a pause." xor:"what"`
	Enable   bool          `help:"End a disablement." xor:"what"`
	Interval time.Duration `help:"Time between cycles, such as 5m." placeholder:"DURATION"`
	Batch    int           `help:"Largest number of records in one exchange, 10 to 500; 0 leaves it to how fast the line is." default:"-1" placeholder:"N"`
	Reason   string        `help:"Why, for --pause and --disable." placeholder:"TEXT"`
}

// Run exchanges with the centre.
func (c syncCmd) Run(s *session) error {
	return s.atSite(func(h *host.Host) error {
		if c.Pause || c.Disable || c.Resume || c.Enable || c.Interval != 0 || c.Batch >= 0 {
			return c.configure(s, h)
		}
		if c.Watch {
			return watch(s, h)
		}
		row, err := cycle(s, h)
		if err != nil {
			return err
		}
		return s.print(cycleOf(row), func() { s.say("%s", sentence(row)) })
	})
}

func (c syncCmd) configure(s *session, h *host.Host) error {
	err := h.Site.Configure(s.ctx, s.globals.User, func(set *site.Settings) {
		switch {
		case c.Pause:
			set.Paused, set.Reason = true, c.Reason
		case c.Disable:
			set.Disabled, set.Reason = true, c.Reason
		case c.Resume, c.Enable:
			set.Paused, set.Disabled, set.Reason = false, false, ""
		}
		if c.Interval != 0 {
			set.Interval = c.Interval
		}
		if c.Batch >= 0 {
			set.Batch = c.Batch
		}
	})
	if err != nil {
		return err
	}
	set, err := h.Site.Settings(s.ctx)
	if err != nil {
		return err
	}
	return s.print(settingsOf(set), func() {
		switch {
		case set.Disabled:
			s.say("Synchronisation is disabled; changes are kept.")
		case set.Paused:
			s.say("Synchronisation is paused; changes are kept. Resume with: atoll sync --resume")
		default:
			s.say("Synchronisation runs every %s.", set.Interval)
		}
	})
}

// cycle runs one cycle with a progress bar.
func cycle(s *session, h *host.Host) (row site.Cycle, err error) {
	err = watched(s, h, func() (err error) {
		row, err = h.Site.Cycle(s.ctx)
		return err
	})
	return row, err
}

// watched shows on a terminal how far the exchanges of the work have come.
func watched(s *session, h *host.Host, work func() error) error {
	if h.Site == nil || !isTerminal(s.errOut) || s.globals.JSON {
		return work()
	}
	var mu sync.Mutex
	var bar *pb.ProgressBar
	step := ""
	h.Site.Hooks.Progress = func(p site.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Step != step {
			if bar != nil {
				bar.Finish()
			}
			bar, step = nil, p.Step
		}
		if p.Total <= 0 {
			return
		}
		if bar == nil {
			bar = pb.New64(p.Total).SetTemplateString(`{{string . "step"}} {{counters . }} {{bar . }} {{percent . }} {{rtime . "%s left"}}`)
			bar.Set("step", fmt.Sprintf("%-9s", p.Step)).SetWriter(s.errOut).Start()
		}
		bar.SetTotal(p.Total).SetCurrent(p.Done)
	}
	err := work()
	mu.Lock()
	defer mu.Unlock()
	if bar != nil {
		bar.Finish()
	}
	return err
}

// sentence tells a cycle in words.
func sentence(r site.Cycle) string {
	parts := []string{}
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, strconv.Itoa(n)+" "+many)
		}
	}
	add(r.Applied, "change sent", "changes sent")
	add(r.Quarantined, "change refused (see: atoll quarantine list)", "changes refused (see: atoll quarantine list)")
	add(r.Received, "record received", "records received")
	add(r.Retracted+r.Integrated.Retracted, "record withdrawn", "records withdrawn")
	add(r.Integrated.Waiting, "record waiting for others", "records waiting for others")
	if len(parts) == 0 {
		parts = append(parts, "nothing new on either side")
	}
	return fmt.Sprintf("In step: %s. %s out, %s in, %s.", strings.Join(parts, ", "),
		humanize.Bytes(uint64(max(0, r.BytesOut))), humanize.Bytes(uint64(max(0, r.BytesIn))), r.Took.Round(time.Millisecond))
}

func watch(s *session, h *host.Host) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		st, err := h.Site.Status(s.ctx)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("[%s] %s", st.Light, st.Words)
		if line != last {
			if err := s.print(standingOf(st), func() { s.say("%s  %s", time.Now().Format("15:04:05"), line) }); err != nil {
				return err
			}
			last = line
		}
		select {
		case <-s.ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

type statusCmd struct{}

// Run tells how the installation stands.
func (statusCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		if h.Centre != nil {
			return centreStatus(s, h)
		}
		st, err := h.Site.Status(s.ctx)
		if err != nil {
			return err
		}
		err = s.print(standingOf(st), func() {
			if st.Site == 0 {
				s.say("A remote site that is not enrolled yet")
			} else {
				s.say("Site %d, %s", st.Site, h.Station.Identity.Name)
			}
			s.say("%s: %s.", strings.ToUpper(string(st.Light)), st.Words)
			if st.Advice != "" {
				s.say("What to do: %s.", strings.TrimSuffix(st.Advice, "."))
			}
			if !st.AsOf.IsZero() {
				s.say("Data from elsewhere is as of %s.", moment(st.AsOf))
			}
		})
		if err == nil && st.Light == site.Red {
			return unwell
		}
		return err
	})
}

func centreStatus(s *session, h *host.Host) error {
	sites, err := h.Centre.Sites(s.ctx)
	if err != nil {
		return err
	}
	connected, err := h.Centre.Connections(s.ctx, 0)
	if err != nil {
		return err
	}
	counts, err := h.Station.Counts(s.ctx)
	if err != nil {
		return err
	}
	views := sitesOf(sites)
	for i := range views {
		views[i].Connection = api.ConnectionViewOf(connected[views[i].Site])
	}
	total, refused := 0, 0
	for _, n := range counts {
		total += n
	}
	for _, st := range sites {
		refused += st.Quarantined
	}
	return s.print(map[string]any{"sites": views, "records": counts, "quarantined": refused}, func() {
		s.say("The central server of %s: %s records, %d %s, %d changes in quarantine.\n", h.Station.Identity.Name,
			humanize.Comma(int64(total)), len(sites), map[bool]string{true: "site", false: "sites"}[len(sites) == 1], refused)
		printSites(s, sites)
		printConnections(s, views)
	})
}

type logCmd struct {
	Limit int     `help:"How many rows." default:"20"`
	Site  siteRef `help:"Of one site only, by number or name (at the centre)." placeholder:"SITE"`
}

// Run prints the sync log.
func (c logCmd) Run(s *session) error {
	return s.with(func(h *host.Host) error {
		if h.Centre != nil {
			of, err := c.Site.id(s, h)
			if err != nil {
				return err
			}
			rows, err := h.Centre.SyncLog(s.ctx, of, c.Limit)
			if err != nil {
				return err
			}
			return s.print(each(rows, exchangeOf), func() {
				var t [][]string
				for _, r := range rows {
					t = append(t, []string{
						moment(r.Started), r.Site.String(), fmt.Sprint(r.Offered), fmt.Sprint(r.Applied), fmt.Sprint(r.Duplicate),
						fmt.Sprint(r.Quarantined), fmt.Sprint(r.Sent), r.Took.Round(time.Millisecond).String(), r.Error,
					})
				}
				s.table("No site has come yet.", []string{"WHEN", "SITE", "OFFERED", "APPLIED", "DUPLICATE", "QUARANTINED", "SENT", "TOOK", "ERROR"}, t)
			})
		}
		rows, err := h.Site.SyncLog(s.ctx, c.Limit)
		if err != nil {
			return err
		}
		return s.print(each(rows, cycleOf), func() {
			var t [][]string
			for _, r := range rows {
				t = append(t, []string{
					moment(r.Started), fmt.Sprint(r.Offered), fmt.Sprint(r.Applied), fmt.Sprint(r.Duplicate), fmt.Sprint(r.Quarantined),
					fmt.Sprint(r.Received), humanize.Bytes(uint64(r.BytesOut)), humanize.Bytes(uint64(r.BytesIn)),
					r.Took.Round(time.Millisecond).String(), r.Error,
				})
			}
			s.table("No cycle has run yet. Run one with: atoll sync",
				[]string{"WHEN", "OFFERED", "APPLIED", "DUPLICATE", "QUARANTINED", "RECEIVED", "OUT", "IN", "TOOK", "ERROR"}, t)
		})
	})
}
