// Package support is what helps from afar: the newest lines of the log, the
// conditions under which an installation can do its work, and one file with both that
// tells how it stands. Nothing here holds a secret or what a record says.
package support

import (
	"errors"

	"github.com/atollsync/atoll"
)

// workings are the codes whose words are about the program, its database and the
// line. The words of all others may quote what a record says.
var workings = map[atoll.Code]bool{
	atoll.TooLarge: true, atoll.Busy: true, atoll.Unavailable: true, atoll.Interrupted: true, atoll.Damaged: true,
	atoll.WrongChain: true, atoll.Restored: true, atoll.Cloned: true, atoll.Initialise: true, atoll.Paused: true,
	atoll.OldProtocol: true, atoll.SiteUnknown: true, atoll.SiteDevice: true, atoll.SiteNoStore: true, atoll.SiteLocked: true,
	atoll.SiteMismatch: true, atoll.DiskFull: true, atoll.LoopGuard: true,
}

// Words are the words of a failure if they quote no record, else "".
func Words(code atoll.Code, text string) string {
	if !workings[code] {
		return ""
	}
	return text
}

// Plain is an error without what a record says: its words if they are about the
// program, else its code, the record's key and the field.
func Plain(err error) string {
	var e *atoll.Error
	if !errors.As(err, &e) {
		return err.Error() // of the system or of the database, which name no values
	}
	if words := Words(e.Code, e.Message); words != "" {
		return words
	}
	out := string(e.Code)
	if e.Subject != "" {
		out += " " + e.Subject
	}
	if e.Field != "" {
		out += " " + e.Field
	}
	return out
}

// Condition is one thing that must hold for an installation to do its work.
type Condition struct {
	Name string `json:"name"` // stable: the console has words for it
	Err  error  `json:"-"`    // why it does not hold; nil when it does
}
