package atoll

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the stable name of a kind of failure. Codes are errors: callers write
// errors.Is(err, atoll.NotFound) whether the error was made here or came over
// HTTP. A code never changes its meaning and is never used again.
type Code string

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// The codes. Kinds of refusal (R-K-35, R-K-38), of exchange (R-H-10, R-H-27,
// R-K-62) and of ordinary requests.
const (
	Internal     Code = "internal"      // a defect; the details are for operators
	Invalid      Code = "invalid"       // the input is not well formed
	TooLarge     Code = "too_large"     // a bound was exceeded
	NotFound     Code = "not_found"     // there is no such thing
	Exists       Code = "exists"        // there is one already
	Conflict     Code = "conflict"      // the version given is not the current one
	Denied       Code = "denied"        // the user lacks the right
	SignIn       Code = "sign_in"       // no, or no valid, sign-in
	Busy         Code = "busy"          // try again later
	Unavailable  Code = "unavailable"   // the other end cannot be reached
	Interrupted  Code = "interrupted"   // the connection ended before the answer did
	Damaged      Code = "damaged"       // bytes did not match their checksum
	NotHere      Code = "not_here"      // another site owns the record
	NotVisible   Code = "not_visible"   // the other store is not visible to this one
	LifeCycle    Code = "life_cycle"    // the document's status does not allow it
	Unknown      Code = "unknown_type"  // no such record type in the catalogue
	Schema       Code = "schema"        // a field is missing, unknown or of the wrong kind
	Reference    Code = "reference"     // a record that is named does not exist
	Ownership    Code = "ownership"     // the site does not own the record
	OldEpoch     Code = "old_epoch"     // written under an ownership that has since moved
	BaseVersion  Code = "base_version"  // the histories of the record have parted
	Rule         Code = "business_rule" // a business rule forbids it
	HeldBehind   Code = "held"          // an earlier refused change of the same record waits
	WrongChain   Code = "wrong_chain"   // position or hash does not follow what is known
	Restored     Code = "restored"      // the site's database is older than the centre's memory of it
	Cloned       Code = "cloned"        // two databases claim to be one site
	Initialise   Code = "initialise"    // the site must (re-)initialise first
	Paused       Code = "paused"        // synchronisation is paused or disabled here
	OldProtocol  Code = "api_version_incompatible"
	SiteUnknown  Code = "site_name_not_found"
	SiteSecret   Code = "site_incorrect_password"
	SiteDevice   Code = "site_incorrect_hardware_id"
	SiteNoStore  Code = "site_has_no_store"
	SiteLocked   Code = "site_auth_timeout"
	SiteMismatch Code = "site_mismatch" // settings name another site than the database's
	DiskFull     Code = "disk_full"
	LoopGuard    Code = "loop_guard" // a processor answered one document too often
)

// Codes lists every code.
var Codes = []Code{
	Internal, Invalid, TooLarge, NotFound, Exists, Conflict, Denied, SignIn, Busy, Unavailable, Interrupted,
	Damaged, NotHere, NotVisible, LifeCycle, Unknown, Schema, Reference, Ownership, OldEpoch, BaseVersion, Rule,
	HeldBehind, WrongChain, Restored, Cloned, Initialise, Paused, OldProtocol, SiteUnknown, SiteSecret, SiteDevice,
	SiteNoStore, SiteLocked, SiteMismatch, DiskFull, LoopGuard,
}

// Error is a failure that can be shown to a person: what happened, to what, and
// what to do next.
type Error struct {
	Code    Code
	Message string // what happened; fit to show
	Subject string // to what: a key, a field, a site; may be empty
	Field   string // the field at fault; may be empty
	Hint    string // what to do next; may be empty
	Err     error  // the cause, for operators only

	// Reason names the rule that refused, and Args are the names and values of what it
	// speaks of, in turn: for faces that have words of their own. Empty for most.
	Reason string
	Args   []any

	// Parts are the single things that stand in the way, where the message lists several.
	Parts []*Error
}

// Error returns the message, and the hint after it.
func (e *Error) Error() string {
	s := e.Message
	if s == "" {
		s = string(e.Code)
	}
	if e.Subject != "" {
		s = e.Subject + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the error's code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Errorf makes an error with a code. The verb %w keeps a cause, whose text
// becomes part of the message.
func Errorf(code Code, format string, args ...any) *Error {
	if len(args) == 0 && strings.IndexByte(format, '%') < 0 {
		return &Error{Code: code, Message: format} // "not found" is said for every new record
	}
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// About returns the error with its subject set.
func (e *Error) About(subject any) *Error {
	switch s := subject.(type) {
	case Key:
		e.Subject = s.String()
	default:
		e.Subject = fmt.Sprint(subject)
	}
	return e
}

// On returns the error with the field at fault set.
func (e *Error) On(field string) *Error { e.Field = field; return e }

// Do returns the error with a hint: what to do next.
func (e *Error) Do(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Because returns the error with the name of the rule that refused, and the names and
// values of what it speaks of.
func (e *Error) Because(reason string, args ...any) *Error {
	e.Reason, e.Args = reason, args
	return e
}

// Listing returns the error with the single things that its message lists.
func (e *Error) Listing(parts []*Error) *Error { e.Parts = parts; return e }

// CodeOf returns the code of the first [Error] or [Code] in err's chain, and
// [Internal] when there is none. It returns "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return Internal
}
