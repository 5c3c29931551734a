package central

// DecodeState reads what the centre remembers of a site.
var DecodeState = decodeState
