package host

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

// Finding is one thing that a check of the connection looked at.
type Finding struct {
	What  string `json:"what"` // reachable, version, credentials, device, clock; at the centre configuration, database, disk, mail
	OK    bool   `json:"ok"`
	Words string `json:"words"`
	Hint  string `json:"hint,omitempty"`
}

// Connection is what a check of the connection found (R-H-47).
type Connection struct {
	URL      string        `json:"url"`
	OK       bool          `json:"ok"`
	Findings []Finding     `json:"findings"`
	Clock    time.Duration `json:"clock_ahead,omitempty"` // this machine's clock minus the centre's
}

func (c *Connection) say(what string, ok bool, words, hint string) {
	c.Findings = append(c.Findings, Finding{what, ok, words, hint})
	c.OK = c.OK && ok
}

func (c *Connection) fail(what string, err error) {
	var e *atoll.Error
	if !errors.As(err, &e) {
		e = &atoll.Error{Message: err.Error()}
	}
	c.say(what, false, e.Message, e.Hint)
}

// maxClock is a difference of clocks worth telling.
const maxClock = 5 * time.Minute

// checkCentre is the check at the central server, which reaches nobody but a mail
// server: that it can do its work, and whether people can be told (R-I-29).
func (h *Host) checkCentre(ctx context.Context) Connection {
	c := Connection{OK: true}
	c.say("configuration", true, "the configuration was read", "")
	for _, held := range h.Conditions(ctx) {
		if held.Err != nil {
			c.fail(held.Name, held.Err)
		} else if held.Name != "serving" {
			c.say(held.Name, true, "the "+held.Name+" is well", "")
		}
	}
	switch err := h.Mail.Probe(ctx); {
	case err == nil:
		c.say("mail", true, "the mail server accepts this server", "")
	case errors.Is(err, atoll.NotFound):
		c.say("mail", true, "mail is off: nobody is told by it", "")
	default:
		c.fail("mail", err)
	}
	return c
}

// CheckConnection tells whether this site can exchange with its centre: whether the
// centre is reached, speaks a version we know, accepts the site's key and device,
// and how far the clocks are apart (R-H-47). Another address may be tried, with the
// fingerprint of its certificate; "" is the one in force. At the central server it
// tells whether that can do its work, and whether mail works.
func (h *Host) CheckConnection(ctx context.Context, url, pin string) (Connection, error) {
	id := h.Station.Identity
	switch {
	case id.Role != station.Remote:
		return h.checkCentre(ctx), nil
	case id.Support:
		return Connection{}, supportOnly()
	}
	if url == "" {
		url, pin = id.URL, id.Pin
	}
	if url == "" {
		return Connection{}, atoll.Errorf(atoll.Initialise, "this site is not enrolled yet").Do("enrol it with: atoll enrol TICKET")
	}
	c := Connection{URL: url, OK: true}
	client, err := h.reach(id, url, pin)
	if err != nil {
		c.fail("reachable", err)
		return c, nil
	}
	defer client.Close()
	pong, err := client.Ping(ctx)
	if err != nil {
		c.fail("reachable", err)
		return c, nil
	}
	c.say("reachable", true, "the central server answers at "+url, "")
	if exchange.Protocol > pong.Protocol || exchange.Protocol < pong.Oldest {
		c.say("version", false, "the central server does not speak this program's protocol", "upgrade the older of the two programs; work goes on meanwhile")
	} else {
		c.say("version", true, "the versions fit", "")
	}
	switch err := client.SignIn(ctx); {
	case err == nil:
		c.say("credentials", true, "the site's key is accepted", "")
		c.say("device", true, "this device is accepted", "")
	case errors.Is(err, atoll.SiteDevice):
		c.say("credentials", true, "the site's key is accepted", "")
		c.fail("device", err)
	default:
		c.fail("credentials", err)
	}
	c.Clock = h.Now().Sub(time.UnixMilli(pong.Clock)).Truncate(time.Second)
	if c.Clock.Abs() > maxClock {
		c.say("clock", false, "this machine's clock differs by "+c.Clock.String(), "set the clock; it decides nothing, but dates of documents come from it")
	} else {
		c.say("clock", true, "the clocks differ by "+c.Clock.String(), "")
	}
	return c, nil
}

// reach makes a client for an address that is not in force.
func (h *Host) reach(id station.Identity, url, pin string) (*wire.Client, error) {
	o := wire.ClientOptions{
		URL: url, AllowPlain: h.AllowPlain, Site: id.Site, System: id.System, Device: h.Device, Key: ed25519.NewKeyFromSeed(id.Key), Now: h.Now,
	}
	if pin != "" {
		var err error
		if o.Pin, err = wire.ParsePin(pin); err != nil {
			return nil, err
		}
	}
	return wire.NewClient(o)
}

// ChangeAddress has this site reach its centre at another address, after a test
// that finds the same system there, which accepts this site. It needs the password
// of an administrator; a wrong address never replaces one that works (R-H-45). The
// site's name and number are not changed by anything (R-H-16).
func (h *Host) ChangeAddress(ctx context.Context, user, password, url, pin string) (Connection, error) {
	if err := h.administrator(ctx, user, password); err != nil {
		return Connection{}, err
	}
	c, err := h.CheckConnection(ctx, url, pin)
	if err != nil {
		return c, err
	}
	for _, f := range c.Findings {
		if !f.OK && f.What != "clock" {
			return c, atoll.Errorf(atoll.Unavailable, "the address was not changed: %s", f.Words).Do("%s", or(f.Hint, "check the address; the one in force stays"))
		}
	}
	id := h.Station.Identity
	id.URL, id.Pin = url, pin
	err = h.Store.Update(ctx, func(tx storage.Tx) error {
		return errors.Join(station.SaveIdentity(tx, id), tx.Drop(shelfToken, "token"))
	})
	if err != nil {
		return c, err
	}
	if h.client != nil {
		h.client.Close()
	}
	return c, h.assemble(ctx)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// administrator fails unless the password is that of an administrator here.
func (h *Host) administrator(ctx context.Context, user, password string) error {
	token, u, err := h.Station.SignInUser(ctx, user, password)
	if err != nil {
		return err
	}
	if err := h.Station.SignOut(ctx, token); err != nil {
		return err
	}
	if u.Role != station.Administrator {
		return atoll.Errorf(atoll.Denied, "%s is not an administrator", u.Name)
	}
	return nil
}
