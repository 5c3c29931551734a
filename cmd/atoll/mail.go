package main

import (
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/notify"
)

type mailCmd struct {
	Show mailShowCmd `cmd:"" default:"1" help:"Where mail goes, what is worth a letter, and what became of the last one."`
	Set  mailSetCmd  `cmd:"" help:"Set where mail goes and what is worth a letter. What is not given stays as it is."`
	Test mailTestCmd `cmd:"" help:"Send a test letter now."`
	Off  mailOffCmd  `cmd:"" help:"Send no mail any longer, and forget the settings."`
}

// Help is shown with the command.
func (mailCmd) Help() string {
	return `The central server writes to people when something asks for attention: a site was not heard for so many hours, changes were refused, changes wait, documents are held up between stores, or the server itself is not well. What lasts is told again after a week unless set otherwise; nothing is sent twice.

  atoll mail set --server mail.example.org:587 --user atoll --from atoll@example.org --to amina@example.org
  atoll mail test`
}

type mailShowCmd struct{}

// Run shows the settings, without the password.
func (mailShowCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error { return showMail(s, h) })
}

func showMail(s *session, h *host.Host) error {
	st, err := h.Mail.Standing(s.ctx)
	if err != nil {
		return err
	}
	out := map[string]any{"settings": st.Settings, "has_password": st.HasPassword, "letters": st.Letters, "last": st.Last}
	return s.print(out, func() {
		set := st.Settings
		if !set.On() {
			s.say("Mail is off: nobody is told. Set a mail server: atoll mail set --server HOST:PORT --from ADDRESS --to ADDRESS")
			return
		}
		s.say("Mail goes through %s (%s) from %s to %s, in %s.", set.Server, set.Security, set.From, strings.Join(set.To, ", "), set.Language)
		s.say("A letter is written when a site was not heard for %d hours, has %d refused changes, when %d changes wait, or %d documents are held up; 0 is not looked at.",
			set.SilentHours, set.Refused, set.Waiting, set.HeldUp)
		if st.Letters > 0 {
			s.say("%d letters wait; the first is tried %s.", st.Letters, moment(st.Next))
		}
		switch last := st.Last; {
		case last.At.IsZero():
			s.say("No letter was sent yet.")
		case last.OK:
			s.say("The mail server took the last letter %s.", moment(last.At))
		default:
			s.say("The last letter, %s: %s", moment(last.At), last.Message)
		}
	})
}

type mailSetCmd struct {
	Server      string   `help:"The mail server." placeholder:"HOST:PORT"`
	Security    string   `help:"How the connection is protected: starttls, tls or none." placeholder:"WAY"`
	User        *string  `help:"Name to sign in with there; empty for none." placeholder:"NAME"`
	Password    string   `help:"The password of that name." env:"ATOLL_MAIL_PASSWORD" placeholder:"TEXT"`
	From        string   `help:"Who the letters are from." placeholder:"ADDRESS"`
	To          []string `help:"Whom they go to; all of them." placeholder:"ADDRESS"`
	Language    string   `help:"In which language: en, fr or es." placeholder:"LANGUAGE"`
	SilentHours *int     `help:"A site was not heard for so long; 0 does not look at it, as with the others." placeholder:"N"`
	Refused     *int     `help:"So many refused changes of one site." placeholder:"N"`
	Waiting     *int     `help:"So many changes wait at one site, or for it." placeholder:"N"`
	HeldUp      *int     `help:"So many documents are held up between stores." placeholder:"N"`
	RepeatHours *int     `help:"What lasts is told again after so long." placeholder:"N"`
}

// Run changes the settings.
func (c mailSetCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		st, err := h.Mail.Standing(s.ctx)
		if err != nil {
			return err
		}
		set := st.Settings
		for to, value := range map[*string]string{&set.Server: c.Server, &set.From: c.From, &set.Language: c.Language} {
			if value != "" {
				*to = value
			}
		}
		if c.Security != "" {
			set.Security = notify.Security(c.Security)
		}
		if c.User != nil {
			set.User = *c.User
		}
		if len(c.To) > 0 {
			set.To = c.To
		}
		for to, value := range map[*int]*int{
			&set.SilentHours: c.SilentHours, &set.Refused: c.Refused, &set.Waiting: c.Waiting, &set.HeldUp: c.HeldUp, &set.RepeatHours: c.RepeatHours,
		} {
			if value != nil {
				*to = *value
			}
		}
		if !set.On() {
			return atoll.Errorf(atoll.Invalid, "no mail server is set").On("server").Do("name one with --server HOST:PORT; to send no mail: atoll mail off")
		}
		set.Password = c.Password
		if err := h.Mail.Set(s.ctx, s.globals.User, set); err != nil {
			return err
		}
		return showMail(s, h)
	})
}

type mailTestCmd struct{}

// Run sends a test letter.
func (mailTestCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		if err := h.Mail.Test(s.ctx); err != nil {
			return err
		}
		return s.print(map[string]any{"sent": true}, func() { s.say("The mail server took the test letter.") })
	})
}

type mailOffCmd struct{}

// Run switches mail off.
func (mailOffCmd) Run(s *session) error {
	return s.atCentre(func(h *host.Host) error {
		if err := h.Mail.Set(s.ctx, s.globals.User, notify.Settings{}); err != nil {
			return err
		}
		return s.print(map[string]any{"on": false}, func() { s.say("Mail is off.") })
	})
}
