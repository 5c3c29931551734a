package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/bench"
)

type benchCmd struct {
	Only    []string `help:"Run these workloads only." placeholder:"W1"`
	Short   bool     `help:"Run everything small, to see that it works; the figures mean nothing."`
	List    bool     `help:"List the workloads, and run none."`
	Dir     string   `help:"Where the databases are made: name a directory on the disk you mean to use. Removed at the end." placeholder:"DIR" type:"path"`
	Write   string   `help:"Write method, machine and figures to this file, as a page in Markdown." placeholder:"FILE" type:"path"`
	Profile string   `help:"Write a profile of the processor time of the first workload to this file, for: go tool pprof." placeholder:"FILE" type:"path"`
}

// Help tells what it costs, and gives an example.
func (benchCmd) Help() string {
	return "Measures what Atoll costs beside a bare loop that moves the same records durably and does nothing else. All of it takes about ten minutes, " +
		"uses 3 GB of disk, and wants the machine to itself. For example: atoll bench --only W1,W5 --dir /srv/data"
}

// Run measures, and prints what came of it.
func (c benchCmd) Run(s *session) (err error) {
	if c.List {
		return c.list(s)
	}
	o := bench.Options{Dir: c.Dir, Only: c.Only, Short: c.Short, Now: time.Now, Log: demoCmd{}.logger(s), Progress: c.progress(s)}
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return atoll.Errorf(atoll.Denied, "the profile cannot be written: %w", err)
		}
		defer f.Close()
		o.Profile = f
	}
	o.Ended = c.write // what is measured stays, whatever happens to the rest
	report, err := bench.Run(s.ctx, o)
	if err != nil {
		return err
	}
	if err := s.print(report, func() { s.say("%s", report.Text()) }); err != nil {
		return err
	}
	if !report.Well() && !c.Short {
		return unwell
	}
	return nil
}

// write writes the page, and keeps what people wrote on the one before.
func (c benchCmd) write(report bench.Report) error {
	if c.Write == "" {
		return nil
	}
	before, err := os.ReadFile(c.Write)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(c.Write, []byte(report.Page(string(before))), 0o644) //nolint:gosec // a page for everybody
	}
	if err != nil {
		return atoll.Errorf(atoll.Denied, "the page cannot be written: %w", err)
	}
	return nil
}

func (benchCmd) list(s *session) error {
	type row struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	var all []row
	for _, w := range bench.Workloads() {
		all = append(all, row{w[0], w[1]})
	}
	return s.print(all, func() {
		var rows [][]string
		for _, w := range all {
			rows = append(rows, []string{w.ID, w.Title})
		}
		s.table("There are none.", []string{"WORKLOAD", "WHAT IS MEASURED"}, rows)
	})
}

// progress tells what is being done: on a terminal in one line that changes, and
// otherwise in a line now and then, so that a log shows that it goes on.
func (benchCmd) progress(s *session) func(bench.Progress) {
	if s.globals.JSON {
		return nil
	}
	var mu sync.Mutex
	began := time.Now()
	var last time.Time
	var workload string
	terminal := isTerminal(s.errOut)
	return func(p bench.Progress) {
		mu.Lock()
		defer mu.Unlock()
		done := ""
		if p.Of > 0 {
			done = fmt.Sprintf(" (%d of %d)", p.Done, p.Of)
		}
		if !terminal {
			if p.Workload != workload || time.Since(last) > 10*time.Second {
				workload, last = p.Workload, time.Now()
				_, _ = fmt.Fprintf(s.errOut, "%6s  %-3s %s%s\n", time.Since(began).Truncate(time.Second), p.Workload, p.Words, done)
			}
			return
		}
		_, _ = fmt.Fprintf(s.errOut, "\r\x1b[K%6s  %-3s %s%s", time.Since(began).Truncate(time.Second), p.Workload, p.Words, done)
	}
}
