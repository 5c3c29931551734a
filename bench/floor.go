package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	_ "modernc.org/sqlite" // the driver "sqlite", the same as Atoll's
)

// The floor: records go from one SQLite file into another over HTTP, compressed,
// one durable transaction a batch, and nothing else happens. No record is looked
// at, nothing is checked, remembered, logged, chained, routed or counted. Nothing
// that moves the same records durably can do much less.

// item is a record to the floor: an id and bytes.
type item struct {
	id   string
	body []byte
}

// openFloor makes the floor's database. Its settings are those of
// storage/sqlite. A record is found by its id and read in order of arrival, as
// anything that passes records on must.
func openFloor(file string) (*sql.DB, error) {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "fullfsync(1)", "temp_store(memory)",
		"cache_size(-16384)", "wal_autocheckpoint(8000)",
	}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(context.Background(), `CREATE TABLE record (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)`)
	return db, err
}

// floorStore is one open database of the floor. One connection writes, as
// SQLite allows no more, and its statement is prepared once.
type floorStore struct {
	db     *sql.DB
	mu     sync.Mutex
	conn   *sql.Conn
	insert *sql.Stmt
	read   *sql.Stmt
}

func newFloorStore(file string) (*floorStore, error) {
	db, err := openFloor(file)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	s := &floorStore{db: db}
	if s.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if s.insert, err = s.conn.PrepareContext(ctx, `INSERT INTO record (id, body) VALUES (?, ?)`); err != nil {
		return nil, err
	}
	s.read, err = db.PrepareContext(ctx, `SELECT position, id, body FROM record WHERE position > ? ORDER BY position LIMIT ?`)
	return s, err
}

func (s *floorStore) close() error {
	return errors.Join(s.insert.Close(), s.read.Close(), s.conn.Close(), s.db.Close())
}

// write is one durable transaction.
func (s *floorStore) write(batch []item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx := context.Background()
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, it := range batch {
		if _, err := s.insert.ExecContext(ctx, it.id, string(it.body)); err != nil {
			_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
			return err
		}
	}
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	return err
}

// page reads records after a position, and the position of the last.
func (s *floorStore) page(after int64, limit int) (batch []item, last int64, err error) {
	rows, err := s.read.QueryContext(context.Background(), after, limit)
	if err != nil {
		return nil, after, err
	}
	defer rows.Close()
	last = after
	for rows.Next() {
		var it item
		if err := rows.Scan(&last, &it.id, &it.body); err != nil {
			return nil, last, err
		}
		batch = append(batch, it)
	}
	return batch, last, rows.Err()
}

// zstds lends encoders and decoders, which are costly to make.
type zstds struct {
	enc chan *zstd.Encoder
	dec chan *zstd.Decoder
}

func newZstds() *zstds { return &zstds{make(chan *zstd.Encoder, 8), make(chan *zstd.Decoder, 8)} }

func (z *zstds) encoder() (*zstd.Encoder, error) {
	select {
	case e := <-z.enc:
		return e, nil
	default:
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	}
}

func (z *zstds) decoder() (*zstd.Decoder, error) {
	select {
	case d := <-z.dec:
		return d, nil
	default:
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	}
}

// keep puts back what was lent, unless there is enough.
func keep[T any](kept chan T, x T) {
	select {
	case kept <- x:
	default:
	}
}

// send writes a batch as lengths and bytes, compressed.
func (z *zstds) send(w io.Writer, batch []item) error {
	e, err := z.encoder()
	if err != nil {
		return err
	}
	defer keep(z.enc, e)
	e.Reset(w)
	var head []byte
	for _, it := range batch {
		head = binary.AppendUvarint(binary.AppendUvarint(head[:0], uint64(len(it.id))), uint64(len(it.body)))
		for _, b := range [][]byte{head, []byte(it.id), it.body} {
			if _, err := e.Write(b); err != nil {
				return err
			}
		}
	}
	return e.Close()
}

// receive reads a batch.
func (z *zstds) receive(r io.Reader) (batch []item, err error) {
	d, err := z.decoder()
	if err != nil {
		return nil, err
	}
	defer keep(z.dec, d)
	if err := d.Reset(r); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(d)
	for err == nil && len(b) > 0 {
		id, n := binary.Uvarint(b)
		body, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || uint64(len(b)) < uint64(n+m)+id+body {
			return nil, io.ErrUnexpectedEOF
		}
		b = b[n+m:]
		batch = append(batch, item{string(b[:id]), b[id : id+body]})
		b = b[id+body:]
	}
	return batch, err
}

// floorServer takes batches and gives pages.
type floorServer struct {
	*floorStore
	*zstds
	server *http.Server
	url    string
}

func startFloor(dir string) (*floorServer, error) {
	store, err := newFloorStore(filepath.Join(dir, "floor-centre.db"))
	if err != nil {
		return nil, err
	}
	f := &floorServer{floorStore: store, zstds: newZstds()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", f.exchange)
	f.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, store.close())
	}
	f.url = "http://" + ln.Addr().String()
	go func() { _ = f.server.Serve(ln) }()
	return f, nil
}

// exchange takes what is in the request, durably, and answers with what is after
// the caller's position, if he asks for that.
func (f *floorServer) exchange(w http.ResponseWriter, r *http.Request) {
	batch, err := f.receive(r.Body)
	if err == nil && len(batch) > 0 {
		err = f.write(batch)
	}
	var page []item
	if limit, _ := strconv.Atoi(r.FormValue("limit")); err == nil && limit > 0 {
		after, _ := strconv.ParseInt(r.FormValue("after"), 10, 64)
		page, after, err = f.page(after, limit)
		w.Header().Set("Last", strconv.FormatInt(after, 10))
	}
	if err == nil {
		err = f.send(w, page)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f *floorServer) close() error { return errors.Join(f.server.Close(), f.floorStore.close()) }

// floorClient speaks to a floorServer.
type floorClient struct {
	*zstds
	http *http.Client
	url  string
}

func newFloorClient(url string, connections int) *floorClient {
	return &floorClient{newZstds(), &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: connections}}, url}
}

// exchange is one request: what is sent up, and up to limit records after the
// position that come down.
func (c *floorClient) exchange(ctx context.Context, up []item, after int64, limit int) (page []item, last int64, err error) {
	var body bytes.Buffer
	if err := c.send(&body, up); err != nil {
		return nil, after, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/?after=%d&limit=%d", c.url, after, limit), &body)
	if err != nil {
		return nil, after, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, after, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, after, fmt.Errorf("the floor answered %s", resp.Status)
	}
	page, err = c.receive(resp.Body)
	if last = after; resp.Header.Get("Last") != "" {
		last, _ = strconv.ParseInt(resp.Header.Get("Last"), 10, 64)
	}
	return page, last, err
}
