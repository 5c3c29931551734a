package storage

import (
	"iter"

	"github.com/atollsync/atoll"
)

// stagedPage is how many staged items are read at once. A lane may hold all that a
// site gains with a store: nobody holds it whole.
const stagedPage = 200

// StagedPages returns what is staged of a type in the lane, page by page in rising
// order of position. Whoever reads may stage and unstage the items of the page.
func StagedPages(r StageReader, lane string, of atoll.Type) iter.Seq2[[]StagedItem, error] {
	return func(yield func([]StagedItem, error) bool) {
		for after := (StagedPlace{}); ; {
			page, err := r.Staged(lane, of, after, stagedPage)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page) == 0 || !yield(page, nil) || len(page) < stagedPage {
				return
			}
			last := page[len(page)-1]
			after = StagedPlace{Position: last.Position, ID: last.Key.ID}
		}
	}
}

// EachStaged calls fn with every item that is staged in the lane, type by type, each
// in rising order of position, until fn fails. fn may stage and unstage the item.
func EachStaged(r StageReader, lane string, fn func(StagedItem) error) error {
	types, err := r.StagedTypes(lane)
	if err != nil {
		return err
	}
	for _, of := range types {
		for page, err := range StagedPages(r, lane, of) {
			if err != nil {
				return err
			}
			for _, item := range page {
				if err := fn(item); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
