// Package handover is the work that several sites take part in and that takes
// time: moving a store from one site to another, sending records again, and
// comparing what two sites hold.
//
// The state of such work lives in records. What is wanted, and which step holds,
// stands in a record that the centre owns; what a site has done or has found
// stands in a report that the site makes. Both travel with the ordinary exchange.
// The steps are taken by kinds of package process, on the site whose turn it is,
// each in one transaction: so the work goes on after a cut, a crash or a month
// without a line, from where it was, and no step is taken twice.
//
// Laws keep a store that moves in one hand: while its data is on the way, nobody
// edits it.
package handover
