package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// assetPrefix is where files that never change live: their address holds the
// digest of them all.
const assetPrefix = "/assets/"

// assetsAt is the address of this program's files.
var assetsAt = sync.OnceValue(func() string {
	h := sha256.New()
	_ = fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error { // it is in the binary
		if err != nil || d.IsDir() {
			return err
		}
		b, err := assetFiles.ReadFile(name)
		h.Write([]byte(name))
		h.Write(b)
		return err
	})
	return assetPrefix + hex.EncodeToString(h.Sum(nil)[:6]) + "/"
})

// asset is the address of a file.
func asset(name string) string { return assetsAt() + name }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name, ours := strings.CutPrefix(r.URL.Path, assetsAt())
	b, err := assetFiles.ReadFile("assets/" + path.Clean("/" + name)[1:])
	if !ours || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(b) // whoever hung up needs no answer
}
