package station

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/atollsync/atoll"
	"github.com/atollsync/atoll/storage"
)

// UserRole says what a user may do.
type UserRole string

// The roles of users, each with the powers of those before it, but for the
// technician, who sees records and runs synchronisation. A mobile client is a
// store user that may send only some types of record ([Station.MaySend]).
const (
	Viewer        UserRole = "viewer"       // read
	StoreUser     UserRole = "store_user"   // edit records and documents of stores
	DataManager   UserRole = "data_manager" // edit central data, too, where this site may
	Technician    UserRole = "technician"   // synchronisation, sites, quarantine
	Administrator UserRole = "administrator"
	MobileClient  UserRole = "mobile" // edit what mobile clients may send (R-B-104)
)

// UserRoles lists every role.
var UserRoles = []UserRole{Viewer, StoreUser, DataManager, Technician, Administrator, MobileClient}

// Power is one thing a role may allow.
type Power string

// The powers.
const (
	MayRead      Power = "read"
	MayEdit      Power = "edit"
	MayCurate    Power = "curate" // central data, where this site may edit it (R-F-06)
	MaySync      Power = "sync"
	MayConfigure Power = "configure" // sites, stores, visibility, users
)

// May reports whether the role has the power.
func (r UserRole) May(p Power) bool {
	switch r {
	case Administrator:
		return true
	case Technician:
		return p == MayRead || p == MaySync
	case DataManager:
		return p == MayRead || p == MayEdit || p == MayCurate
	case StoreUser, MobileClient:
		return p == MayRead || p == MayEdit
	case Viewer:
		return p == MayRead
	}
	return false
}

// User is a person who may sign in here. Users belong to this database (R-B-61).
type User struct {
	Name  string   `json:"name"`
	Role  UserRole `json:"role"`
	Store atoll.ID `json:"store,omitempty"` // of a mobile client: the one it works for
	// Stores are those whose data the user may see and change; none means all (R-J-01).
	Stores   []atoll.ID `json:"stores,omitempty"`
	Created  time.Time  `json:"created"`
	Disabled bool       `json:"disabled,omitempty"`
	Hash     string     `json:"hash,omitempty"` // argon2id
	Failures int        `json:"failures,omitempty"`
	Locked   time.Time  `json:"locked,omitzero"`
}

const (
	shelfUsers    = "user"
	shelfSessions = "session"
	sessionLife   = 12 * time.Hour
	userFailures  = 5
	userLock      = 15 * time.Minute
)

var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,47}$`)

// hashing is argon2id with the memory a 2 GB tablet can spare.
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// AddUser makes a user. An empty password is replaced by one drawn at random,
// which is returned and never shown again. A mobile client is given the only store
// that is active here; where there are more, use [Station.AddMobileUser].
func (s *Station) AddUser(ctx context.Context, name string, role UserRole, password string) (string, error) {
	if role == MobileClient {
		return s.AddMobileUser(ctx, name, "", password)
	}
	return s.addUser(ctx, User{Name: name, Role: role}, password)
}

// CheckUser says whether there could be such a user, before anything is made for
// one.
func CheckUser(name string, role UserRole, password string) error {
	_, err := checked(User{Name: name, Role: role}, password)
	return err
}

// checked returns the password, or one drawn at random if it is empty.
func checked(u User, password string) (string, error) {
	switch {
	case !userName.MatchString(u.Name):
		return "", atoll.Errorf(atoll.Invalid, "user name %.60q: want lower-case letters, digits, dot, hyphen; at most 48", u.Name).On("name")
	case !slices.Contains(UserRoles, u.Role):
		return "", atoll.Errorf(atoll.Invalid, "unknown role %q", u.Role).On("role").
			Do("choose one of viewer, store_user, data_manager, technician, administrator, mobile")
	case password == "":
		password = NewPassword()
	case len(password) < 10 || len(password) > 200:
		return "", atoll.Errorf(atoll.Invalid, "a password has 10 to 200 characters").On("password")
	}
	return password, nil
}

func (s *Station) addUser(ctx context.Context, u User, password string) (string, error) {
	password, err := checked(u, password)
	if err != nil {
		return "", err
	}
	hash, err := argon2id.CreateHash(password, hashing)
	if err != nil {
		return "", err
	}
	return password, s.Store.Update(ctx, func(tx storage.Tx) error {
		if _, err := tx.Get(shelfUsers, u.Name); !errors.Is(err, atoll.NotFound) {
			if err == nil {
				return atoll.Errorf(atoll.Exists, "there is a user %s already", u.Name).On("name")
			}
			return err
		}
		u.Created, u.Hash = s.Now(), hash
		if err := saveUser(tx, u); err != nil {
			return err
		}
		return s.tellOfUser(tx, u.Name)
	})
}

// NewPassword draws a password that can be read out over the telephone.
func NewPassword() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	out := make([]byte, 0, 17)
	for i, c := range b {
		if i == 5 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, letters[int(c)%len(letters)])
	}
	return string(out)
}

func saveUser(tx storage.Tx, u User) error {
	return storage.Save(tx, shelfUsers, u.Name, u)
}

func loadUser(r storage.Reader, name string) (u User, err error) {
	err = storage.Load(r, shelfUsers, name, &u)
	return u, err
}

// Users returns all users, without their hashes.
func (s *Station) Users(ctx context.Context) ([]User, error) {
	var out []User
	err := s.Store.View(ctx, func(r storage.Reader) (err error) {
		out, err = storage.Listed[User](r, shelfUsers, "", 0, false)
		for i := range out {
			out[i].Hash = ""
		}
		return err
	})
	return out, err
}

// session is one sign-in, found by the digest of its token.
type session struct {
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
}

// SignInUser trades name and password for a session token. It works without the
// network (R-L-06). After five wrong passwords the user is locked for a quarter
// of an hour.
func (s *Station) SignInUser(ctx context.Context, name, password string) (token string, u User, err error) {
	denied := atoll.Errorf(atoll.SignIn, "name or password is wrong")
	err = s.Store.View(ctx, func(r storage.Reader) (err error) {
		u, err = loadUser(r, name)
		if errors.Is(err, atoll.NotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return "", u, err
	}
	if s.Now().Before(u.Locked) {
		return "", u, atoll.Errorf(atoll.SignIn, "too many wrong passwords").Do("try again in a quarter of an hour")
	}
	// The hash is computed outside the transaction: it is slow on purpose. An
	// unknown name costs the same.
	hash := u.Hash
	if hash == "" {
		hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	}
	match, herr := argon2id.ComparePasswordAndHash(password, hash)
	ok := herr == nil && match && u.Name != "" && !u.Disabled
	var raw [24]byte
	_, _ = rand.Read(raw[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(raw[:])
	err = s.Store.Update(ctx, func(tx storage.Tx) error {
		if u.Name == "" {
			return nil
		}
		now, err := loadUser(tx, name)
		if err != nil {
			return err
		}
		if !ok {
			if now.Failures++; now.Failures >= userFailures {
				now.Failures, now.Locked = 0, s.Now().Add(userLock)
			}
			return saveUser(tx, now)
		}
		if now.Failures > 0 {
			now.Failures = 0
			if err := saveUser(tx, now); err != nil {
				return err
			}
		}
		return storage.Save(tx, shelfSessions, digest(token), session{User: name, Expires: s.Now().Add(sessionLife)})
	})
	switch {
	case err != nil:
		return "", u, err
	case !ok:
		return "", u, denied
	}
	u.Hash = ""
	return token, u, nil
}

func digest(token string) string {
	h := sha256.Sum256([]byte("atoll session\n" + token))
	return hex.EncodeToString(h[:])
}

// Session returns the user of a session token, or atoll.SignIn.
func (s *Station) Session(ctx context.Context, token string) (User, error) {
	var u User
	denied := atoll.Errorf(atoll.SignIn, "not signed in, or no longer").Do("sign in again")
	err := s.Store.View(ctx, func(r storage.Reader) error {
		var ses session
		err := storage.Load(r, shelfSessions, digest(token), &ses)
		if errors.Is(err, atoll.NotFound) {
			return denied
		}
		if err != nil {
			return err
		}
		if s.Now().After(ses.Expires) {
			return denied
		}
		u, err = loadUser(r, ses.User)
		if errors.Is(err, atoll.NotFound) || err == nil && u.Disabled {
			return denied
		}
		return err
	})
	u.Hash = ""
	return u, err
}

// SignOut ends a session. Ending one that is over does nothing.
func (s *Station) SignOut(ctx context.Context, token string) error {
	return s.Store.Update(ctx, func(tx storage.Tx) error { return tx.Drop(shelfSessions, digest(token)) })
}
