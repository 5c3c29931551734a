package simulate

import (
	"testing"

	"github.com/atollsync/atoll/catalogue"
)

// The next version's catalogue is one that this program could have: it only adds, and
// says what (R-K-63, R-K-65).
func TestR_K_63_TheNextVersion(t *testing.T) {
	next, err := loadNext()
	if err != nil {
		t.Fatal(err)
	}
	now := catalogue.Embedded()
	if next.Version() != now.Version()+1 || next.Hash() == now.Hash() || len(next.Changes()) != len(now.Changes())+len(Novelties)+2 {
		t.Errorf("version %d with %d changes, after version %d", next.Version(), len(next.Changes()), now.Version())
	}
}
