package bench

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Machine is what was measured on. It names no host.
type Machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Processor  string `json:"processor,omitempty"`
	Cores      int    `json:"cores"`
	Memory     uint64 `json:"memory,omitempty"` // bytes
	FileSystem string `json:"file_system,omitempty"`
	// Sync is how long the disk takes to make 4 KiB durable: the median of 200 fsyncs.
	Sync time.Duration `json:"sync"`
	Go   string        `json:"go"`
	// Load is how many programs wanted to run before the measurement began: more than
	// none says that it was not alone.
	Load float64 `json:"load,omitempty"`
}

func machine(dir string) Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"),
		Processor: value("/proc/cpuinfo", "model name"), Memory: memory(), FileSystem: fileSystem(dir), Sync: syncTime(dir), Load: load(),
	}
}

// value returns the value of the first line that begins with the name, "" if there
// is no such file.
func value(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(b)) {
		if key, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// kib reads "123 kB" as bytes.
func kib(text string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n * 1024
}

func memory() uint64 { return kib(value("/proc/meminfo", "MemTotal")) }

func load() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	one, _, _ := strings.Cut(string(b), " ")
	n, _ := strconv.ParseFloat(one, 64)
	return n
}

// fileSystem returns the type of file system the directory is on.
func fileSystem(dir string) string {
	if at, err := filepath.EvalSymlinks(dir); err == nil {
		dir = at
	}
	f, err := os.Open("/proc/mounts")
	if err != nil {
		return ""
	}
	defer f.Close()
	best, kind := "", ""
	for s := bufio.NewScanner(f); s.Scan(); {
		parts := strings.Fields(s.Text())
		if len(parts) < 3 {
			continue
		}
		at := parts[1]
		if inside := at == "/" || dir == at || strings.HasPrefix(dir, at+"/"); inside && len(at) >= len(best) {
			best, kind = at, parts[2]
		}
	}
	return kind
}

func syncTime(dir string) time.Duration {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := f.Write(page); err != nil || f.Sync() != nil {
			return 0
		}
		took = append(took, time.Since(began))
	}
	return percentile(took, 0.5)
}

func size(bytes float64) string { return humanize.IBytes(uint64(max(bytes, 0))) }
