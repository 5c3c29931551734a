package central

// QuickState reads a state without encoding/json; false for what it does not know.
var QuickState = quickState
