package atoll

// kinds says for every code with which HTTP status it travels, and its title. The
// code is the truth; the status is for programs that know no codes. 401 is for
// SignIn alone, because a client answers it by signing in.
var kinds = map[Code]struct {
	status int
	title  string
}{
	Internal:     {500, "Something went wrong inside"},
	Invalid:      {400, "The input is not well formed"},
	TooLarge:     {413, "Too large"},
	NotFound:     {404, "Not found"},
	Exists:       {409, "It exists already"},
	Conflict:     {409, "Changed by somebody else in the meantime"},
	Denied:       {403, "Not allowed"},
	SignIn:       {401, "Sign in first"},
	Busy:         {429, "Busy, try again later"},
	Unavailable:  {503, "Out of reach"},
	Interrupted:  {400, "The connection ended too early"},
	Damaged:      {400, "The data were damaged on the way"},
	NotHere:      {403, "The record belongs to another site"},
	NotVisible:   {422, "The other store is not visible here"},
	LifeCycle:    {409, "The document's status does not allow it"},
	Unknown:      {422, "Unknown record type"},
	Schema:       {422, "A field is missing, unknown or wrong"},
	Reference:    {422, "A record that is named does not exist"},
	Ownership:    {403, "The site does not own the record"},
	OldEpoch:     {409, "The ownership has moved since"},
	BaseVersion:  {409, "The histories of the record have parted"},
	Rule:         {422, "A business rule forbids it"},
	HeldBehind:   {409, "An earlier change of the record waits"},
	WrongChain:   {409, "The journal does not continue the one that is known"},
	Restored:     {409, "The site's database is older than the centre's memory of it"},
	Cloned:       {409, "Two databases claim to be one site"},
	Initialise:   {409, "The site must be initialised"},
	Paused:       {409, "Synchronisation is paused"},
	OldProtocol:  {409, "The versions do not fit together"},
	SiteUnknown:  {404, "No such site"},
	SiteSecret:   {403, "Wrong code"},
	SiteDevice:   {403, "Another device is enrolled for the site"},
	SiteNoStore:  {409, "The site has no store"},
	SiteLocked:   {429, "Too many wrong attempts"},
	SiteMismatch: {409, "The settings name another site"},
	DiskFull:     {507, "The disk is full"},
	LoopGuard:    {422, "A processor answered one document too often"},
}

// HTTP returns the HTTP status a code travels with and the code in words; known
// is false, and both are those of Internal, for a code this program does not
// have.
func (c Code) HTTP() (status int, title string, known bool) {
	k, known := kinds[c]
	if !known {
		k = kinds[Internal]
	}
	return k.status, k.title, known
}
