// Package console is the web face of an installation: pages for the pharmacist at
// a site, for the technician who looks after synchronisation, and for the
// supervisor at the centre.
//
// Pages are made on the server (html/template) and work without scripts; htmx and
// a stream of events (R-I-04) only save waiting. Everything a browser needs is in
// the binary. The package has no powers of its own: it asks the engines through
// the interfaces in options.go and can do nothing that the REST API cannot.
//
// One table, [routes], names every page with the power it needs; what is not in it
// cannot be reached. Words come from one catalogue in three languages (words/),
// times are shown in the reader's zone, and errors say what to do next.
//
// To add a page: its handler in a file of its own, its template in templates/, its
// words in words/, and its line in the table. docs/console.md shows it.
package console
