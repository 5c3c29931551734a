package host

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/central"
	"github.com/atollsync/atoll/exchange"
	"github.com/atollsync/atoll/site"
	"github.com/atollsync/atoll/station"
	"github.com/atollsync/atoll/storage"
	"github.com/atollsync/atoll/wire"
)

// A site's data can come in a file (R-H-41). The site first makes a request: a line
// of text that holds its public key, its device and a challenge. The centre answers
// with a file that only this site can read, and that repeats the challenge: so the
// site knows that whoever made the file had its request.

const (
	requestMark = "atoll-request1."
	maxRequest  = 4096
)

// request is what the line of text holds.
type request struct {
	central.Request
	Challenge string `json:"challenge"`
}

// bundleHead is the first line of the file, before the frames.
type bundleHead struct {
	Format    int          `json:"format"`
	Challenge string       `json:"challenge"`
	Site      atoll.SiteID `json:"site"`
	Name      string       `json:"name"`
	System    atoll.ID     `json:"system"`
	URL       string       `json:"url"`
	Pin       string       `json:"pin,omitempty"`
}

// SiteRequest returns the line with which the centre makes this site's file. It is
// the same line until the site has its data.
func (h *Host) SiteRequest(ctx context.Context) (string, error) {
	id := h.Station.Identity
	if id.Role != station.Remote || id.Site != 0 {
		return "", atoll.Errorf(atoll.Invalid, "only a site that is not enrolled yet asks for its data in a file").
			Do("fill this site anew with: atoll init site --again")
	}
	q, err := h.loadRequest(ctx)
	if errors.Is(err, atoll.NotFound) {
		public, _ := ed25519.NewKeyFromSeed(id.Key).Public().(ed25519.PublicKey)
		var c [16]byte
		_, _ = rand.Read(c[:]) // never fails
		q = request{Challenge: hex.EncodeToString(c[:]), Request: central.Request{
			Key: public, Device: h.Device, Timeline: atoll.NewTimeline(), Protocol: exchange.Protocol, App: h.App,
			Catalogue: h.Catalogue.Version(), CatalogueHash: h.Catalogue.Hash(),
		}}
		err = h.Store.Update(ctx, func(tx storage.Tx) error { return storage.Save(tx, shelfHost, "request", q) })
	}
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(q)
	return requestMark + base64.RawURLEncoding.EncodeToString(b), err
}

func (h *Host) loadRequest(ctx context.Context) (q request, err error) {
	err = h.Store.View(ctx, func(r storage.Reader) error { return storage.Load(r, shelfHost, "request", &q) })
	return q, err
}

func parseRequest(text string) (q request, err error) {
	text = strings.TrimSpace(text)
	bad := atoll.Errorf(atoll.Invalid, "that is not a site's request").Do("on the site's machine: atoll init site --request")
	body, ok := strings.CutPrefix(text, requestMark)
	if !ok || len(text) > maxRequest {
		return q, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(b, &q) != nil || len(q.Key) != ed25519.PublicKeySize || len(q.Challenge) != 32 {
		return q, bad
	}
	return q, nil
}

// recipient is whom the file is encrypted for: the key that the site signs in with,
// in the form that age takes for such.
func recipient(key []byte) (age.Recipient, error) {
	var b []byte
	for _, part := range [][]byte{[]byte("ssh-ed25519"), key} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...) //nolint:gosec // 11 and 32 bytes
	}
	return agessh.ParseRecipient("ssh-ed25519 " + base64.StdEncoding.EncodeToString(b))
}

// ExportSite writes a file with everything the site would receive on its first
// initialisation, and enrols the site with what its request says (R-H-41). A
// database that had the site's place before has lost it.
func (h *Host) ExportSite(ctx context.Context, actor string, id atoll.SiteID, text string, to io.Writer) error {
	if h.Centre == nil {
		return atoll.Errorf(atoll.NotHere, "only the central server exports sites")
	}
	q, err := parseRequest(text)
	if err != nil {
		return err
	}
	t, err := h.Station.Topology(ctx)
	if err != nil {
		return err
	}
	s, ok := t.Site(id)
	if !ok || id == t.Centre() {
		return atoll.Errorf(atoll.NotFound, "there is no remote site %d", id).Do("list the sites with: atoll site list")
	}
	ticket, err := h.Ticket("")
	if err != nil {
		return err
	}
	head := bundleHead{Format: 1, Challenge: q.Challenge, Site: id, Name: s.Name, System: h.Station.Identity.System, URL: ticket.URL}
	if !ticket.Pin.IsZero() {
		head.Pin = ticket.Pin.String()
	}
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	reader, err := recipient(q.Key)
	if err != nil {
		return err
	}
	out, err := age.Encrypt(to, reader)
	if err != nil {
		return err
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := wire.WriteBundle(out, h.Centre.Export(ctx, actor, id, q.Request)); err != nil {
		return err
	}
	return out.Close()
}

// ImportSite gives this site its place and its data from a file of the centre: as
// if it had enrolled and initialised over the line. It goes on with its first
// exchange from where the file ends. An import that was cut off may be repeated.
func (h *Host) ImportSite(ctx context.Context, from io.Reader) (exchange.Enrolled, error) {
	var none exchange.Enrolled
	id := h.Station.Identity
	if id.Role != station.Remote {
		return none, atoll.Errorf(atoll.NotHere, "this is the central server; only remote sites import their data")
	}
	q, err := h.loadRequest(ctx)
	if errors.Is(err, atoll.NotFound) {
		return none, atoll.Errorf(atoll.Invalid, "this site has made no request, so no file can be for it").
			Do("make one with: atoll init site --request; and give it to the centre")
	}
	if err != nil {
		return none, err
	}
	key, err := agessh.NewEd25519Identity(ed25519.NewKeyFromSeed(id.Key))
	if err != nil {
		return none, err
	}
	plain, err := age.Decrypt(from, key)
	if err != nil {
		return none, atoll.Errorf(atoll.Denied, "the file is not for this site, or damaged: %w", err).
			Do("have it made again from this site's request: atoll init site --request")
	}
	in := bufio.NewReaderSize(plain, 64<<10)
	head, err := readHead(in)
	if err != nil {
		return none, err
	}
	if subtle.ConstantTimeCompare([]byte(head.Challenge), []byte(q.Challenge)) != 1 {
		return none, atoll.Errorf(atoll.Denied, "the file was not made from this site's request").
			Do("have it made again from: atoll init site --request")
	}
	if id.Site != 0 && (id.Site != head.Site || id.System != head.System) {
		return none, atoll.Errorf(atoll.SiteMismatch, "this database is site %d; the file is for site %d", id.Site, head.Site)
	}
	id.Site, id.System, id.Name, id.URL, id.Pin = head.Site, head.System, head.Name, head.URL, head.Pin
	err = h.Store.Update(ctx, func(tx storage.Tx) error {
		known, err := tx.Head(id.Site)
		if err != nil {
			return err
		}
		if known.Timeline == "" {
			if err := tx.SetBase(id.Site, atoll.Head{Timeline: q.Timeline}); err != nil {
				return err
			}
		}
		return station.SaveIdentity(tx, id)
	})
	if err != nil {
		return none, err
	}
	if err := h.assemble(ctx); err != nil {
		return none, err
	}
	if err := h.Site.Begin(ctx); err != nil {
		return none, err
	}
	return exchange.Enrolled{Site: id.Site, Name: id.Name, System: id.System}, h.take(ctx, wire.ReadBundle(in))
}

func readHead(in *bufio.Reader) (head bundleHead, err error) {
	line, err := in.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &head)
	}
	switch {
	case err != nil:
		return head, atoll.Errorf(atoll.Damaged, "the file is damaged: %w", err)
	case head.Format != 1:
		return head, atoll.Errorf(atoll.OldProtocol, "the file has format %d, which this program does not know", head.Format).Do("upgrade this program")
	}
	return head, nil
}

// take runs a cycle of the site with the file in the place of the centre.
func (h *Host) take(ctx context.Context, frames iter.Seq2[exchange.Frame, error]) error {
	options := h.Site.Options
	options.Centre = &fileCentre{frames: frames}
	_, err := site.New(options).Cycle(ctx)
	st, serr := h.Site.Status(ctx)
	switch {
	case serr != nil:
		return serr
	case st.State == site.Ready:
		return nil // what processors made of it is sent over the line
	case err == nil:
		err = atoll.Errorf(atoll.Damaged, "the file does not hold all of the site's data")
	}
	return err
}

// fileCentre answers one exchange, from a file.
type fileCentre struct {
	frames iter.Seq2[exchange.Frame, error]
}

// Exchange implements exchange.Centre.
func (c *fileCentre) Exchange(context.Context, exchange.Hello, iter.Seq2[exchange.Entry, error]) iter.Seq2[exchange.Frame, error] {
	frames := c.frames
	c.frames = nil
	if frames == nil {
		return func(yield func(exchange.Frame, error) bool) {
			yield(nil, atoll.Errorf(atoll.Unavailable, "the file has been read; the rest goes over the line"))
		}
	}
	return frames
}
