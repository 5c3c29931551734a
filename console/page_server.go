package console

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/support"
)

// condition is one thing that must hold here, and whether it does.
type condition struct {
	Name   string
	Light  string
	Code   atoll.Code // of why it does not
	Detail string
}

type serverData struct {
	Conditions []condition
	Levels     []option
	Lines      []logLine
	Older      int              // lines that the page leaves out
	Mail       *notify.Standing // at the central server
}

type logLine struct {
	support.Line
	Light string
	Word  string // the level, for its words
}

// serverRows is how many lines of the log the page shows.
const serverRows = 100

// machine is the installation, for a reader who may see all of it: its log and what
// support needs are about every store.
func (c *console) machine(v *Visit) (Machine, error) {
	if len(v.User.Stores) > 0 {
		return nil, atoll.Errorf(atoll.Denied, "the log is about every store, and %s is limited to some", v.User.Name).
			Do("ask somebody who looks after all stores")
	}
	if c.Machine == nil {
		return nil, atoll.Errorf(atoll.NotFound, "this console does not know its server")
	}
	return c.Machine, nil
}

// server shows how well this server is and the newest lines of its log (R-I-12).
func (c *console) server(v *Visit) error {
	m, err := c.machine(v)
	if err != nil {
		return err
	}
	var d serverData
	for _, held := range m.Conditions(v.ctx()) {
		row := condition{Name: held.Name, Light: "green"}
		if held.Err != nil {
			row.Light, row.Code, row.Detail = "red", atoll.CodeOf(held.Err), support.Plain(held.Err)
		}
		d.Conditions = append(d.Conditions, row)
	}
	if c.Mail != nil && c.Centre != nil {
		s, err := c.Mail.Standing(v.ctx())
		if err != nil {
			return err
		}
		d.Mail = &s
	}
	level := slog.LevelInfo
	if v.R.FormValue("level") == "warn" {
		level = slog.LevelWarn
	}
	d.Levels = []option{
		{"info", v.T("server.level.info"), level == slog.LevelInfo}, {"warn", v.T("server.level.warn"), level == slog.LevelWarn},
	}
	lines := m.Logged().Lines(level)
	if d.Older = len(lines) - serverRows; d.Older > 0 {
		lines = lines[:serverRows]
	}
	for _, l := range lines {
		row := logLine{Line: l, Light: "grey", Word: "info"}
		switch {
		case l.Level >= slog.LevelError:
			row.Light, row.Word = "red", "error"
		case l.Level >= slog.LevelWarn:
			row.Light, row.Word = "amber", "warn"
		}
		d.Lines = append(d.Lines, row)
	}
	return v.page("server", v.T("server.title"), d)
}

// logFile is the log as it is kept, one JSON object a line.
func (c *console) logFile(v *Visit) error {
	m, err := c.machine(v)
	if err != nil {
		return err
	}
	v.attach("application/x-ndjson", "atoll-log-"+strconv.Itoa(int(c.Here))+".jsonl")
	_, _ = m.Logged().WriteTo(v) // whoever hung up needs no answer
	return nil
}

// supportFile writes one file for support, as it is made. Who takes it stands in the
// audit trail.
func (c *console) supportFile(v *Visit) error {
	m, err := c.machine(v)
	if err != nil {
		return err
	}
	name := "atoll-support-" + strconv.Itoa(int(c.Here)) + "-" + c.Now().UTC().Format("20060102-1504") + ".zip"
	err = m.Bundle(v.ctx(), v.User.Name, begun{v, func() { v.attach("application/zip", name) }})
	if err == nil || v.status == 0 {
		return err
	}
	// It has begun, so only a broken line tells the browser that it is not whole.
	c.Log.WarnContext(v.ctx(), "a file for support was not written to its end", "err", err)
	panic(http.ErrAbortHandler)
}

// begun writes to a visit, after what must be said before the first byte.
type begun struct {
	*Visit
	first func()
}

// Write implements io.Writer.
func (b begun) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.first()
	}
	return b.Visit.Write(p)
}

// attach says that what follows is a file.
func (v *Visit) attach(kind, name string) {
	v.Header().Set("Content-Type", kind)
	v.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
