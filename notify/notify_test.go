package notify_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/notify/notifytest"
	"github.com/atollsync/atoll/storage/memory"
)

const password = "twelve-grey-herons"

// post is an office with a clock that the test winds, and the mail server it uses.
type post struct {
	*notify.Office
	t    *testing.T
	now  time.Time
	mail *notifytest.Server
}

func newPost(t *testing.T) *post {
	p := &post{t: t, now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), mail: notifytest.New(t)}
	p.Office = p.open()
	return p
}

// open is the office of a program that has just been started over the same database.
func (p *post) open() *notify.Office {
	o := &notify.Office{
		Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler),
		Words: func(language string, fresh, still []notify.Concern) (string, string) {
			return fmt.Sprintf("%d new, %d still\r\nBcc: evil@example.org", len(fresh), len(still)), fmt.Sprintf("%s: %+v\né", language, fresh)
		},
	}
	o.Trial = func(string) (string, string) { return "A test", "It works." }
	if p.Office != nil {
		o.Store = p.Store
	} else {
		o.Store = memory.Open(memory.NewDisk(), memory.Options{})
		p.t.Cleanup(func() { _ = o.Store.Close() })
	}
	return o
}

func (p *post) set(change func(*notify.Settings)) {
	p.t.Helper()
	s := notify.Defaults()
	s.Server, s.Security, s.From, s.To = p.mail.Address, notify.Plain, "Atoll <atoll@example.org>", []string{"amina@example.org", "Joseph <joseph@example.org>"}
	if change != nil {
		change(&s)
	}
	if err := p.Set(p.t.Context(), "administrator", s); err != nil {
		p.t.Fatal(err)
	}
}

// tell has it look at what asks for attention, and send what there is.
func (p *post) tell(now ...notify.Concern) {
	p.t.Helper()
	if err := p.Look(p.t.Context(), now); err != nil {
		p.t.Fatal(err)
	}
	if err := p.Post(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) letters(want int) []notifytest.Letter {
	p.t.Helper()
	got := p.mail.Letters()
	if len(got) != want {
		p.t.Fatalf("%d letters arrived, want %d: %+v", len(got), want, got)
	}
	return got
}

var (
	silent = notify.Concern{Key: "silent/4", Kind: notify.Silent, Site: "Mulago", N: 80}
	held   = notify.Concern{Key: "held_up", Kind: notify.HeldUp, N: 3}
)

// R-I-23: a letter goes out when there is something to tell, and only then; what lasts
// is told again after the time that was chosen, and what came back is told anew.
func TestR_I_23_OnlyWhenThereIsSomethingToTell(t *testing.T) {
	p := newPost(t)
	p.tell(silent) // mail is off
	p.letters(0)
	p.set(func(s *notify.Settings) { s.Language = "fr" })
	p.tell()
	p.letters(0)
	p.tell(silent)
	first := p.letters(1)[0]
	if first.From != "atoll@example.org" || strings.Join(first.To, " ") != "amina@example.org joseph@example.org" {
		t.Errorf("%+v", first)
	}
	if h := first.Header; h.Get("Subject") != "1 new, 0 still Bcc: evil@example.org" || h.Get("Bcc") != "" || h.Get("Auto-Submitted") != "auto-generated" ||
		!strings.HasSuffix(h.Get("Message-Id"), "@example.org>") {
		t.Errorf("%v", h)
	}
	if !strings.HasPrefix(first.Body, "fr: ") || !strings.Contains(first.Body, "Mulago") || !strings.Contains(first.Body, "é") {
		t.Errorf("%q", first.Body)
	}
	louder := silent
	louder.N = 90
	p.tell(louder)
	p.letters(1)
	p.tell(louder, held)
	if got := p.letters(2)[1].Header.Get("Subject"); !strings.HasPrefix(got, "1 new, 1 still") {
		t.Error(got)
	}
	p.now = p.now.Add(168 * time.Hour)
	p.tell(silent, held)
	p.letters(3)
	p.tell(held) // the site was heard
	p.tell(held, silent)
	p.letters(4)
}

// R-I-23: a letter that the mail server refuses is tried again later, and arrives once.
func TestR_I_23_TriedAgain(t *testing.T) {
	for _, command := range []string{"MAIL", "RCPT", "DATA", "END"} {
		t.Run(command, func(t *testing.T) {
			p := newPost(t)
			p.set(nil)
			p.mail.Refuse(command, "451 try later")
			p.tell(silent)
			p.tell(silent) // not yet
			if n := p.mail.Tries(); n != 1 {
				t.Errorf("tried %d times at once", n)
			}
			s, err := p.Standing(t.Context())
			if err != nil || s.Letters != 1 || s.Last.OK || !strings.Contains(s.Last.Message, "try later") {
				t.Errorf("%+v %v", s, err)
			}
			p.mail.Refuse(command, "")
			p.now = p.now.Add(2 * time.Minute)
			p.Office = p.open() // the program was started again meanwhile
			p.tell(silent)
			p.letters(1)
			if s, err := p.Standing(t.Context()); err != nil || s.Letters != 0 || !s.Last.OK {
				t.Errorf("%+v %v", s, err)
			}
			p.now = p.now.Add(time.Hour)
			p.tell(silent)
			p.letters(1)
		})
	}
}

// R-I-23: no letter is sent twice: not when the mail server took it and nothing was
// heard of that, and not when the program ended right then.
func TestR_I_23_NeverTwice(t *testing.T) {
	p := newPost(t)
	p.set(nil)
	p.mail.HangUp(true)
	p.tell(silent)
	p.letters(1)
	s, err := p.Standing(t.Context())
	if err != nil || s.Letters != 0 || !s.Last.Unsure {
		t.Errorf("%+v %v", s, err)
	}
	p.mail.HangUp(false)
	for range 5 {
		p.now = p.now.Add(24 * time.Hour)
		p.tell(silent)
	}
	p.letters(1)
}

// R-I-23: who cannot be reached does not keep the letter from the others, and a letter
// that nobody takes for days is given up.
func TestR_I_23_GivenUp(t *testing.T) {
	p := newPost(t)
	p.set(nil)
	p.mail.Refuse("END", "550 never")
	for range 30 {
		p.tell(silent)
		p.now = p.now.Add(6 * time.Hour)
	}
	if s, err := p.Standing(t.Context()); err != nil || s.Letters != 0 && s.Last.OK {
		t.Errorf("%+v %v", s, err)
	}
	if n := p.mail.Tries(); n < 9 || n > 25 {
		t.Errorf("tried %d times", n)
	}
	p.letters(0)
}

// R-I-29: whether mail works is known without sending any; a password is sent to the
// server that it was given for, and told to nobody.
func TestR_I_29_WhetherMailWorks(t *testing.T) {
	p := newPost(t)
	if err := p.Probe(t.Context()); !errors.Is(err, atoll.NotFound) {
		t.Errorf("without settings: %v", err)
	}
	p.mail.Want("atoll", password)
	p.set(func(s *notify.Settings) { s.User, s.Password = "atoll", password })
	if err := p.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	p.letters(0)
	if err := p.Test(t.Context()); err != nil {
		t.Error(err)
	}
	p.letters(1)
	p.set(func(s *notify.Settings) { s.User = "atoll" }) // the password stays
	s, err := p.Standing(t.Context())
	if err != nil || !s.HasPassword || s.Settings.Password != "" {
		t.Errorf("%+v %v", s, err)
	}
	if err := p.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	p.set(func(s *notify.Settings) {
		s.User, s.Server = "atoll", strings.Replace(s.Server, "127.0.0.1", "localhost", 1)
	})
	if s, _ := p.Standing(t.Context()); s.HasPassword {
		t.Error("another server gets the password of the first")
	}
	p.set(func(s *notify.Settings) { s.User, s.Password = "atoll", "eleven-grey-herons" })
	if err := p.Probe(t.Context()); !errors.Is(err, atoll.Denied) || strings.Contains(err.Error(), "herons") {
		t.Errorf("%v", err)
	}
	p.set(func(s *notify.Settings) { s.Security = notify.StartTLS })
	if err := p.Probe(t.Context()); !errors.Is(err, atoll.Unavailable) || !strings.Contains(err.Error(), "does not encrypt") {
		t.Errorf("%v", err)
	}
	if err := p.Set(t.Context(), "administrator", notify.Settings{}); err != nil {
		t.Error(err)
	}
	if s, err := p.Standing(t.Context()); err != nil || s.Settings.On() || s.HasPassword {
		t.Errorf("%+v %v", s, err)
	}
}

// Settings with which no letter could be sent are refused, with what would be right.
func TestSettings(t *testing.T) {
	for field, change := range map[string]func(*notify.Settings){
		"server":       func(s *notify.Settings) { s.Server = "mail.example.org" },
		"security":     func(s *notify.Settings) { s.Security = "ssl" },
		"language":     func(s *notify.Settings) { s.Language = "sw" },
		"from":         func(s *notify.Settings) { s.From = "nobody\r\nBcc: x@example.org" },
		"to":           func(s *notify.Settings) { s.To = nil },
		"user":         func(s *notify.Settings) { s.Password = "a\nb" },
		"silent_hours": func(s *notify.Settings) { s.SilentHours = -1 },
	} {
		s := notify.Defaults()
		s.Server, s.From, s.To = "mail.example.org:587", "atoll@example.org", []string{"amina@example.org"}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		change(&s)
		var e *atoll.Error
		if err := s.Check(); !errors.As(err, &e) || e.Code != atoll.Invalid || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
