package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/documents"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
)

// LineInput is one line of a document that is made or changed.
type LineInput struct {
	ID     string `json:"id,omitempty" maxLength:"36" doc:"Of a line that is there; one is made for a new line without it"`
	Remove bool   `json:"remove,omitempty" doc:"Take it out"`
	Fields Body   `json:"fields,omitempty"`
}

// DocumentInput is a document that is made.
type DocumentInput struct {
	ID     string      `json:"id,omitempty" maxLength:"36" doc:"A UUID; one is made without it"`
	Fields Body        `json:"fields"`
	Lines  []LineInput `json:"lines,omitempty" maxItems:"9000"`
}

type makeDocumentInput struct {
	Body DocumentInput
}

// DocumentChange is what changes of a document.
type DocumentChange struct {
	Version uint64      `json:"version,omitempty" doc:"The version that was read, if it is not sent as If-Match"`
	Fields  Body        `json:"fields,omitempty" doc:"Those to change; null clears"`
	Lines   []LineInput `json:"lines,omitempty" maxItems:"9000"`
	Only    bool        `json:"only,omitempty" doc:"Take out every line that is not named"`
}

type changeDocumentInput struct {
	ID      string `path:"id" maxLength:"36" doc:"A UUID" example:"0197f3a2-9c1e-7b60-8f4e-2a5d6c7b8a90"`
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The ETag of the version that was read"`
	Body    DocumentChange
}

// DocumentView is a document as the API tells of one.
type DocumentView struct {
	RecordView
	Lines   []RecordView       `json:"lines"`
	Actions []documents.Choice `json:"actions" doc:"What may be done with it here and now, and why the rest may not"`
}

type documentAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   DocumentView
}

type documentsInput struct {
	Store  string            `query:"store" maxLength:"200" doc:"The id, code or name of a store"`
	Status string            `query:"status" enum:"new,suggested,confirmed,finalised,cancelled,"`
	Kind   string            `query:"kind" maxLength:"48" doc:"Such as customer_invoice or request"`
	Number int64             `query:"number" doc:"The number of the document"`
	Where  map[string]string `query:"where,deepObject" doc:"Values that other indexed fields must have, as where[name_id]=…"`
	Limit  int               `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most documents in one answer"`
	After  string            `query:"after" maxLength:"36" doc:"The next of the answer before"`
}

// draftLines reads lines.
func draftLines(in []LineInput) ([]documents.DraftLine, error) {
	out := make([]documents.DraftLine, 0, len(in))
	for i, l := range in {
		place := "lines[" + strconv.Itoa(i) + "]"
		d := documents.DraftLine{Remove: l.Remove}
		var err error
		if l.ID != "" {
			if d.ID, err = atoll.ParseID(l.ID); err != nil {
				return nil, on(err, place)
			}
		} else if l.Remove {
			return nil, atoll.Errorf(atoll.Invalid, "a line without id cannot be taken out").On(place)
		}
		if d.Fields, err = l.Fields.fields(); err != nil {
			return nil, on(err, place)
		}
		out = append(out, d)
	}
	return out, nil
}

func (s *server) readDocument(ctx context.Context, key atoll.Key, status int) (*documentAnswer, error) {
	d, err := s.Station.Document(ctx, key)
	if err == nil {
		err = s.seen(ctx, d.Record)
	}
	if err != nil {
		return nil, err
	}
	out := &documentAnswer{Status: status, ETag: etag(d.Version), Body: DocumentView{
		RecordView: recordView(d.Record), Lines: []RecordView{}, Actions: d.Choices,
	}}
	for _, l := range d.Lines {
		out.Body.Lines = append(out.Body.Lines, recordView(l))
	}
	visitOf(ctx).Records = 1 + len(d.Lines)
	return out, nil
}

func (s *server) makeDocument(ctx context.Context, r resource, in *makeDocumentInput) (*documentAnswer, error) {
	key := atoll.Key{Type: r.of, ID: atoll.NewID(s.Now())}
	var err error
	if in.Body.ID != "" {
		if key.ID, err = atoll.ParseID(in.Body.ID); err != nil {
			return nil, err
		}
	}
	var want documents.Draft
	if want.Fields, err = in.Body.Fields.fields(); err != nil {
		return nil, about(err, key)
	}
	if want.Lines, err = draftLines(in.Body.Lines); err != nil {
		return nil, err
	}
	_, err = s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) {
		do, err := d.Make(key.Type, key.ID, want)
		if err != nil {
			return nil, err
		}
		return s.ownWords(ctx, d, key.Type, do)
	})
	if err != nil {
		return nil, err
	}
	return s.readDocument(ctx, key, http.StatusCreated)
}

func (s *server) changeDocument(ctx context.Context, r resource, in *changeDocumentInput) (*documentAnswer, error) {
	id, err := atoll.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	key := atoll.Key{Type: r.of, ID: id}
	pre := Precondition{IfMatch: in.IfMatch}
	version, anyVersion, _, err := pre.seen(in.Body.Version)
	if err != nil {
		return nil, err
	}
	want := documents.Draft{Only: in.Body.Only}
	if want.Fields, err = in.Body.Fields.fields(); err != nil {
		return nil, about(err, key)
	}
	if want.Lines, err = draftLines(in.Body.Lines); err != nil {
		return nil, err
	}
	_, err = s.act(ctx, func(d documents.Desk) ([]journal.Proposal, error) {
		if err := s.ready(ctx, d, key, version); err != nil {
			return nil, err
		}
		if version == 0 && !anyVersion {
			stands, err := d.R.Record(key)
			if err != nil {
				return nil, err
			}
			return nil, unconditional(key, stands.Version)
		}
		do, err := d.Change(key, want)
		if err != nil {
			return nil, err
		}
		return s.ownWords(ctx, d, key.Type, do)
	})
	if err != nil {
		return nil, s.instead(ctx, key, pre.failed(err))
	}
	return s.readDocument(ctx, key, http.StatusOK)
}

// ownWords asks whether the user may make the changes of the document and its
// lines; the stock that follows from them is no wish of the user's.
func (s *server) ownWords(ctx context.Context, d documents.Desk, t atoll.Type, do []journal.Proposal) ([]journal.Proposal, error) {
	line, _, _ := documents.LineOf(t)
	var asked []journal.Proposal
	for _, p := range do {
		if p.Key.Type == t || p.Key.Type == line {
			asked = append(asked, p)
		}
	}
	if _, err := s.propose(ctx, d, asked...); err != nil {
		return nil, err
	}
	return do, nil
}

// storeNamed is the store that a query names by id, code or name; "" for none.
func (s *server) storeNamed(ctx context.Context, what string) (atoll.ID, error) {
	if what == "" {
		return "", nil
	}
	return s.Station.Named(ctx, "store", "", what)
}

func (s *server) listDocuments(ctx context.Context, r resource, in *documentsInput) (*listAnswer, error) {
	q := storage.Query{Type: r.of, Limit: in.Limit, Where: map[string]string{}}
	query := url.Values{}
	for name, v := range in.Where {
		q.Where[name] = v
		query.Set("where["+name+"]", v)
	}
	store, err := s.storeNamed(ctx, in.Store)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct{ field, name, value string }{
		{"store_id", "store", string(store)}, {"status", "status", in.Status}, {"kind", "kind", in.Kind},
	} {
		if f.value != "" {
			q.Where[f.field] = f.value
			query.Set(f.name, f.value)
		}
	}
	if in.Number != 0 {
		q.Where["number"] = strconv.FormatInt(in.Number, 10)
		query.Set("number", q.Where["number"])
	}
	return s.recordsPage(ctx, q, in.After, "/"+r.path, query)
}

// recordsPage answers with the records that q selects and the caller may see, from the place
// after on, and with the address of the next page: the path and query of this one.
func (s *server) recordsPage(ctx context.Context, q storage.Query, after, path string, query url.Values) (*listAnswer, error) {
	if after != "" {
		id, err := atoll.ParseID(after)
		if err != nil {
			return nil, err
		}
		q.After = id
	}
	page, next, err := s.Station.Records(ctx, q)
	if err != nil {
		return nil, err
	}
	page = s.onlySeen(ctx, page)
	out := &listAnswer{}
	out.Body.Records, out.Body.Next = views(page), next
	if next != "" {
		query.Set("after", string(next))
		query.Set("limit", strconv.Itoa(q.Limit))
		out.Link = "<" + prefix + path + "?" + query.Encode() + `>; rel="next"`
	}
	visitOf(ctx).Records = len(page)
	return out, nil
}

func views(page []station.Record) []RecordView {
	out := make([]RecordView, 0, len(page))
	for _, r := range page {
		out = append(out, recordView(r))
	}
	return out
}
