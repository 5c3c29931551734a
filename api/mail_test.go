package api_test

import (
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify/notifytest"
)

// R-I-23: mail is set, tried and switched off over REST; the password is never told.
func TestR_I_23_Mail(t *testing.T) {
	f, post := newFleet(t), notifytest.New(t)
	post.Want("atoll", "twelve-grey-herons")
	body := `{"server":"` + post.Address + `","security":"none","user":"atoll","password":"twelve-grey-herons","from":"atoll@example.org","to":["amina@example.org"],
		"language":"fr","silent_hours":72,"refused":1,"waiting":0,"held_up":1,"repeat_hours":168}`
	f.centre.call("POST", "/mail/test", "").refused(404, atoll.NotFound)
	f.centre.call("PUT", "/mail", strings.Replace(body, "amina@example.org", "amina", 1)).refused(400, atoll.Invalid)
	got := f.centre.call("PUT", "/mail", body).want(200)
	if strings.Contains(string(got.body), "herons") || !strings.Contains(string(got.body), `"has_password":true`) {
		t.Errorf("%s", got.body)
	}
	f.centre.call("POST", "/mail/test", "").want(204)
	if letters := post.Letters(); len(letters) != 1 || letters[0].To[0] != "amina@example.org" {
		t.Errorf("%+v", letters)
	}
	f.centre.call("PUT", "/mail", strings.Replace(body, "twelve", "eleven", 1)).want(200)
	if p := f.centre.call("POST", "/mail/test", "").refused(403, atoll.Denied); strings.Contains(p.Detail, "herons") {
		t.Errorf("%+v", p)
	}
	f.centre.call("PUT", "/mail", `{"server":"","silent_hours":0,"refused":0,"waiting":0,"held_up":0,"repeat_hours":0}`).want(200)
	if got := f.centre.call("GET", "/mail", "").want(200); !strings.Contains(string(got.body), `"server":""`) || !strings.Contains(string(got.body), `"has_password":false`) {
		t.Errorf("%s", got.body)
	}
	f.one.call("GET", "/mail", "").refused(403, atoll.Ownership)
}
