package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/yaml"
)

// introduction is the text at the head of the OpenAPI document.
const introduction = `The REST interface of one Atoll installation, the central server or a remote site.

Sign in with POST /session and send the token as "Authorization: Bearer …". Browsers may use the cookie instead; then requests that change something must come from pages of the same origin.

Every answer with a status of 400 or above is application/problem+json: its code is stable, its hint says what to do next; where a rule refused, rule names it and args has what it speaks of, as the reasons of GET /quarantine do. Bodies are JSON; unknown fields and unknown query parameters are refused. A record has at most 1 MiB, a transaction 8 MiB. Numbers in records keep the text they were written with.

What the central server alone may do (stores, visibility, sites, decisions about quarantine) answers 403 at a remote site and names the central server.`

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle string

// described is one operation as the page shows it.
type described struct {
	Method, Path, ID, Summary string
	Words                     []string
	Parameters                []*huma.Param
	Body                      string // the name of its schema
}

// describe serves the OpenAPI document, as JSON and YAML, and a page made from it, now
// that every operation is registered. Each is made when it is first asked for: starting
// waits for none of them.
func (s *server) describe() {
	document := sync.OnceValue(func() []byte {
		doc, err := json.Marshal(s.api.OpenAPI())
		if err != nil {
			panic(err) // a test makes the same document
		}
		return doc
	})
	for _, f := range []struct {
		path, kind string
		content    func() (content []byte, policy string)
	}{
		{"/openapi.json", "application/openapi+json", func() ([]byte, string) { return document(), "" }},
		{"/openapi.yaml", "application/openapi+yaml", func() ([]byte, string) {
			var text bytes.Buffer
			if err := yaml.Convert(&text, bytes.NewReader(document())); err != nil {
				panic(err) // as above
			}
			return text.Bytes(), ""
		}},
		{"/docs", "text/html; charset=utf-8", s.page},
	} {
		made := sync.OnceValues(f.content)
		s.mux.HandleFunc("GET "+prefix+f.path, func(w http.ResponseWriter, _ *http.Request) {
			content, policy := made()
			w.Header().Set("Content-Type", f.kind)
			if policy != "" {
				w.Header().Set("Content-Security-Policy", policy)
			}
			_, _ = w.Write(content) // whoever hung up needs no answer
		})
	}
}

// page makes the page and the policy under which a browser shows it: its own
// style and nothing else.
func (s *server) page() ([]byte, string) {
	doc := s.api.OpenAPI()
	groups := map[string][]described{}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			d := described{
				Method: op.Method, Path: prefix + path, ID: op.OperationID, Summary: op.Summary,
				Words: strings.Split(op.Description, "\n\n"), Parameters: op.Parameters,
			}
			if op.RequestBody != nil {
				for _, media := range op.RequestBody.Content {
					if media.Schema != nil {
						d.Body = strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")
					}
				}
			}
			groups[op.Tags[0]] = append(groups[op.Tags[0]], d)
		}
	}
	order := []string{"session", "users", "types", "records", "documents", "transfers", "reports", "merges", "patients", "stores", "sites", "sync", "quarantine"}
	for _, ops := range groups {
		slices.SortFunc(ops, func(a, b described) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	}
	schemas := map[string]string{}
	for name, schema := range doc.Components.Schemas.Map() {
		b, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			panic(err)
		}
		schemas[name] = string(b)
	}
	var out bytes.Buffer
	err := template.Must(template.New("docs").Parse(docsPage)).Execute(&out, map[string]any{
		"Style": template.CSS(docsStyle), "Words": strings.Split(introduction, "\n\n"), "Order": order, "Groups": groups,
		"Schemas": schemas, "Prefix": prefix, "Version": doc.Info.Version,
	})
	if err != nil {
		panic(err) // a test makes the same page
	}
	digest := sha256.Sum256([]byte(docsStyle))
	return out.Bytes(), "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(digest[:]) + "'"
}
