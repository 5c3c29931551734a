package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
)

// byUser is the cause of what users do.
var byUser = atoll.Cause{Kind: "user"}

// Precondition is what a caller says it knows of a record.
type Precondition struct {
	IfMatch     string `header:"If-Match" maxLength:"40" doc:"The ETag of the version that was read; * for any" example:"\"3\""`
	IfNoneMatch string `header:"If-None-Match" maxLength:"40" doc:"* when the record shall be new"`
}

// seen returns the version the caller saw, 0 if it did not say, and whether it
// asks for any version, or for none to be there.
func (p Precondition) seen(body uint64) (version uint64, any, none bool, err error) {
	if p.IfNoneMatch != "" && p.IfNoneMatch != "*" {
		return 0, false, false, atoll.Errorf(atoll.Invalid, "If-None-Match takes only *").On("If-None-Match")
	}
	none = p.IfNoneMatch == "*"
	if none && (p.IfMatch != "" || body != 0) {
		return 0, false, false, atoll.Errorf(atoll.Invalid, "a record cannot be new and have a version").On("If-None-Match")
	}
	switch p.IfMatch {
	case "":
		return body, false, none, nil
	case "*":
		return body, true, false, nil
	}
	version, perr := strconv.ParseUint(strings.Trim(p.IfMatch, `"`), 10, 62)
	if perr != nil || version == 0 {
		return 0, false, false, atoll.Errorf(atoll.Invalid, "If-Match %q is not the ETag of a record", p.IfMatch).On("If-Match").
			Do("send the ETag that came with the record")
	}
	if body != 0 && body != version {
		return 0, false, false, atoll.Errorf(atoll.Invalid, "If-Match and version differ").On("version")
	}
	return version, false, false, nil
}

// failed gives a refusal the status of a failed Precondition when the caller
// stated it in a header.
func (p Precondition) failed(err error) error {
	switch code := atoll.CodeOf(err); {
	case code == atoll.Conflict && p.IfMatch != "", code == atoll.Exists && p.IfNoneMatch != "":
		return as(http.StatusPreconditionFailed, err)
	}
	return err
}

// unconditional refuses a change of a record without word of the version that
// was read: it might undo what somebody else has just done.
func unconditional(key atoll.Key, stands uint64) error {
	return as(http.StatusPreconditionRequired, atoll.Errorf(atoll.Conflict, "the record exists (version %d), and the request does not say which version was read", stands).
		About(key).On("version").Do("read the record, then send its ETag as If-Match"))
}

type putInput struct {
	RecordPath
	Precondition
	Body struct {
		Version uint64 `json:"version,omitempty" doc:"The version that was read, if it is not sent as If-Match" example:"3"`
		Fields  Body   `json:"fields" doc:"All fields of a new record; of an existing one those to change, null to clear"`
	}
}

type deleteInput struct {
	RecordPath
	Precondition
	Version uint64 `query:"version" doc:"The version that was read, if it is not sent as If-Match"`
}

type deletedAnswer struct{}

func (s *server) changeOperations() {
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "put-record", Method: http.MethodPut, Path: "/records/{type}/{id}", Tags: []string{"records"}, MaxBodyBytes: recordBody,
		Summary: "Make or change a record",
		Description: "A record that is not there is made, from all its fields: 201. One that is there is changed in the fields that are sent, " +
			"and the others stay: 200. A change must say which version was read, as If-Match or as version; without it the answer is 428. " +
			"If another version stands, it is 412 (If-Match) or 409 (version). If-None-Match: * only makes.",
	}, s.put)
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "delete-record", Method: http.MethodDelete, Path: "/records/{type}/{id}", Tags: []string{"records"}, DefaultStatus: http.StatusNoContent,
		Summary:     "Delete a record",
		Description: "Leaves a tombstone, where the type allows deletion. The version that was read must be sent, as If-Match or as version.",
	}, s.remove)
	handle(s, station.MayEdit, huma.Operation{
		OperationID: "change-records", Method: http.MethodPost, Path: "/records", Tags: []string{"records"}, MaxBodyBytes: entryBody,
		Summary:     "Make several changes in one transaction",
		Description: "All of the changes stand, or none. Records may refer to each other. Each record at most once.",
	}, s.transact)
}

func (s *server) put(ctx context.Context, in *putInput) (*recordAnswer, error) {
	key, err := s.key(in.RecordPath)
	if err != nil {
		return nil, err
	}
	fields, err := in.Body.Fields.fields()
	if err != nil {
		return nil, about(err, key)
	}
	version, anyVersion, none, err := in.seen(in.Body.Version)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	_, err = s.Station.Act(ctx, actor(ctx), byUser, func(d documents.Desk) ([]journal.Proposal, error) {
		status = http.StatusOK
		stands, err := d.R.Record(key)
		there := err == nil
		if err != nil && !errors.Is(err, atoll.NotFound) {
			return nil, err
		}
		switch {
		case none, !there && version == 0 && !anyVersion:
			status = http.StatusCreated
			return s.propose(ctx, d, journal.Proposal{Verb: atoll.Insert, Key: key, Fields: fields})
		case there && !stands.Deleted && version == 0 && !anyVersion:
			return nil, unconditional(key, stands.Version)
		}
		return s.propose(ctx, d, journal.Proposal{Verb: atoll.Update, Key: key, Fields: fields, Expect: version})
	})
	if err != nil {
		return nil, in.failed(err)
	}
	return s.read(ctx, key, status)
}

func (s *server) remove(ctx context.Context, in *deleteInput) (*deletedAnswer, error) {
	key, err := s.key(in.RecordPath)
	if err != nil {
		return nil, err
	}
	version, anyVersion, none, err := in.seen(in.Version)
	if err == nil && none {
		err = atoll.Errorf(atoll.Invalid, "what shall not be there cannot be deleted").On("If-None-Match")
	}
	if err != nil {
		return nil, err
	}
	_, err = s.Station.Act(ctx, actor(ctx), byUser, func(d documents.Desk) ([]journal.Proposal, error) {
		stands, err := d.R.Record(key)
		switch {
		case errors.Is(err, atoll.NotFound), err == nil && stands.Deleted:
			return nil, atoll.Errorf(atoll.NotFound, "there is no such record").About(key)
		case err != nil:
			return nil, err
		case version == 0 && !anyVersion:
			return nil, unconditional(key, stands.Version)
		}
		return s.propose(ctx, d, journal.Proposal{Verb: atoll.Delete, Key: key, Expect: version})
	})
	if err != nil {
		return nil, in.failed(err)
	}
	return &deletedAnswer{}, nil
}

// ChangeInput is one change in a transaction.
type ChangeInput struct {
	Verb    atoll.Verb `json:"verb" enum:"insert,update,delete" example:"insert"`
	Type    atoll.Type `json:"type" maxLength:"48" example:"stock_line"`
	ID      string     `json:"id,omitempty" maxLength:"36" doc:"A UUID; one is made for an insert without it" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Version uint64     `json:"version,omitempty" doc:"The version that was read; an update or delete needs it" example:"3"`
	Fields  Body       `json:"fields,omitempty" doc:"All fields for an insert, those to change for an update"`
}

type transactInput struct {
	Body struct {
		Changes []ChangeInput `json:"changes" minItems:"1" maxItems:"20000"`
	}
}

type transactAnswer struct {
	Body struct {
		Seq     uint64        `json:"seq" doc:"The place of the transaction in this site's journal; 0 when nothing changed" example:"18"`
		Changes []ChangedView `json:"changes" doc:"What changed, also what followed in the same transaction"`
	}
}

// ChangedView is one change that was made.
type ChangedView struct {
	Verb    atoll.Verb `json:"verb" enum:"insert,update,delete" example:"insert"`
	Type    atoll.Type `json:"type" example:"stock_line"`
	ID      atoll.ID   `json:"id" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	Version uint64     `json:"version" example:"1"`
}

func (s *server) transact(ctx context.Context, in *transactInput) (*transactAnswer, error) {
	do := make([]journal.Proposal, 0, len(in.Body.Changes))
	for i, c := range in.Body.Changes {
		p, err := s.proposal(c)
		if err != nil {
			return nil, on(err, "changes["+strconv.Itoa(i)+"]")
		}
		do = append(do, p)
	}
	return s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) { return s.propose(ctx, d, do...) })
}

// act makes a transaction and tells what it changed.
func (s *server) act(ctx context.Context, act func(documents.Desk) ([]journal.Proposal, error)) (*transactAnswer, error) {
	res, err := s.Station.Act(ctx, actor(ctx), byUser, act)
	if err != nil {
		return nil, err
	}
	out := &transactAnswer{}
	out.Body.Seq, out.Body.Changes = res.Seq, []ChangedView{}
	for _, c := range res.Changes {
		out.Body.Changes = append(out.Body.Changes, ChangedView{c.Op.Verb, c.Op.Type, c.Op.ID, c.Op.Version})
	}
	visitOf(ctx).Records = len(res.Changes)
	return out, nil
}

func (s *server) proposal(c ChangeInput) (journal.Proposal, error) {
	p := journal.Proposal{Verb: c.Verb, Key: atoll.Key{Type: c.Type}, Expect: c.Version}
	if c.ID == "" && c.Verb == atoll.Insert {
		p.Key.ID = atoll.NewID(s.Now())
	} else {
		id, err := atoll.ParseID(c.ID)
		if err != nil {
			return p, err
		}
		p.Key.ID = id
	}
	switch {
	case c.Verb == atoll.Insert && c.Version != 0:
		return p, atoll.Errorf(atoll.Invalid, "an insert has no version yet").About(p.Key).On("version")
	case c.Verb != atoll.Insert && c.Version == 0:
		return p, atoll.Errorf(atoll.Invalid, "%s needs the version that was read", c.Verb).About(p.Key).On("version")
	case c.Verb == atoll.Delete && len(c.Fields) > 0:
		return p, atoll.Errorf(atoll.Invalid, "a delete has no fields").About(p.Key).On("fields")
	}
	fields, err := c.Fields.fields()
	p.Fields = fields
	return p, about(err, p.Key)
}

// about names the subject of an error that does not know it.
func about(err error, subject any) error {
	var e *atoll.Error
	if errors.As(err, &e) && e.Subject == "" {
		e.Subject = fmt.Sprint(subject)
	}
	return err
}

// on names the place in the request that an error is about.
func on(err error, place string) error {
	var e *atoll.Error
	if errors.As(err, &e) {
		e.Field = strings.TrimSuffix(place+"."+e.Field, ".")
	}
	return err
}
