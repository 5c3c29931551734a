package verify

// Verdict says what a row that differs means, and so what is done about it.
type Verdict string

// The verdicts.
const (
	// Same: both ends have it as they should.
	Same Verdict = "same"
	// UnderWay: a change of it is on its way, waits, was refused, or was left out by a
	// person. No difference as long as that is so.
	UnderWay Verdict = "under_way"
	// Spared: an old document that the site was spared when it initialised (R-H-26).
	Spared Verdict = "spared"
	// Take: the site takes the centre's row again.
	Take Verdict = "take"
	// Give: the site owns the record and states it again.
	Give Verdict = "give"
	// Drop: the site holds a row that it should not; it retracts it.
	Drop Verdict = "drop"
	// Mend: the centre's row is spoiled or lost; it makes it again from its journals.
	Mend Verdict = "mend"
	// Open: neither end can tell; a person must.
	Open Verdict = "open"
)

// Differs reports whether the verdict is about a difference that should not be.
func (v Verdict) Differs() bool {
	switch v {
	case Same, UnderWay, Spared:
		return false
	case Take, Give, Drop, Mend, Open:
		return true
	}
	return true
}

// Here is a row as the site has it, for Judge.
type Here struct {
	Shown   bool // the site has it and shows it
	Spoiled bool // it is not as the site stored it
	Deleted bool
	// UnderWay: changed since the centre last heard, or a newer one waits to be taken.
	UnderWay bool
	Made     bool // the version was made at the site
}

// There is the same row at the centre.
type There struct {
	Has     bool // there is such a row
	Whole   bool // it is as the centre stored it
	Due     bool // the site is to have it
	Owned   bool // the site owns the record, as the centre sees it
	Deleted bool
	// UnderWay: changed since the site's checkpoint, or a change of the site's waits
	// in quarantine, or was left out for good.
	UnderWay bool
	Spared   bool // an old document that the site may lack
	// Told: the centre's journals tell what the row was that is spoiled or missing.
	Told bool
}

// Judge says what a row means. Equal says that both ends have the same row to the
// byte. The owner's row stands, unless it is spoiled; a row that is spoiled stands
// nowhere; and nobody is given, or takes back, what is not his.
func Judge(equal bool, here Here, there There) Verdict {
	switch {
	case here.UnderWay || there.UnderWay:
		return UnderWay
	case !there.Has && !here.Shown:
		return Same
	case !there.Has && there.Told:
		return Mend
	case !there.Has && here.Made && here.Deleted:
		return Same // made and unmade before it was ever sent
	case !there.Has && here.Made && !here.Spoiled:
		return Give
	case !there.Has:
		return Drop
	case !there.Whole && there.Told:
		return Mend
	case !there.Whole && there.Owned && here.Shown && !here.Spoiled:
		return Give
	case !there.Whole:
		return Open
	case !here.Shown && !there.Due:
		return Same
	case !here.Shown && there.Spared:
		return Spared
	case !here.Shown:
		return Take
	case equal && (there.Due || there.Owned || here.Made):
		return Same
	case !there.Due && !there.Owned:
		return Drop
	case there.Owned && !here.Spoiled && !here.Deleted:
		return Give
	case there.Due:
		return Take
	}
	return Open
}
