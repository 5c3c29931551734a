package msupply

import (
	"context"
	"io"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/catalogue"
	"github.com/atollsync/atoll/journal"
)

// Options say how to import.
type Options struct {
	// Writer is where to; it is required.
	Writer Writer
	// Actor is who imports; "import" when empty.
	Actor string
	// File is the capture's name, for the journal and the report.
	File string
	// Catalogue is that of the Writer's door; the built-in one when nil.
	Catalogue *catalogue.Catalogue
	// Zone is where the other server's clock is read: it writes times without a
	// zone. UTC when nil.
	Zone *time.Location
	// Progress is told how many records of the capture are done; nil is allowed.
	Progress func(done, total int)
	// Now is the clock for the report's duration; nil leaves it out. The times of
	// entries are the door's.
	Now func() time.Time
	// DryRun writes nothing. The report then says what would be done, as far as the
	// catalogue tells; business rules are asked at the writing only.
	DryRun bool
	// BatchSize is about how many operations one journal entry has; 5,000 if zero.
	BatchSize int
}

const defaultBatch = 5000

// Import reads a capture and writes what is new or changed in it. The whole
// capture is read and translated before anything is written, so that a wrong file
// changes nothing: that fails with atoll.Invalid or atoll.TooLarge. Importing the
// same capture again writes no entry (R-K-25).
//
// A record that cannot be carried over is kept as it came and reported; it stops
// no other. An error that ends the import while it writes leaves what was written
// by then; importing the capture again completes it.
func Import(ctx context.Context, in io.Reader, o Options) (Report, error) {
	report := Report{File: o.File, DryRun: o.DryRun}
	if o.Writer == nil {
		return report, atoll.Errorf(atoll.Internal, "an import needs a Writer")
	}
	o = o.withDefaults()
	var started time.Time
	if o.Now != nil {
		started = o.Now()
	}
	all, err := read(in)
	if err != nil {
		return report, err
	}
	w, superseded := survey(all, tables)
	w.catalogue, w.zone = o.Catalogue, o.Zone
	p := &planner{ctx: ctx, writer: o.Writer, w: w, touched: map[atoll.Key]bool{}, shared: &planned{}}
	w.known, w.noted, w.stored = p.known, p.noted, p.stored
	if err := w.settle(); err != nil {
		return report, err
	}
	plans := make([]*planned, 0, len(w.order))
	for _, s := range w.order {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		one, err := p.plan(s)
		if err != nil {
			return report, err
		}
		plans = append(plans, one)
	}
	if !o.DryRun {
		units, done := p.units(plans), len(plans)
		for _, u := range units {
			done -= u.sources()
		}
		o.Progress(done, len(plans))
		s := &scribe{
			planner: p, most: o.BatchSize, written: map[atoll.Key]bool{},
			edit: journal.Edit{Actor: o.Actor, Cause: atoll.Cause{Kind: "import", Ref: label(o.File)}},
			progress: func(n int) {
				done += n
				o.Progress(done, len(plans))
			},
		}
		err = s.write(units)
		report.Entries = s.entries
	}
	report.count(plans, p.shared.verdicts, superseded)
	if o.Now != nil {
		report.Seconds = o.Now().Sub(started).Seconds()
	}
	return report, err
}

func (o Options) withDefaults() Options {
	if o.Actor = label(o.Actor); o.Actor == "" {
		o.Actor = "import"
	}
	if o.Catalogue == nil {
		o.Catalogue = catalogue.Embedded()
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.BatchSize <= 0 {
		o.BatchSize = defaultBatch
	}
	o.BatchSize = min(o.BatchSize, atoll.MaxOperations)
	return o
}

// label shortens a name to what an entry's actor and cause may have.
func label(s string) string {
	const most = 180
	if len(s) <= most {
		return s
	}
	return s[len(s)-most:]
}

// known finds what an earlier import made of a key, if it is there and of the
// type.
func (p *planner) known(table, key string, to atoll.Type) (atoll.ID, bool, error) {
	kind, id, ok, err := p.noted(table, key)
	if err != nil || !ok || kind != to {
		return "", false, err
	}
	_, _, there, err := p.read(atoll.Key{Type: to, ID: id})
	return id, there, err
}

// noted finds what an earlier import made of a key, deleted since or not.
func (p *planner) noted(table, key string) (atoll.Type, atoll.ID, bool, error) {
	note, _, ok, err := p.read(atoll.Key{Type: externalType, ID: externalID(table, key)})
	return atoll.Type(note.Text("record_type")), note.ID("record_id"), ok, err
}

// stored returns a record of the database, no fields for none.
func (p *planner) stored(key atoll.Key) (atoll.Fields, error) {
	f, _, _, err := p.read(key)
	return f, err
}
