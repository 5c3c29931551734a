// Package wire carries exchanges between a site and the centre over HTTP: both
// ends stand here together, so that what one writes the other reads.
//
// [Handler] puts an [exchange.Centre] and an [exchange.Gate] on the network;
// [Client] is an exchange.Centre that reaches one over the network. Between them
// runs one request and one answer for each exchange, each a zstd stream of
// frames with a checksum (frame.go). A frame that arrived whole counts, wherever
// the stream is cut after it; and a stream that does not say that it has ended
// was cut.
//
// The package knows nothing of databases and decides nothing about data. It
// bounds what comes in before it is parsed, and turns every failure into an
// *atoll.Error, on both sides. Errors that cross HTTP as problem+json are written
// and read here for the rest of the program too ([WriteProblem], [ReadProblem]).
// docs/protocol.md is the same for readers who write another program.
package wire
