package host_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/notify/notifytest"
)

const mailPassword = "twelve-grey-herons"

// mailed has the centre send its mail to a server of the test.
func (p *pair) mailed() *notifytest.Server {
	p.t.Helper()
	post := notifytest.New(p.t)
	post.Want("atoll", mailPassword)
	s := notify.Defaults()
	s.Server, s.Security, s.User, s.Password = post.Address, notify.Plain, "atoll", mailPassword
	s.From, s.To, s.Language = "atoll@example.org", []string{"amina@example.org"}, "fr"
	if err := p.centre.Mail.Set(p.t.Context(), "administrator", s); err != nil {
		p.t.Fatal(err)
	}
	return post
}

func (p *pair) cycle() {
	p.t.Helper()
	if _, err := p.site.Site.Cycle(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// R-I-23: people hear by mail that a site is silent, once, and not of one that was
// paused; in their language.
func TestR_I_23_ASilentSiteIsToldByMail(t *testing.T) {
	p := newPair(t)
	post := p.mailed()
	p.cycle()
	look := func() {
		t.Helper()
		if err := p.centre.Attend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.centre.Mail.Post(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look()
	if got := post.Letters(); len(got) > 0 {
		t.Fatalf("nothing was wrong, and it wrote %+v", got)
	}
	p.clock.Wind(73 * time.Hour)
	look()
	look()
	got := post.Letters()
	if len(got) != 1 {
		t.Fatalf("%d letters", len(got))
	}
	name := p.site.Station.Identity.Name
	if !strings.Contains(got[0].Body, name+" est muet depuis 73 heures.") || strings.Contains(got[0].Body, "letter.") {
		t.Errorf("%s", got[0].Body)
	}
	p.cycle()
	look()
	if err := p.centre.Centre.Pause(t.Context(), "technician", p.site.Station.Identity.Site, "the roof leaks"); err != nil {
		t.Fatal(err)
	}
	p.clock.Wind(73 * time.Hour)
	look()
	if got := post.Letters(); len(got) != 1 {
		t.Errorf("of a paused site it wrote %+v", got)
	}
}

// R-I-29: the check at the centre says whether mail works, and why not.
func TestR_I_29_TheCheckSaysWhetherMailWorks(t *testing.T) {
	p := newPair(t)
	mail := func() (ok bool, words string) {
		t.Helper()
		c, err := p.centre.CheckConnection(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.Findings {
			if f.What == "mail" {
				return f.OK && c.OK, f.Words
			}
		}
		t.Fatalf("nothing about mail: %+v", c)
		return false, ""
	}
	if ok, words := mail(); !ok || !strings.Contains(words, "off") {
		t.Error(words)
	}
	post := p.mailed()
	if ok, words := mail(); !ok {
		t.Error(words)
	}
	post.Want("atoll", "another")
	if ok, words := mail(); ok || !strings.Contains(words, "does not accept user atoll") || strings.Contains(words, mailPassword) {
		t.Error(words)
	}
}

// R-H-53: neither the file for support nor a copy for support has the password of the
// mail server; who changed the settings stands in the journal.
func TestR_H_53_SupportHasNoPasswordOfMail(t *testing.T) {
	p := newPair(t)
	p.mailed()
	for name, text := range bundled(t, p.centre) {
		if strings.Contains(text, mailPassword) {
			t.Errorf("%s has the password", name)
		}
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := p.centre.SupportCopy(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(mailPassword)) {
		t.Error("the copy has the password")
	}
	if !bytes.Contains(b, []byte("mail is sent through")) {
		t.Error("who set where mail goes is nowhere")
	}
}
