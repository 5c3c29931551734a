package host

import (
	"context"
	"strings"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/console"
	"github.com/atollsync/atoll/notify"
	"github.com/atollsync/atoll/transfer"
)

// How often the central server looks whether there is something to tell, and whether a
// letter is to be sent.
const (
	looksEvery = 5 * time.Minute
	postsEvery = time.Minute
)

// tell tells people by mail what asks for attention, for as long as this central server
// serves (R-I-23).
func (h *Host) tell(ctx context.Context) error {
	look, post := time.NewTicker(looksEvery), time.NewTicker(postsEvery)
	defer look.Stop()
	defer post.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
			err = h.Attend(ctx)
		case <-post.C:
			err = h.Mail.Post(ctx)
		}
		if err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "mail could not be looked after", "err", err)
		}
	}
}

// Attend looks once what asks for attention, and writes a letter if there is something
// to tell; it is sent with the next [notify.Office.Post].
func (h *Host) Attend(ctx context.Context) error {
	s, err := h.Mail.Standing(ctx)
	if err != nil || !s.Settings.On() {
		return err
	}
	now, err := h.concerns(ctx, s.Settings)
	if err != nil {
		return err
	}
	return h.Mail.Look(ctx, now)
}

// concerns are what asks for attention by the limits of the settings.
func (h *Host) concerns(ctx context.Context, s notify.Settings) (out []notify.Concern, err error) {
	sites, err := h.Centre.Sites(ctx)
	if err != nil {
		return nil, err
	}
	for _, site := range sites {
		out = append(out, concernsOf(site, s, h.Now())...)
	}
	if s.HeldUp > 0 {
		moving, err := h.Centre.Transfers(ctx, transfer.Filter{})
		if err != nil {
			return nil, err
		}
		n := 0
		for _, t := range moving {
			if t.Exception {
				n++
			}
		}
		if n >= s.HeldUp {
			out = append(out, notify.Concern{Key: notify.HeldUp, Kind: notify.HeldUp, N: n})
		}
	}
	for _, c := range h.Conditions(ctx) {
		if c.Err != nil {
			out = append(out, notify.Concern{Key: notify.Server + "/" + c.Name, Kind: notify.Server, Code: atoll.CodeOf(c.Err)})
		}
	}
	return out, nil
}

// concernsOf are those of one site. One that is closed, paused or not enrolled yet is
// silent because somebody wanted it so.
func concernsOf(site central.SiteStatus, s notify.Settings, now time.Time) (out []notify.Concern) {
	st := site.State
	if site.Disabled || st.Initialisation == central.InitNew {
		return nil
	}
	add := func(kind string, limit, n int) {
		if limit > 0 && n >= limit {
			out = append(out, notify.Concern{Key: kind + "/" + site.ID.String(), Kind: kind, Site: site.Name, N: n})
		}
	}
	if st.Paused == "" && !st.LastContact.IsZero() {
		add(notify.Silent, s.SilentHours, int(now.Sub(st.LastContact)/time.Hour))
	}
	add(notify.Refused, s.Refused, site.Quarantined+st.Errors)
	add(notify.Waiting, s.Waiting, max(st.Waiting, int(site.Behind))) //nolint:gosec // counts
	return out
}

// letter says what is new and what still lasts, in the language of the settings.
func (h *Host) letter(language string, fresh, still []notify.Concern) (subject, body string) {
	say := func(key string, args ...any) string { return console.Say(language, key, args...) }
	var b strings.Builder
	list := func(head string, of []notify.Concern) {
		if len(of) == 0 {
			return
		}
		b.WriteString(say(head) + "\n\n")
		for _, c := range of {
			line := say("letter."+c.Kind, "site", c.Site, "n", c.N)
			if c.Code != "" {
				line = say("letter."+c.Kind, "what", say("code."+string(c.Code))) + " " + say("code."+string(c.Code)+".do")
			}
			b.WriteString("- " + line + "\n")
		}
		b.WriteString("\n")
	}
	list("letter.fresh", fresh)
	list("letter.still", still)
	if url, _, err := h.address(); err == nil {
		b.WriteString(say("letter.where", "url", url+"/today") + "\n")
	}
	b.WriteString(say("letter.why") + "\n")
	return say("letter.subject", "n", len(fresh), "system", h.Station.Identity.Name), b.String()
}

// trial is a letter that says that mail works.
func (h *Host) trial(language string) (subject, body string) {
	name := h.Station.Identity.Name
	return console.Say(language, "letter.test.subject", "system", name), console.Say(language, "letter.test", "system", name)
}
