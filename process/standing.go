package process

import (
	"github.com/atollsync/atoll/storage"
)

// ExceptionsIn is Processors.Exceptions for a snapshot that is open already.
func ExceptionsIn(r storage.ShelfReader) ([]Exception, error) {
	return storage.Listed[Exception](r, shelfExceptions, "", 200, false)
}
