package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/atollsync/atoll"
)

// rest calls the REST API of a site, signed in as its administrator, and reads
// the answer into out. A refusal is returned as the error it tells of.
func (s *stage) rest(at atoll.SiteID, method, path string, in, out any) error {
	token, err := s.signIn(at)
	s.must(at, err)
	status, b, err := call(s.ctx, method, s.at(at).url+"/api/v1"+path, token, in)
	s.must(at, err)
	if status >= 400 {
		return problem(b)
	}
	if out != nil {
		s.must(at, json.Unmarshal(b, out))
	}
	return nil
}

// restAs makes one call as another user.
func (s *stage) restAs(at atoll.SiteID, name, password, method, path string, in any) error {
	token, err := s.session(at, name, password)
	s.must(at, err)
	status, b, err := call(s.ctx, method, s.at(at).url+"/api/v1"+path, token, in)
	s.must(at, err)
	if status >= 400 {
		return problem(b)
	}
	return nil
}

// signIn signs in over the API as the administrator, unless that was done lately.
func (s *stage) signIn(at atoll.SiteID) (string, error) {
	p := s.at(at)
	if p.token != "" && s.clock.now().Sub(p.signedIn) < time.Hour {
		return p.token, nil
	}
	token, err := s.session(at, admin, p.password)
	p.token, p.signedIn = token, s.clock.now()
	return token, err
}

// session signs a user in over the API.
func (s *stage) session(at atoll.SiteID, name, password string) (string, error) {
	status, b, err := call(s.ctx, http.MethodPost, s.at(at).url+"/api/v1/session", "", map[string]string{"name": name, "password": password})
	if err != nil {
		return "", err
	}
	if status != http.StatusCreated {
		return "", problem(b)
	}
	var session struct {
		Token string `json:"token"`
	}
	err = json.Unmarshal(b, &session)
	return session.Token, err
}

// problem is the error that an answer tells of.
func problem(b []byte) error {
	var p struct {
		Code   atoll.Code `json:"code"`
		Detail string     `json:"detail"`
		Title  string     `json:"title"`
	}
	if err := json.Unmarshal(b, &p); err != nil || p.Code == "" {
		return atoll.Errorf(atoll.Internal, "the answer is not understood: %.200s", b)
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return &atoll.Error{Code: p.Code, Message: p.Detail}
}

// most is how many bytes of an answer are read.
const most = 16 << 20

// call makes one request. Each has a connection of its own, so that none is left
// open.
func call(ctx context.Context, method, url, token string, in any) (int, []byte, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	return resp.StatusCode, b, err
}

// apiRecord is a record as the API tells of it.
type apiRecord struct {
	Version  uint64       `json:"version"`
	Editable bool         `json:"editable"`
	Fields   atoll.Fields `json:"fields"`
}

// readOnlyOverAPI wants a record to be shown over the API and an edit of it to be
// refused there.
func (s *stage) readOnlyOverAPI(at atoll.SiteID, kind atoll.Type, id atoll.ID, fields atoll.Fields) {
	path := fmt.Sprintf("/records/%s/%s", kind, id)
	var r apiRecord
	s.must(at, s.rest(at, http.MethodGet, path, nil, &r))
	s.check(at, !r.Editable && r.Version > 0, "over the REST API the %s is shown, as read-only", spoken(kind))
	err := s.rest(at, http.MethodPut, path, map[string]any{"version": r.Version, "fields": fields}, nil)
	s.refused(at, "an edit over the REST API", err, atoll.Ownership)
}

// editOverAPI changes a record over the API, as a program of the ministry might.
func (s *stage) editOverAPI(at atoll.SiteID, kind atoll.Type, id atoll.ID, fields atoll.Fields) {
	path := fmt.Sprintf("/records/%s/%s", kind, id)
	var r apiRecord
	s.must(at, s.rest(at, http.MethodGet, path, nil, &r))
	s.must(at, s.rest(at, http.MethodPut, path, map[string]any{"version": r.Version, "fields": fields}, nil))
}

// openOverAPI lists the stores that the API of a site offers to be opened.
func (s *stage) openOverAPI(at atoll.SiteID) string {
	var list struct {
		Stores []struct {
			Code string `json:"code"`
			Open bool   `json:"open"`
		} `json:"stores"`
	}
	s.must(at, s.rest(at, http.MethodGet, "/stores", nil, &list))
	var open []string
	for _, st := range list.Stores {
		if st.Open {
			open = append(open, st.Code)
		}
	}
	return strings.Join(open, " ")
}
