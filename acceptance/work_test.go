package acceptance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/topology"
)

// account is what people were told was done: every change whose command or request
// succeeded. Nothing of it may ever be missing.
type account struct {
	mu     sync.Mutex
	made   map[string][]atoll.Key // by place
	closed map[atoll.ID]string    // documents finalised, and where
	codes  map[string]int         // what was answered instead
	odd    []string               // answers that must not be
	more   chan struct{}          // something was added
	most   int                    // changes that people may make; 0 for as many as they can
}

func newAccount() *account {
	return &account{made: map[string][]atoll.Key{}, closed: map[atoll.ID]string{}, codes: map[string]int{}, more: make(chan struct{}, 1)}
}

func (a *account) add(place string, key atoll.Key) {
	a.mu.Lock()
	a.made[place] = append(a.made[place], key)
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// allow lets people make so many changes altogether.
func (a *account) allow(most int) {
	a.mu.Lock()
	a.most = most
	a.mu.Unlock()
}

// enough reports whether people have made as many changes as they may.
func (a *account) enough() bool {
	n := a.total()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most > 0 && n >= a.most
}

func (a *account) total() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, keys := range a.made {
		n += len(keys)
	}
	return n
}

// wrong are codes that no fault of a line, a disk or a power supply explains: the
// program takes a site for a copy, breaks its own chain, or does not know what
// happened to it.
var wrong = map[string]bool{
	string(atoll.Restored): true, string(atoll.Cloned): true, string(atoll.WrongChain): true, string(atoll.SiteMismatch): true,
	string(atoll.SiteDevice): true, string(atoll.Initialise): true, string(atoll.Internal): true,
}

func (a *account) answered(where, code, words string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.codes[code]++
	if wrong[code] && len(a.odd) < 20 {
		a.odd = append(a.odd, fmt.Sprintf("%s: %s: %s", where, code, words))
	}
}

// refused reads the error that a command printed with --json.
func (a *account) refused(where string, r result) {
	var e struct {
		Error struct{ Code, Message string }
	}
	if i := bytes.LastIndex([]byte(r.errOut), []byte(`{"error":`)); i >= 0 {
		_ = json.Unmarshal([]byte(r.errOut[i:]), &e)
	}
	if e.Error.Code == "" {
		e.Error.Code, e.Error.Message = fmt.Sprint("status ", r.status), r.errOut
	}
	a.answered(where, e.Error.Code, e.Error.Message)
}

// place is one installation: its directory, its server if it runs, and who works
// there.
type place struct {
	name  string
	store atoll.ID
	to    []atoll.ID // stores to send goods to
	token string
	items []atoll.ID

	mu  sync.Mutex
	srv *server
}

func (p *place) url() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.srv == nil {
		return ""
	}
	return p.srv.url
}

// worker is a person at a screen: edits over REST, one after the other.
type worker struct {
	*place
	account *account
	random  *rand.Rand
	client  http.Client
	own     []atoll.ID // locations made here
	stock   []atoll.ID // stock lines known here
	// itemsOnly has the centre's people make nothing else.
	itemsOnly bool
}

// work edits until ctx ends, and asks for a synchronisation now and then.
func (w *worker) work(ctx context.Context) {
	w.client.Timeout = 15 * time.Second
	for ctx.Err() == nil {
		url := w.url()
		if url == "" || w.account.enough() {
			w.idle(ctx)
			continue
		}
		if !w.step(ctx, url) {
			w.idle(ctx)
		}
	}
}

func (w *worker) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// step does one thing, and reports whether it went through.
func (w *worker) step(ctx context.Context, url string) bool {
	switch k := w.random.IntN(20); {
	case w.name == "centre" && k < 10 || w.itemsOnly:
		code := fmt.Sprintf("%x", w.random.Uint64())
		return w.put(ctx, url, "item", atoll.Fields{}.Set("code", code).Set("name", "Item "+code).Set("kind", "stock").Set("status", "active"))
	case k < 7:
		code := fmt.Sprintf("%x", w.random.Uint64())
		return w.put(ctx, url, "location", atoll.Fields{}.Set("store_id", w.store).Set("code", code).Set("name", "Shelf "+code))
	case k < 9 && len(w.own) > 0:
		return w.change(ctx, url)
	case k < 11:
		return w.stockUp(ctx, url)
	case k < 15:
		return w.ship(ctx, url)
	case k < 16:
		return w.receive(ctx, url)
	case k < 17:
		return w.mark(ctx, url)
	case w.name != "centre":
		return w.call(ctx, url, http.MethodPost, "/sync", nil, nil)
	}
	return w.stockUp(ctx, url)
}

func (w *worker) put(ctx context.Context, url string, kind atoll.Type, f atoll.Fields) bool {
	id := atoll.NewID(time.Now())
	in := map[string]any{"changes": []any{map[string]any{"verb": "insert", "type": kind, "id": id, "fields": f}}}
	if !w.call(ctx, url, http.MethodPost, "/records", in, nil) {
		return false
	}
	w.account.add(w.name, atoll.Key{Type: kind, ID: id})
	if kind == "location" {
		w.own = append(w.own, id)
	}
	return true
}

// change gives a location another name.
func (w *worker) change(ctx context.Context, url string) bool {
	id := w.own[w.random.IntN(len(w.own))]
	var now struct{ Version uint64 }
	if !w.call(ctx, url, http.MethodGet, "/records/location/"+string(id), nil, &now) {
		return false
	}
	f := atoll.Fields{}.Set("name", fmt.Sprint("Shelf ", w.random.Uint64()))
	return w.call(ctx, url, http.MethodPost, "/records", map[string]any{"changes": []any{
		map[string]any{"verb": "update", "type": "location", "id": id, "version": now.Version, "fields": f},
	}}, nil)
}

// document makes a document with one line and finalises it.
func (w *worker) document(ctx context.Context, url string, f, line atoll.Fields) bool {
	id := atoll.NewID(time.Now())
	in := map[string]any{"id": id, "fields": f.Set("store_id", w.store), "lines": []any{map[string]any{"fields": line}}}
	if !w.call(ctx, url, http.MethodPost, "/invoices", in, nil) {
		return false
	}
	w.account.add(w.name, atoll.Key{Type: "invoice", ID: id})
	return w.close(ctx, url, id, "finalise")
}

func (w *worker) close(ctx context.Context, url string, id atoll.ID, act string) bool {
	if !w.call(ctx, url, http.MethodPost, "/invoices/"+string(id)+"/"+act, nil, nil) {
		return false
	}
	w.account.mu.Lock()
	w.account.closed[id] = w.name
	w.account.mu.Unlock()
	return true
}

// stockUp brings goods in.
func (w *worker) stockUp(ctx context.Context, url string) bool {
	return w.document(ctx, url, atoll.Fields{}.Set("kind", "inventory_addition"), atoll.Fields{}.
		Set("item_id", w.items[w.random.IntN(len(w.items))]).Set("batch", fmt.Sprintf("B%x", w.random.Uint32())).
		Set("pack_size", json.Number("10")).Set("number_of_packs", json.Number(fmt.Sprint(1+w.random.IntN(40)))).
		Set("cost_price_per_pack", json.Number("1.50")).Set("sell_price_per_pack", json.Number("2")))
}

// ship sends goods to another store.
func (w *worker) ship(ctx context.Context, url string) bool {
	if len(w.stock) == 0 || w.random.IntN(10) == 0 {
		var page struct{ Records []struct{ ID atoll.ID } }
		if !w.call(ctx, url, http.MethodGet, "/records/stock_line?limit=200&where[store_id]="+string(w.store), nil, &page) {
			return false
		}
		w.stock = nil
		for _, r := range page.Records {
			w.stock = append(w.stock, r.ID)
		}
		if len(w.stock) == 0 {
			return w.stockUp(ctx, url)
		}
	}
	to := w.to[w.random.IntN(len(w.to))]
	return w.document(ctx, url, atoll.Fields{}.Set("kind", "customer_invoice").Set("name_id", topology.StoreNameID(to)),
		atoll.Fields{}.Set("stock_line_id", w.stock[w.random.IntN(len(w.stock))]).Set("number_of_packs", json.Number("1")))
}

// receive takes in what another store sent.
func (w *worker) receive(ctx context.Context, url string) bool {
	var page struct {
		Records []struct {
			ID     atoll.ID
			Fields atoll.Fields
		}
	}
	if !w.call(ctx, url, http.MethodGet, "/invoices?limit=200&kind=supplier_invoice&status="+[]string{"new", "suggested", "confirmed"}[w.random.IntN(3)]+"&store="+string(w.store), nil, &page) {
		return false
	}
	for _, r := range page.Records {
		if s := r.Fields.Text("status"); s != "finalised" && s != "cancelled" {
			return w.close(ctx, url, r.ID, "receive")
		}
	}
	return true
}

// mark marks a message as processed.
func (w *worker) mark(ctx context.Context, url string) bool {
	var page struct {
		Records []struct {
			ID       atoll.ID
			Version  uint64
			Editable bool
			Fields   atoll.Fields
		}
	}
	if !w.call(ctx, url, http.MethodGet, "/records/message?limit=500", nil, &page) {
		return false
	}
	for _, r := range page.Records {
		if r.Editable && r.Fields.Text("status") == "new" {
			return w.call(ctx, url, http.MethodPost, "/records", map[string]any{"changes": []any{
				map[string]any{"verb": "update", "type": "message", "id": r.ID, "version": r.Version, "fields": atoll.Fields{}.Set("status", "processed")},
			}}, nil)
		}
	}
	return true
}

// call makes one request. What is not answered with success is noted, and not known
// to have been done.
func (w *worker) call(ctx context.Context, url, method, path string, in, out any) bool {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.token)
	answer, err := w.client.Do(req)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return false
	}
	if answer.StatusCode >= 300 {
		var p struct{ Code, Detail string }
		_ = json.Unmarshal(text, &p)
		w.account.answered(w.name+" "+method+" "+path, p.Code, p.Detail)
		return false
	}
	if out != nil && json.Unmarshal(text, out) != nil {
		w.account.answered(w.name+" "+method+" "+path, "unreadable", string(text))
		return false
	}
	return true
}

// signIn gets the token of the place's administrator.
func signIn(ctx context.Context, url, password string) (string, error) {
	body, err := json.Marshal(map[string]string{"name": "admin", "password": password})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/session", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var out struct{ Token string }
	err = json.NewDecoder(answer.Body).Decode(&out)
	if out.Token == "" {
		err = errors.Join(err, fmt.Errorf("signing in: %s", answer.Status))
	}
	return out.Token, err
}
