package sqlite

import "strings"

// behind holds rows that a transaction has yet to write. A batch of records comes as
// hundreds of rows in four tables: many of a table in one statement cost half of what
// one each does, and while SQLite writes them the caller judges the next. Whatever
// else the transaction asks of the database, it asks after they are written.
type behind struct {
	rows    [len(inserts)][]any
	waiting int // rows
	size    int // of their texts and bytes
	writing chan error
	err     error // of rows that could not be written: the transaction, or the savepoint, cannot stand
}

// Bounds of what is held, rows and bytes, and of the rows in one statement.
const (
	mostBehind = 512
	mostSize   = 1 << 20
	mostRows   = 64
)

// The tables that are written behind.
const (
	toRecord = iota
	toIndex
	toFeed
	toJournal
)

// insert is how rows get into a table: with statements for 1, 2, 4 … rows.
type insert struct {
	doing      string
	columns    int
	statements []string
}

var inserts = [...]insert{
	toRecord: inserting("write a record", `INSERT INTO record (position, type, id, version, state, origin_site, origin_seq, audiences, indexed, body, seal) VALUES `, 11, ""),
	toIndex:  inserting("index a record", `INSERT OR IGNORE INTO record_index (type, field, value, id) VALUES `, 4, ""),
	// The same line again takes the place of the first.
	toFeed: inserting("write the feed", `INSERT INTO feed (audience, position, type, id, gone, forced) VALUES `, 6,
		` ON CONFLICT (audience, position, type, id) DO UPDATE SET gone = excluded.gone, forced = excluded.forced`),
	toJournal: inserting("append to a journal", `INSERT INTO journal (site, seq, timeline, hash, received, content) VALUES `, 6, ""),
}

func inserting(doing, head string, columns int, tail string) insert {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	i := insert{doing: doing, columns: columns}
	for n := 1; n <= mostRows; n *= 2 {
		i.statements = append(i.statements, head+row+strings.Repeat(", "+row, n-1)+tail)
	}
	return i
}

// later has a row written before anything else is asked. It fails when rows before
// it could not be written.
func (t *tx) later(table int, values ...any) error {
	if err := t.ready(); err != nil {
		return err
	}
	if t.behind.err != nil {
		return t.behind.err
	}
	t.behind.rows[table] = append(t.behind.rows[table], values...)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			t.behind.size += len(v)
		case []byte:
			t.behind.size += len(v)
		}
	}
	if t.behind.waiting++; t.behind.waiting < mostBehind && t.behind.size < mostSize {
		return nil
	}
	if err := t.written(); err != nil {
		return err
	}
	rows := t.behind.rows
	t.behind.rows, t.behind.waiting, t.behind.size = [len(inserts)][]any{}, 0, 0
	t.behind.writing = make(chan error, 1)
	go func(over chan<- error) { over <- t.write(rows) }(t.behind.writing)
	return nil
}

// written waits until rows that are being written are.
func (t *tx) written() error {
	if t.behind.writing != nil {
		t.broken(<-t.behind.writing)
		t.behind.writing = nil
	}
	return t.behind.err
}

// writeBehind writes all that is to be written.
func (t *tx) writeBehind() error {
	if err := t.written(); err != nil || t.behind.waiting == 0 {
		return err
	}
	if err := t.write(t.behind.rows); err != nil {
		t.broken(err)
		return t.behind.err
	}
	for i := range t.behind.rows {
		clear(t.behind.rows[i])
		t.behind.rows[i] = t.behind.rows[i][:0]
	}
	t.behind.waiting, t.behind.size = 0, 0
	return nil
}

// broken notes why rows could not be written.
func (t *tx) broken(err error) {
	if t.behind.err = err; fatal(err) {
		t.err = err
	}
}

// giveUp forgets what is to be written: it is undone.
func (t *tx) giveUp() {
	_ = t.written() // whatever came of it
	t.behind = behind{}
}

// write writes rows with as few statements as there are ones in the binary form of
// their number.
func (t *tx) write(rows [len(inserts)][]any) error {
	for table, values := range rows {
		into := inserts[table]
		for size := len(into.statements) - 1; len(values) > 0; {
			n := into.columns << size
			if len(values) < n {
				size--
				continue
			}
			if _, err := t.run(into.statements[size], values[:n]); err != nil {
				return explain(into.doing, err)
			}
			values = values[n:]
		}
	}
	return nil
}

// end rolls back what was not committed.
func (t *tx) end() *session {
	t.giveUp()
	return t.reader.end()
}
