package console_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/atollsync/atoll/station"
)

// shots is where pictures of the pages go: go test ./console -run Browser -shots DIR.
var shots = flag.String("shots", "", "directory for pictures of every page at three widths")

// widths are those of a phone, a tablet and a desk.
var widths = []int64{360, 800, 1280}

// browser is one Chromium for all tests, started when the first needs it.
var browser = sync.OnceValues(func() (context.Context, error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, fmt.Errorf("no Chromium on this machine: install the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		chromedp.Env("TZ=Africa/Nairobi"))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(alloc)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		stop()
		return nil, err
	}
	stopBrowser = stop
	return ctx, nil
})

var stopBrowser = func() {}

func TestMain(m *testing.M) {
	status := m.Run()
	stopBrowser()
	os.Exit(status)
}

// tab is one tab of the browser, at one console.
type tab struct {
	context.Context
	t   testing.TB
	url string
}

// openTab opens a tab at the console; the test is skipped where there is no
// Chromium. The sessions of two tabs are apart.
func (f *face) openTab(t testing.TB) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: a browser takes long")
	}
	ctx, err := browser()
	if err != nil {
		t.Skip("skipped: ", err)
	}
	server := httptest.NewServer(f.handler)
	t.Cleanup(server.Close)
	tabCtx, closeTab := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	// The first call makes the tab, which must outlive the limit.
	if err := chromedp.Do(tabCtx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(tabCtx, 3*time.Minute)
	t.Cleanup(cancel)
	b := &tab{limited, t, server.URL}
	b.run(b.width(widths[2]))
	t.Cleanup(server.CloseClientConnections) // streams of events would keep the server open
	return b
}

func (b *tab) run(do ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, do...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to a page.
func (b *tab) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.url+path), chromedp.WaitReady(css("main")))
}

func (b *tab) width(px int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(px, 900)
}

// value evaluates an expression in the page, promises too.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// css names elements of a page.
type css = chromedp.CSS

// click clicks on an element.
func (b *tab) click(sel string) {
	b.t.Helper()
	b.run(chromedp.Click(css(sel)))
}

// fill types into an element.
func (b *tab) fill(sel, text string) {
	b.t.Helper()
	b.run(chromedp.SendKeys(css(sel), text))
}

// signIn signs in as a person does: by the form.
func (b *tab) signIn(f *face, role station.UserRole) {
	b.t.Helper()
	f.as(role)
	b.open("/sign-in")
	b.fill("#name", userOf(role))
	b.fill("#password", password)
	b.click(".door .primary")
	b.run(chromedp.WaitVisible(css(".menu")))
}

// sees waits until the page says the words.
func (b *tab) sees(words string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	var text string
	for time.Now().Before(end) {
		said, err := chromedp.Run(b, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
		if err == nil { // else one page is just giving way to the next
			text = said
		}
		if strings.Contains(text, words) {
			return
		}
		b.run(chromedp.Sleep(50 * time.Millisecond))
	}
	b.t.Fatalf("the page does not say %q:\n%s", words, text)
}

// finding is what axe has against a page.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	}
}

// accessible asks axe about the page that is open.
func (b *tab) accessible(name string) {
	b.t.Helper()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		b.t.Fatal(err)
	}
	value[bool](b, string(axe)+";true")
	text := value[string](b, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`)
	var list []finding
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range list {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: %s (%s): %s\n%s\n%s", name, v.ID, v.Impact, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

// picture looks at the page that is open at three widths, in light and dark: it
// must not be wider than the screen, axe must have nothing against it, and a
// picture of each is kept where -shots says.
func (b *tab) picture(name string) {
	b.t.Helper()
	for _, dark := range []bool{false, true} {
		for _, px := range widths {
			if dark && px == widths[1] {
				continue
			}
			file := fmt.Sprintf("%s-%d", name, px)
			if dark {
				file += "-dark"
			}
			b.run(b.width(px))
			b.dark(dark)
			if over := value[float64](b, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
				b.t.Errorf("%s is %v px wider than the screen", file, over)
			}
			b.accessible(file)
			b.shot(file)
		}
	}
	b.run(b.width(widths[2]))
	b.dark(false)
}

// shot keeps a picture of the page as it stands where -shots says.
func (b *tab) shot(file string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(*shots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, file+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// dark chooses the dark colours, or the light ones.
func (b *tab) dark(dark bool) {
	b.t.Helper()
	theme := "light"
	if dark {
		theme = "dark"
	}
	value[string](b, `document.documentElement.dataset.theme = "`+theme+`"`)
}
