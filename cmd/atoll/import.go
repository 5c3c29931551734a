package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/gateway/msupply"
	"github.com/atollsync/atoll/host"
)

type importCmd struct {
	Msupply importMsupplyCmd `cmd:"" help:"Read a capture of an mSupply server's answers: items, names, stores, stock, documents."`
}

type importMsupplyCmd struct {
	File   string `arg:"" help:"The capture, a JSON file." type:"path"`
	DryRun bool   `help:"Only say what would be done."`
	Zone   string `help:"Time zone of the other server, such as Africa/Nairobi; it writes times without one." default:"UTC"`
}

// Run imports the capture. A second import of the same file changes nothing.
func (c importMsupplyCmd) Run(s *session) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return atoll.Errorf(atoll.Invalid, "time zone %q is not known", c.Zone).On("zone")
	}
	f, err := os.Open(c.File)
	if err != nil {
		code := atoll.Invalid
		if os.IsNotExist(err) {
			code = atoll.NotFound
		}
		return atoll.Errorf(code, "the capture cannot be read: %w", reason(err))
	}
	defer f.Close()
	return s.atCentre(func(h *host.Host) error {
		o := msupply.Options{
			Writer: msupply.Local{Store: h.Store, Door: h.Station.Door}, Actor: s.globals.User, File: filepath.Base(c.File),
			Catalogue: h.Catalogue, Zone: zone, Now: h.Now, DryRun: c.DryRun,
		}
		if isTerminal(s.errOut) && !s.globals.JSON {
			bar := pb.New(0).SetTemplateString(`{{counters . }} {{bar . }} {{percent . }} {{rtime . "%s left"}}`).SetWriter(s.errOut).Start()
			defer bar.Finish()
			o.Progress = func(done, total int) { bar.SetTotal(int64(total)).SetCurrent(int64(done)) }
		}
		report, err := msupply.Import(s.ctx, f, o)
		if err != nil {
			return err
		}
		if _, err := h.Station.Processors.Run(s.ctx); err != nil {
			return err
		}
		return s.print(report, func() { _ = report.WriteText(s.out) })
	})
}

// reason is what went wrong, without the file's name and the call's.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
