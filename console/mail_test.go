package console_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/atollsync/atoll/notify/notifytest"
	"github.com/atollsync/atoll/station"
)

// An administrator sets where mail goes, sees what is wrong with it, and tries it; the
// password is shown to nobody (R-I-23).
func TestR_I_23_MailFromTheConsole(t *testing.T) {
	f := newFleet(t)
	admin, post := f.centre.as(station.Administrator), notifytest.New(t)
	post.Want("atoll", "twelve-grey-herons")
	f.centre.get("/server", admin).says("Mail", "Nobody is told by mail", "Settings of mail")
	f.centre.get("/server", f.centre.as(station.Technician)).says("Nobody is told by mail").saysNot("Settings of mail")
	f.centre.get("/mail", admin).says("off", "Mail server and port").saysNot("Send a test letter")
	form := url.Values{
		"server": {post.Address}, "security": {"none"}, "user": {"atoll"}, "password": {"twelve-grey-herons"}, "from": {"atoll@example.org"},
		"to": {"amina@example.org\njoseph@example.org"}, "language": {"fr"},
		"silent_hours": {"48"}, "refused": {"1"}, "waiting": {"0"}, "held_up": {"1"}, "repeat_hours": {"168"},
	}
	wrong := url.Values{}
	for name, value := range form {
		wrong[name] = value
	}
	wrong.Set("to", "amina")
	f.centre.ask("POST", "/mail", wrong, admin).want(400).says("A recipient is no address of mail", "Nobody is told by mail").saysNot("herons")
	wrong.Set("to", "amina@example.org")
	wrong.Set("refused", "many")
	f.centre.ask("POST", "/mail", wrong, admin).want(400).says("This must be a whole number: So many refused changes of one site")
	f.centre.ask("POST", "/mail", form, admin).want(303)
	f.centre.get("/mail", admin).says("2 people are told.", "Send a test letter", "(empty keeps the one that is there)").saysNot("herons")
	if len(post.Letters()) != 0 {
		t.Error("a letter went out before there was anything to tell")
	}
	f.centre.ask("POST", "/mail/test", url.Values{}, admin).want(303)
	if got := post.Letters(); len(got) != 1 || len(got[0].To) != 2 || strings.TrimSpace(got[0].Body) != "fr" {
		t.Errorf("%+v", got)
	}
	form.Set("password", "eleven-grey-herons")
	f.centre.ask("POST", "/mail", form, admin).want(303)
	f.centre.ask("POST", "/mail/test", url.Values{}, admin).want(403).says("does not accept user atoll").saysNot("herons")
	f.centre.ask("POST", "/mail", url.Values{"do": {"off"}}, admin).want(303)
	f.centre.get("/mail", admin).says("Nobody is told by mail")
	f.one.get("/mail", f.one.as(station.Administrator)).want(404)
}
