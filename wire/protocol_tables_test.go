package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/exchange"
)

func codesTable() string {
	var b strings.Builder
	b.WriteString("\n| code | status | in words |\n|---|---|---|\n")
	for _, c := range atoll.Codes {
		status, title, _ := c.HTTP()
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", c, status, title)
	}
	return b.String() + "\n"
}

func limitsTable(t *testing.T) string {
	t.Helper()
	l := Limits{}.withDefaults()
	var b strings.Builder
	b.WriteString("\n| what | limit |\n|---|---|\n")
	row := func(what string, value any) { fmt.Fprintf(&b, "| %s | %v |\n", what, value) }
	row("request body as sent, bytes", l.Body)
	row("request after decompression, bytes", l.Content)
	row("answer after decompression, bytes (what the client of this program takes)", answerBytes)
	row("window a decompressor must have, bytes; a larger one is refused", window)
	row("entries in one request", l.Entries)
	row("content in one request or answer, bytes", exchange.MaxBytes)
	row("records in one answer", exchange.MaxRecords)
	row("audiences in one subscription; numbers in `queued`", exchange.MaxAudiences)
	row("records in `found`", exchange.MaxFound)
	row("bodies of `found`, bytes", exchange.MaxFoundBytes)
	row("backfills named in a Hello, and served in one exchange", exchange.MaxBackfills)
	row("runs either side remembers", exchange.MaxRuns)
	row("one entry, bytes", atoll.MaxEntry)
	row("operations in one entry", atoll.MaxOperations)
	row("actor, cause kind and cause ref of an entry, bytes each", constant(t, "../entry.go", "maxLabel"))
	row("body of one record, bytes", atoll.MaxBody)
	row("nesting of one field's value, levels", atoll.MaxDepth)
	row("a short text of a Hello; type, id or lane of a record, bytes", maxText)
	for _, k := range []Kind{KindHello, KindShort, KindPacked, KindEntry, KindDone, KindWelcome, KindReceipt, KindSubscription, KindRecord, KindCheckpoint, KindEnd, KindQuiet, KindProblem} {
		row(fmt.Sprintf("payload of a frame `%c`, bytes", k), limits[k])
	}
	row("body of any other route, bytes, both ways", maxMessage)
	row("body of a problem, bytes", maxProblem)
	row("token, characters", maxToken)
	row("without a byte, until either side gives a connection up", l.Idle)
	row("exchanges at a time, all sites", l.Concurrent)
	row("requests of all sites, a second (burst)", fmt.Sprintf("%v (%d)", l.TotalRate, l.TotalBurst))
	row("exchanges of one site, a second (burst)", fmt.Sprintf("%v (%d)", l.SiteRate, l.SiteBurst))
	row("failed enrolments, challenges and sign-ins of one address, a second (burst)", fmt.Sprintf("%v (%d)", l.WrongRate, l.WrongBurst))
	for _, c := range [][3]string{
		{"life of a one-time code", "../central/gate.go", "codeLife"},
		{"life of a challenge", "../central/gate.go", "nonceLife"},
		{"life of a token", "../central/gate.go", "tokenLife"},
		{"site locked after too many wrong codes for", "../central/gate.go", "lockTime"},
		{"usual time between cycles", "../site/link.go", "DefaultInterval"},
		{"wait after a first failure that time may mend", "../site/driver.go", "firstRetry"},
	} {
		row(c[0], time.Duration(constant(t, c[1], c[2])))
	}
	row("wrong codes that lock a site", constant(t, "../central/gate.go", "maxFailures"))
	row("a sender ends a block after bytes", flushBytes)
	row("… or frames", flushFrames)
	row("… or, in an answer, this long", flushAfter)
	return b.String() + "\n"
}

// constant returns the value of a constant of another package: the document tells
// it, and a test may not make it exported.
func constant(t *testing.T, file, name string) (value int64) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	must(t, err)
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok && len(s.Names) == 1 && s.Names[0].Name == name && len(s.Values) == 1 {
			value, found = number(t, s.Values[0]), true
		}
		return !found
	})
	if !found {
		t.Errorf("%s has no constant %s", file, name)
	}
	return value
}

func number(t *testing.T, e ast.Expr) int64 {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		n, err := strconv.ParseInt(e.Value, 0, 64)
		must(t, err)
		return n
	case *ast.BinaryExpr:
		if e.Op == token.MUL {
			return number(t, e.X) * number(t, e.Y)
		}
	case *ast.SelectorExpr:
		if d, ok := map[string]time.Duration{"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}[e.Sel.Name]; ok {
			return int64(d)
		}
	}
	t.Fatalf("a constant this test cannot read: %T", e)
	return 0
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func indentJSON(t *testing.T, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	must(t, json.Indent(&out, b, "", "  "))
	return out.String()
}

// wrapHex writes 32 bytes to a line.
func wrapHex(b []byte, indent string) string {
	var lines []string
	for chunk := range slices.Chunk(b, 32) {
		lines = append(lines, hex.EncodeToString(chunk))
	}
	return strings.Join(lines, "\n"+indent)
}

// dump is the usual form: offset, 16 bytes, text.
func dump(b []byte) string { return hex.Dump(b) }
