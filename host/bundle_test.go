package host_test

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/host"
	"github.com/atollsync/atoll/journal"
	"github.com/atollsync/atoll/storage"
)

// bundled are the files of a host's bundle.
func bundled(t *testing.T, h *host.Host) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := h.Bundle(t.Context(), "helper", &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// TestR_H_53_BundleTellsNoSecret: the file for support tells what happened at both
// ends, and holds no password, key or token, no word of a patient or of any other
// record, and nothing that people wrote; who took it stands in the journal.
// (R-I-12, R-K-50.)
func TestR_H_53_BundleTellsNoSecret(t *testing.T) {
	p := newPair(t)
	const said, reason = "Zebulon", "because Zebulon asked"
	who, err := p.site.Station.Register(t.Context(), "keeper", "patient", p.store, atoll.Fields{}.
		Set("first_name", said).Set("last_name", said+"son").Set("date_of_birth", "1970-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	p.edit(p.site, location(p, "shelf of "+said))
	// What is refused is refused in words that quote the record.
	wrong := location(p, said)
	wrong.Fields.Set("on_hold", said)
	_, err = p.site.Station.Edit(t.Context(), journal.Edit{Actor: "keeper", Cause: atoll.Cause{Kind: "user"}, Do: []journal.Proposal{wrong}})
	if err == nil {
		t.Fatal("it was not refused")
	}
	for _, h := range []*host.Host{p.site, p.centre} {
		h.Log.Warn("refused", "err", err)
		h.Log.Warn("refused again", "err", atoll.Errorf(atoll.Rule, "%s is not well", said).About(atoll.Key{Type: "patient", ID: who}))
		h.Log.Info("broken", "err", errors.New("disk I/O error"))
	}
	if _, err := p.site.Site.Cycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.centre.Centre.Pause(t.Context(), "technician", p.site.Station.Identity.Site, reason); err != nil {
		t.Fatal(err)
	}
	refuse(t, p, who, said)
	secrets := []string{said, reason, p.passwords[0], p.passwords[1], "helper"}
	for _, h := range []*host.Host{p.centre, p.site} {
		secrets = append(secrets, keysOf(t, h)...)
	}
	for name, h := range map[string]*host.Host{"centre": p.centre, "site": p.site} {
		files := bundled(t, h)
		for file, text := range files {
			for _, secret := range secrets {
				if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
					t.Errorf("%s of the %s tells %q:\n%s", file, name, secret, text)
				}
			}
			if strings.HasSuffix(file, ".json") && !json.Valid([]byte(text)) {
				t.Errorf("%s of the %s is no JSON: %s", file, name, text)
			}
		}
		for file, want := range map[string]string{
			"about.json": `"App": "1.2.3"`, "health.json": `"database": "ok"`, "records.json": `"patient"`, "quarantine.jsonl": `"schema"`,
			"metrics.txt": "atoll_build_info", "log.jsonl": "disk I/O error", "settings.json": "URL", "sync-log.jsonl": `"cycle"`,
			"status.json": "", "README.txt": "support", "exceptions.jsonl": "",
		} {
			if text, ok := files[file]; !ok || !strings.Contains(text, want) {
				t.Errorf("%s of the %s does not tell %q:\n%s", file, name, want, text)
			}
		}
		if !strings.Contains(files["log.jsonl"], "business_rule patient/"+string(who)) {
			t.Errorf("the log of the %s does not say what was refused:\n%s", name, files["log.jsonl"])
		}
		taken, err := h.Station.History(t.Context(), newest(t, h, "system_log"), 1)
		if err != nil || len(taken) != 1 || taken[0].Actor != "helper" {
			t.Errorf("the journal of the %s says %+v, %v", name, taken, err)
		}
	}
}

// keysOf are the secrets of a database: what has no business outside it.
func keysOf(t *testing.T, h *host.Host) (out []string) {
	t.Helper()
	err := h.Store.View(t.Context(), func(r storage.Reader) error {
		for _, bucket := range []string{"token", "session", "user"} {
			items, err := r.Scan(bucket, "", 0, false)
			if err != nil {
				return err
			}
			for _, it := range items {
				if bucket == "session" {
					out = append(out, it.Key)
				}
				if bucket == "token" && len(it.Value) > 30 {
					out = append(out, string(it.Value))
				}
				var u struct{ Hash, Password string }
				if json.Unmarshal(it.Value, &u) == nil && u.Hash+u.Password != "" {
					out = append(out, u.Hash+u.Password)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if key := h.Station.Identity.Key; len(key) > 0 {
		b, _ := json.Marshal(key)
		out = append(out, hex.EncodeToString(key), strings.Trim(string(b), `"`))
	}
	return out
}

// refuse has the centre keep a change of the site in quarantine, in words that quote
// it, and the site know of it.
func refuse(t *testing.T, p *pair, who atoll.ID, said string) {
	t.Helper()
	key, site := atoll.Key{Type: "patient", ID: who}, p.site.Station.Identity.Site
	err := p.centre.Store.Update(t.Context(), func(tx storage.Tx) error {
		_, err := tx.Refuse(storage.Refusal{
			Site: site, Timeline: "5c1d2e3f4a5b6c7d", Seq: 9, Code: atoll.Schema, Layer: "schema", Message: said + " is no date", Subject: key,
			Field: "date_of_birth", Keys: []atoll.Key{key}, Content: []byte(said), At: p.clock.Now(), State: storage.Open,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(exchange.Refusal{Seq: 9, Code: atoll.Schema, Layer: "schema", Message: said + " is no date", Type: key.Type, ID: key.ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.site.Store.Update(t.Context(), func(tx storage.Tx) error { return tx.Set("refused", "9", b) }); err != nil {
		t.Fatal(err)
	}
}

// newest is the key of the record of the type that was made last.
func newest(t *testing.T, h *host.Host, of atoll.Type) atoll.Key {
	t.Helper()
	list, _, err := h.Station.Records(t.Context(), storage.Query{Type: of, Limit: 100})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d, %v", len(list), err)
	}
	return list[len(list)-1].Key
}
