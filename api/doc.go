// Package api is the REST face of an installation: records, documents, stores,
// sites, synchronisation and quarantine over HTTP, described by OpenAPI 3.1.
//
// It has no powers of its own. It reads a request, asks the engines through the
// interfaces in options.go, and writes the answer; what may be written, by whom
// and in which state is decided below it (packages authority, admit, documents).
// It knows users, never sites: a site's credentials open nothing here (R-K-27,
// R-K-46), and a user's session never opens synchronisation.
//
// Every operation names the power it needs; one that names none cannot be
// registered. Every error is a [Problem] (RFC 9457) with a stable code.
//
// Errors, the sign-in and the limits are told at /api/v1/docs, which the program
// serves itself from the OpenAPI document.
package api
