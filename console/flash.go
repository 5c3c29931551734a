package console

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// flash is words for the next page: what an action has done.
type flash struct {
	Kind string         `json:"k"` // "done" or "warn"
	Key  string         `json:"w"`
	Args map[string]any `json:"a,omitempty"`
}

// Words is the flash in the reader's language.
func (f *flash) Words(v *Visit) string {
	var args []any
	for name, value := range f.Args {
		if n, ok := value.(float64); ok {
			value = int64(n)
		}
		args = append(args, name, value)
	}
	return v.T(f.Key, args...)
}

// tell leaves words for the next page.
func (v *Visit) tell(kind, key string, args ...any) {
	f := flash{Kind: kind, Key: key, Args: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			f.Args[name] = args[i+1]
		}
	}
	b, err := json.Marshal(f)
	if err != nil {
		return // words are not worth failing for
	}
	http.SetCookie(v, &http.Cookie{
		Name: cookieFlash, Value: url.QueryEscape(string(b)), Path: "/", MaxAge: 60, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: v.secure(),
	})
}

// flashed takes what was left for this page; nil if nothing was.
func (v *Visit) flashed() *flash {
	var f flash
	if err := json.Unmarshal([]byte(v.cookie(cookieFlash)), &f); err != nil || !v.Lang.has(f.Key) {
		return nil
	}
	v.remember(cookieFlash, "")
	return &f
}
