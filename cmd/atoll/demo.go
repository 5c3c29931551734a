package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/demo"
)

type demoCmd struct {
	Once     bool     `help:"End after the scenarios; otherwise the servers stay up until Ctrl-C."`
	Mirrored bool     `help:"Play the mirrored system: central data is edited on a remote primary."`
	Only     []string `help:"Play these scenarios only." placeholder:"R-C-53"`
	Story    bool     `help:"Tell what is done in each scenario, step by step. So it is with --only."`
	List     bool     `help:"List the scenarios, and play none."`
	Dir      string   `help:"Keep the data in this directory, which must be empty; otherwise it is removed at the end." placeholder:"DIR" type:"path"`
	Seed     uint64   `help:"Draw other stock, cuts and orders of syncs." default:"1"`
	LeaveOut int      `help:"Leave out all syncs of a site in the scenarios, to see that faults are noticed." placeholder:"SITE"`
}

// Help tells about --data, which means something else here.
func (demoCmd) Help() string {
	return "With --data naming a file, the items come from that capture of another system's data (see: atoll import). " +
		"The status is 5 when a scenario did not hold, or the databases differ at the end."
}

// Run plays the demo, and keeps its servers up unless told otherwise.
func (c demoCmd) Run(s *session) (err error) {
	if c.List {
		return c.list(s)
	}
	o := demo.Options{
		Dir: c.Dir, Mirrored: c.Mirrored, Only: c.Only, Seed: c.Seed, LeaveOut: atoll.SiteID(c.LeaveOut), App: version(), Log: c.logger(s),
		Story: c.Story || len(c.Only) > 0,
	}
	if o.Capture, err = capture(s.globals.Data); err != nil {
		return err
	}
	if !s.globals.JSON {
		o.Out, o.Colour = s.out, isTerminal(s.out) && os.Getenv("NO_COLOR") == ""
	}
	d, err := demo.Start(s.ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := d.Close(); err == nil {
			err = cerr
		}
	}()
	report, err := d.Play(s.ctx)
	if err != nil {
		return err
	}
	if !c.Once {
		if report.Servers, err = d.Open(s.ctx, program()); err != nil {
			return err
		}
	}
	if err := s.print(report, func() {}); err != nil {
		return err
	}
	if !c.Once {
		if err := d.Wait(s.ctx); err != nil {
			return err
		}
	}
	if !report.Well() {
		return unwell
	}
	return nil
}

func (demoCmd) list(s *session) error {
	all := demo.Scenarios()
	return s.print(all, func() {
		var rows [][]string
		for _, sc := range all {
			when := ""
			switch {
			case sc.Absent != "":
				when = "not in this version"
			case sc.Mirrored:
				when = "with --mirrored"
			}
			rows = append(rows, []string{sc.ID, sc.Part, sc.Title, when})
		}
		s.table("There are none.", []string{"SCENARIO", "PART", "WHAT IT SHOWS", ""}, rows)
	})
}

// capture is the file that --data names, "" without one. For other commands --data
// is the directory of the installation; the demo has directories of its own.
func capture(data string) (string, error) {
	if data == "" {
		return "", nil
	}
	info, err := os.Stat(data)
	if err != nil {
		return "", atoll.Errorf(atoll.NotFound, "the capture %s cannot be read: %w", data, reason(err))
	}
	if info.IsDir() {
		return "", atoll.Errorf(atoll.Invalid, "%s is a directory; the demo makes its own", data).
			Do("name the file of a capture with --data, and where to keep the demo's data with --dir")
	}
	return data, nil
}

// program is how to call this program from a shell.
func program() string {
	name := os.Args[0]
	if exe, err := os.Executable(); err == nil && strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run ./cmd/atoll"
	}
	return name
}

// logger writes the servers' log if it was asked for; otherwise the story is all
// there is to read.
func (demoCmd) logger(s *session) *slog.Logger {
	if s.globals.LogLevel == "" {
		return slog.New(slog.DiscardHandler)
	}
	return s.logger()
}
