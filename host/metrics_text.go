package host

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// page is the answer as it is written.
type page struct{ b strings.Builder }

func (p *page) head(name, kind, help string) {
	fmt.Fprintf(&p.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// one is a gauge with one line.
func (p *page) one(name, help string, value float64, labels ...string) {
	p.head(name, "gauge", help)
	p.line(name, value, labels...)
}

func (p *page) line(name string, value float64, labels ...string) {
	p.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		p.b.WriteByte(sep)
		_, _ = io.WriteString(&p.b, labels[i]+`="`+escape.Replace(labels[i+1])+`"`)
	}
	if len(labels) > 0 {
		p.b.WriteByte('}')
	}
	p.b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
