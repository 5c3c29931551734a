package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// Concern is one thing that asks for attention. Its key is the same for as long as it
// lasts; its number may change meanwhile.
type Concern struct {
	Key  string // "silent/4"
	Kind string // Silent, Refused, Waiting, HeldUp or Server
	Site string // its name; empty for the system
	N    int
	Code atoll.Code // of Server
}

// The kinds of concern.
const (
	Silent  = "silent"  // N hours
	Refused = "refused" // N changes
	Waiting = "waiting" // N changes
	HeldUp  = "held_up" // N documents
	Server  = "server"  // the central server itself, with a code
)

// Words writes a letter in a language: what is new, and what still lasts.
type Words func(language string, fresh, still []Concern) (subject, body string)

// shelf is where settings, what was told and letters are kept: with the database, and
// never synchronised. A copy for support does not have it.
const (
	shelf   = "mail"
	mailbox = "mail letters" // letters by id
)

// Shelves are their names, for who leaves them out of a copy.
var Shelves = []string{shelf, mailbox}

// Office writes letters and sends them.
type Office struct {
	Store storage.Store
	Now   func() time.Time
	Log   *slog.Logger
	Words Words
	// Trial writes a letter that says that mail works.
	Trial func(language string) (subject, body string)
	// Note keeps in the journal who changed the settings; nil does not.
	Note func(ctx context.Context, actor, what string) error
	// Roots are the authorities that mail servers are believed by; those of the system
	// when nil.
	Roots *x509.CertPool
}

// letter is one that is to be sent.
type letter struct {
	ID       atoll.ID  `json:"id"`
	Written  time.Time `json:"written"`
	Subject  string    `json:"subject"`
	Body     string    `json:"body"`
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next"`
	// Handed says since when the mail server may have it: from then on it is not sent
	// again, whatever happens.
	Handed time.Time `json:"handed,omitzero"`
}

// Outcome is what became of the last letter.
type Outcome struct {
	At      time.Time  `json:"at,omitzero"`
	OK      bool       `json:"ok"`
	Unsure  bool       `json:"unsure,omitempty"` // it was handed over, and nothing was heard: it may have arrived
	Code    atoll.Code `json:"code,omitempty"`
	Message string     `json:"message,omitempty"`
}

// Standing is how mail stands.
type Standing struct {
	Settings    Settings  // without the password
	HasPassword bool      // there is one
	Letters     int       // that wait to be sent
	Next        time.Time // when the first of them is tried
	Last        Outcome
}

// Standing tells how mail stands.
func (o *Office) Standing(ctx context.Context) (out Standing, err error) {
	err = o.Store.View(ctx, func(r storage.Reader) error {
		s, err := load(r)
		if err != nil {
			return err
		}
		out = Standing{Settings: s.Public(), HasPassword: s.Password != ""}
		letters, err := storage.Listed[letter](r, mailbox, "", 0, false)
		if err != nil {
			return err
		}
		for _, l := range letters {
			if out.Letters++; out.Next.IsZero() || l.Next.Before(out.Next) {
				out.Next = l.Next
			}
		}
		return optional(storage.Load(r, shelf, "last", &out.Last))
	})
	return out, err
}

func load(r storage.Reader) (Settings, error) {
	s := Defaults()
	return s, optional(storage.Load(r, shelf, "settings", &s))
}

func optional(err error) error {
	if errors.Is(err, atoll.NotFound) {
		return nil
	}
	return err
}

// Set changes the settings. An empty password keeps the one that is there, as long as
// server and user stay the same: a password is for the server that it was given for.
// Without a server mail is off, and everything about it is forgotten.
func (o *Office) Set(ctx context.Context, actor string, s Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	err := o.Store.Update(ctx, func(tx storage.Tx) error {
		was, err := load(tx)
		if err != nil {
			return err
		}
		if !s.On() {
			return storage.Clear(tx, Shelves...)
		}
		if s.Password == "" && was.Server == s.Server && was.User == s.User {
			s.Password = was.Password
		}
		return storage.Save(tx, shelf, "settings", s)
	})
	if err != nil || o.Note == nil {
		return err
	}
	what := "mail is sent through " + s.Server
	if !s.On() {
		what = "mail is switched off"
	}
	return o.Note(ctx, actor, what)
}

// Look compares what asks for attention with what was told, and writes a letter when
// there is something new, or something was told long ago and lasts. What is over is
// forgotten: it is told anew when it comes back.
func (o *Office) Look(ctx context.Context, now []Concern) error {
	return o.Store.Update(ctx, func(tx storage.Tx) error {
		s, err := load(tx)
		if err != nil || !s.On() {
			return err
		}
		told := map[string]time.Time{}
		if err := optional(storage.Load(tx, shelf, "told", &told)); err != nil {
			return err
		}
		before := maps.Clone(told)
		at := o.Now().UTC()
		var fresh, still []Concern
		lasts := map[string]bool{}
		for _, c := range now {
			lasts[c.Key] = true
			since, known := told[c.Key]
			if known && (s.RepeatHours == 0 || at.Sub(since) < s.repeat()) {
				still = append(still, c)
				continue
			}
			fresh = append(fresh, c)
			told[c.Key] = at
		}
		maps.DeleteFunc(told, func(key string, _ time.Time) bool { return !lasts[key] })
		if maps.Equal(told, before) {
			return nil
		}
		if err := storage.Save(tx, shelf, "told", told); err != nil || len(fresh) == 0 {
			return err
		}
		l := letter{ID: atoll.NewID(o.Now()), Written: at, Next: at}
		l.Subject, l.Body = o.Words(s.Language, fresh, still)
		return storage.Save(tx, mailbox, string(l.ID), l)
	})
}

// patience is how long a letter is tried: after each failure a while longer.
var patience = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// Post sends the letters that are due. What the mail server certainly does not have is
// tried again later; what it may have is not. The error is of the database; what became
// of letters stands in the log and in [Office.Standing].
func (o *Office) Post(ctx context.Context) error {
	var due []letter
	var s Settings
	err := o.Store.View(ctx, func(r storage.Reader) (err error) {
		if s, err = load(r); err != nil || !s.On() {
			return err
		}
		due, err = storage.Listed[letter](r, mailbox, "", 0, false)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range slices.SortedFunc(slices.Values(due), func(a, b letter) int { return a.Written.Compare(b.Written) }) {
		if l.Next.After(o.Now()) {
			continue
		}
		if err := o.post(ctx, s, l); err != nil {
			return err
		}
	}
	return nil
}

func (o *Office) post(ctx context.Context, s Settings, l letter) error {
	if !l.Handed.IsZero() { // this program ended while it was handed over
		return o.settle(ctx, l, Outcome{At: o.Now(), Unsure: true, Code: atoll.Interrupted, Message: "the program ended while the letter was handed over"})
	}
	err := o.deliver(ctx, s, message{ID: l.ID, At: l.Written, Subject: l.Subject, Body: l.Body}, func() error {
		l.Handed = o.Now().UTC()
		return o.Store.Update(ctx, func(tx storage.Tx) error { return storage.Save(tx, mailbox, string(l.ID), l) })
	})
	out := Outcome{At: o.Now(), OK: err == nil, Unsure: errors.Is(err, errUnsure), Code: atoll.CodeOf(err)}
	if err != nil {
		out.Message = err.Error()
	}
	if out.OK || out.Unsure {
		return o.settle(context.WithoutCancel(ctx), l, out)
	}
	l.Handed = time.Time{}
	if l.Attempts++; l.Attempts > len(patience) {
		out.Message += "; it was tried for days and is given up"
		return o.settle(context.WithoutCancel(ctx), l, out)
	}
	l.Next = o.Now().UTC().Add(patience[l.Attempts-1])
	o.Log.WarnContext(ctx, "a letter could not be sent, and is tried again", "err", err, "next", l.Next)
	return o.Store.Update(context.WithoutCancel(ctx), func(tx storage.Tx) error {
		return errors.Join(storage.Save(tx, mailbox, string(l.ID), l), storage.Save(tx, shelf, "last", out))
	})
}

// settle ends a letter, one way or another.
func (o *Office) settle(ctx context.Context, l letter, out Outcome) error {
	if !out.OK {
		o.Log.ErrorContext(ctx, "a letter was not sent for certain", "err", out.Message, "unsure", out.Unsure, "attempts", l.Attempts)
	}
	return o.Store.Update(ctx, func(tx storage.Tx) error {
		return errors.Join(tx.Drop(mailbox, string(l.ID)), storage.Save(tx, shelf, "last", out))
	})
}

// Test sends one letter at once, which says that mail works, with the settings that are
// in force.
func (o *Office) Test(ctx context.Context) error {
	s, err := o.on(ctx)
	if err != nil {
		return err
	}
	subject, body := o.Trial(s.Language)
	return o.deliver(ctx, s, message{ID: atoll.NewID(o.Now()), At: o.Now(), Subject: subject, Body: body}, func() error { return nil })
}

// Probe reaches the mail server and signs in, and sends nothing (R-I-29).
func (o *Office) Probe(ctx context.Context) error {
	s, err := o.on(ctx)
	if err != nil {
		return err
	}
	c, err := o.reach(ctx, s)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Quit()
}

func (o *Office) on(ctx context.Context) (s Settings, err error) {
	err = o.Store.View(ctx, func(r storage.Reader) (err error) { s, err = load(r); return err })
	if err == nil && !s.On() {
		err = atoll.Errorf(atoll.NotFound, "no mail server is set").Do("set one: atoll mail set --server HOST:PORT --from ADDRESS --to ADDRESS")
	}
	return s, err
}
