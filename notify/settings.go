// Package notify tells people by mail what asks for attention: a site that is silent,
// changes that were refused, queues that grow, documents that are held up between
// stores. It writes only when there is something to tell (R-I-23).
//
// What is to be told is decided in one transaction, which also keeps the letter; the
// letter is sent afterwards, tried again while the mail server refuses it, and never
// sent a second time once the mail server may have it.
package notify

import (
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// Security is how the connection to the mail server is protected.
type Security string

// The ways.
const (
	StartTLS Security = "starttls" // begins in the clear, and is encrypted before anything is said
	TLS      Security = "tls"
	Plain    Security = "none" // for a mail server on this machine or this network
)

// Languages are those in which letters are written.
var Languages = []string{"en", "fr", "es"}

// Settings say where mail goes, and what is worth a letter. Without a server nothing is
// sent. A limit of 0 is not looked at.
type Settings struct {
	Server   string   `json:"server"` // HOST:PORT
	Security Security `json:"security"`
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`
	From     string   `json:"from"`
	To       []string `json:"to"`
	Language string   `json:"language"`

	SilentHours int `json:"silent_hours"` // a site was not heard for so long
	Refused     int `json:"refused"`      // changes of one site wait for a decision, or records there could not be taken in
	Waiting     int `json:"waiting"`      // changes wait at one site, or for it
	HeldUp      int `json:"held_up"`      // documents between stores are held up, in all
	RepeatHours int `json:"repeat_hours"` // what lasts is told again after so long
}

// Defaults are the settings of who has said nothing: no server, and limits that a
// country of islands does not reach every day.
func Defaults() Settings {
	return Settings{Security: StartTLS, Language: "en", SilentHours: 72, Refused: 1, Waiting: 10000, HeldUp: 1, RepeatHours: 168}
}

// mostRecipients bounds how many people one letter goes to.
const mostRecipients = 20

// On reports whether mail is sent at all.
func (s Settings) On() bool { return s.Server != "" }

// Check refuses settings with which no letter could be sent.
func (s Settings) Check() error {
	if !s.On() {
		return nil
	}
	host, port, err := net.SplitHostPort(s.Server)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
		return invalid("server", "the mail server is not HOST:PORT: %.200q", s.Server).Do("write it as mail.example.org:587")
	}
	if !slices.Contains([]Security{StartTLS, TLS, Plain}, s.Security) {
		return invalid("security", "unknown protection %.20q", s.Security).Do("choose starttls, tls or none")
	}
	if !slices.Contains(Languages, s.Language) {
		return invalid("language", "unknown language %.20q", s.Language).Do("choose en, fr or es")
	}
	if _, err := mail.ParseAddress(s.From); err != nil {
		return invalid("from", "%.200q is no address of mail", s.From).Do("write it as atoll@example.org")
	}
	if len(s.To) == 0 || len(s.To) > mostRecipients {
		return invalid("to", "a letter goes to 1 to %d people, and here are %d", mostRecipients, len(s.To)).Do("name them by their addresses")
	}
	for _, to := range s.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return invalid("to", "%.200q is no address of mail", to).Do("write it as somebody@example.org")
		}
	}
	if len(s.User) > 200 || len(s.Password) > 1000 || strings.ContainsAny(s.User+s.Password, "\r\n\x00") {
		return invalid("user", "the name or the password is too long, or has line breaks")
	}
	for name, n := range map[string]int{
		"silent_hours": s.SilentHours, "refused": s.Refused, "waiting": s.Waiting, "held_up": s.HeldUp, "repeat_hours": s.RepeatHours,
	} {
		if n < 0 || n > 1_000_000_000 {
			return invalid(name, "%s cannot be %d", name, n).Do("0 does not look at it").Because("mail.limit", "what", name)
		}
	}
	return nil
}

func invalid(field, format string, args ...any) *atoll.Error {
	return atoll.Errorf(atoll.Invalid, format, args...).On(field).Because("mail." + field)
}

// Public are the settings without the password, for whoever shows them.
func (s Settings) Public() Settings {
	s.Password = ""
	return s
}

// repeat is after how long what lasts is told again; 0 never.
func (s Settings) repeat() time.Duration { return time.Duration(s.RepeatHours) * time.Hour }
