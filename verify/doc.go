// Package verify proves that two databases hold the same records, finds the rows
// that differ, and says how each is to be repaired (R-H-44, R-M-02). It also
// examines one database by itself: what must always hold in it.
//
// The comparison is a walk down a tree: all rows, 256 branches, 256 leaves below
// each, rows. What to ask next and what a difference means are pure functions of
// values; packages site and central read the rows and do what was found right.
//
//	site                                        centre
//	digest of all rows                 ->       the same: that was it
//	digests of 256 branches            ->       those that differ
//	of each of them, of 256 leaves     ->       those that differ
//	the rows of these                  ->       a verdict on each that differs
//	gives its own again, by its journal         gives the centre's again, by the feed
package verify
