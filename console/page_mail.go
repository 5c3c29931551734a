package console

import (
	"slices"
	"strconv"
	"strings"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/notify"
)

type mailData struct {
	notify.Standing
	Form       notify.Settings // as they are entered
	To         string          // the addresses, one a line
	Securities []option
	Languages  []option
	Limits     []limit
	Trouble    *problem
}

// limit is one number from which on something is worth a letter.
type limit struct {
	Name  string
	Value string
}

// limits are the numbers of the settings by the names of their fields.
func limits(s *notify.Settings) map[string]*int {
	return map[string]*int{
		"silent_hours": &s.SilentHours, "refused": &s.Refused, "waiting": &s.Waiting, "held_up": &s.HeldUp, "repeat_hours": &s.RepeatHours,
	}
}

// limitNames are they in the order of the form.
var limitNames = []string{"silent_hours", "refused", "waiting", "held_up", "repeat_hours"}

// office is what sends mail here.
func (c *console) office() (*notify.Office, error) {
	if c.Mail == nil {
		return nil, atoll.Errorf(atoll.NotFound, "this console does not know its server")
	}
	return c.Mail, nil
}

// mail shows where mail goes and what is worth a letter (R-I-23).
func (c *console) mail(v *Visit) error {
	o, err := c.office()
	if err != nil {
		return err
	}
	s, err := o.Standing(v.ctx())
	if err != nil {
		return err
	}
	return c.mailPage(v, mailData{Standing: s, Form: s.Settings})
}

func (c *console) mailPage(v *Visit, d mailData) error {
	s := d.Form
	d.To = strings.Join(s.To, "\n")
	for _, x := range []notify.Security{notify.StartTLS, notify.TLS, notify.Plain} {
		d.Securities = append(d.Securities, option{string(x), v.T("mail.security." + string(x)), x == s.Security})
	}
	for _, l := range tongues() {
		d.Languages = append(d.Languages, option{l.Code, l.Name, l.Code == s.Language})
	}
	values := limits(&s)
	for _, name := range limitNames {
		d.Limits = append(d.Limits, limit{name, strconv.Itoa(*values[name])})
	}
	status := 200
	if d.Trouble != nil {
		status = d.Trouble.Status
	}
	return v.pageAs(status, "mail", v.T("mail.title"), d)
}

// setMail changes the settings, or switches mail off.
func (c *console) setMail(v *Visit) error {
	o, err := c.office()
	if err != nil {
		return err
	}
	if err := v.R.ParseForm(); err != nil {
		return badForm(err)
	}
	if v.R.PostFormValue("do") == "off" {
		if err := o.Set(v.ctx(), v.User.Name, notify.Settings{}); err != nil {
			return err
		}
		v.tell("done", "mail.off")
		v.redirect("/mail")
		return nil
	}
	value := func(name string) string { return strings.TrimSpace(v.R.PostFormValue(name)) }
	s := notify.Settings{
		Server: value("server"), Security: notify.Security(value("security")), User: value("user"), Password: v.R.PostFormValue("password"),
		From: value("from"), To: strings.FieldsFunc(value("to"), func(r rune) bool { return r == '\n' || r == ',' || r == ';' }), Language: value("language"),
	}
	for i := range s.To {
		s.To[i] = strings.TrimSpace(s.To[i])
	}
	s.To = slices.DeleteFunc(s.To, func(to string) bool { return to == "" })
	wrong := s.Check()
	if s.Server == "" {
		wrong = atoll.Errorf(atoll.Invalid, "no mail server was named").On("server").Do("write it as mail.example.org:587").Because("mail.server")
	}
	for name, n := range limits(&s) {
		if *n, err = strconv.Atoi(value(name)); err != nil && wrong == nil {
			wrong = atoll.Errorf(atoll.Invalid, "%s is not a whole number", name).On(name).Do("0 does not look at it").Because("mail.limit", "what", v.T("mail.limit."+name))
		}
	}
	if wrong == nil {
		wrong = o.Set(v.ctx(), v.User.Name, s)
	}
	if wrong != nil {
		p := problemOf(wrong)
		if p.Code != atoll.Invalid {
			return wrong
		}
		standing, err := o.Standing(v.ctx())
		if err != nil {
			return err
		}
		return c.mailPage(v, mailData{Standing: standing, Form: s.Public(), Trouble: &p})
	}
	v.tell("done", "mail.saved")
	v.redirect("/mail")
	return nil
}

// testMail sends a letter that says that mail works.
func (c *console) testMail(v *Visit) error {
	o, err := c.office()
	if err != nil {
		return err
	}
	if err := o.Test(v.ctx()); err != nil {
		return err
	}
	v.tell("done", "mail.tested")
	v.redirect("/mail")
	return nil
}
