//go:build unix

package console

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a window of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
	w   *world
}

// newBrowser starts Chromium, or says that there is none: in CI that fails.
func newBrowser(t *testing.T, w *world) *browser {
	t.Helper()
	chromium := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no Chromium on this machine")
		}
		t.Skip("there is no Chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, w: w}
	if err := chromedp.Listen(ctx, b.heard); err != nil {
		t.Fatal(err)
	}
	call(b, log.Enable, cdp.Empty{})
	return b
}

// heard fails the test for what a page complains about: an exception, or
// something that its content security policy refused.
func (b *browser) heard(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.t.Errorf("the page threw: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.t.Errorf("the page complains: %+v", e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Source == "security" {
			b.t.Errorf("the page was refused something: %s", e.Entry.Text)
		}
	}
}

// do does something in the window, within a minute.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fail(err)
	}
}

// fail ends the test and shows the page.
func (b *browser) fail(err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("html"))) // what there is says more
	b.t.Fatalf("%v\nthe page:\n%s", err, text)
}

// get reads something of the page.
func get[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	out, err := chromedp.Run(ctx, a)
	if err != nil {
		b.fail(err)
	}
	return out
}

// call sends a command of the protocol.
func call[P, R any](b *browser, c cdp.Command[P, R], p P) R {
	b.t.Helper()
	out, err := chromedp.Call(b.ctx, c, p)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// open goes to an address of the console.
func (b *browser) open(path string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.w.url + path
	}
	b.do(chromedp.Navigate(path), chromedp.WaitReady(chromedp.CSS("main")))
}

// press clicks what a selector finds and waits for the next page.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Evaluate[chromedp.Void]("void (window.before = true)"),
		chromedp.Click(chromedp.CSS(selector)))
	b.w.eventually("a page comes after "+selector, func() error {
		ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
		defer cancel()
		if done, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!window.before && document.readyState === "complete"`)); err != nil || !done {
			return fmt.Errorf("it is still the same page: %w", err)
		}
		return nil
	})
}

// choose sets the value of a field.
func (b *browser) choose(selector, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// typed types into a field.
func (b *browser) typed(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// click clicks what leads to no other page.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// value is what a field holds, kind of which type it is.
func (b *browser) value(selector string) string {
	b.t.Helper()
	return get(b, chromedp.Value(chromedp.CSS(selector)))
}

func (b *browser) kind(selector string) string {
	b.t.Helper()
	return get(b, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).type", selector)))
}

// text is what a person reads of an element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return get(b, chromedp.Text(chromedp.CSS(selector)))
}

// peek is text where a page may be on its way, which takes elements away while they
// are read.
func (b *browser) peek(selector string) (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
}

// reads wants an element to say something.
func (b *browser) reads(selector, want string) {
	b.t.Helper()
	if got := b.text(selector); !strings.Contains(got, want) {
		b.t.Errorf("%s reads %q, want %q", selector, got, want)
	}
}

// comesToRead waits, without a reload, until an element says something.
func (b *browser) comesToRead(selector, want string) {
	b.t.Helper()
	b.w.eventually(fmt.Sprintf("%s comes to read %q", selector, want), func() error {
		if got, err := b.peek(selector); err != nil || !strings.Contains(got, want) {
			return fmt.Errorf("it reads %q, %w", got, err)
		}
		return nil
	})
}

// widths and schemes are how each page is looked at.
var (
	widths  = []int64{1280, 390}
	schemes = []string{"light", "dark"}
)

// shoot takes a picture of the page as it is, in light and dark, wide and
// narrow, and checks in each that it can be read.
func (b *browser) shoot(name string) {
	b.t.Helper()
	for _, width := range widths {
		for _, scheme := range schemes {
			b.do(chromedp.EmulateViewport(width, 900))
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			picture := get(b, chromedp.FullScreenshot(100))
			file := filepath.Join(b.w.out, fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
			if err := os.WriteFile(file, picture, 0o600); err != nil {
				b.t.Fatal(err)
			}
			b.readable(fmt.Sprintf("%s, %s, %d", name, scheme, width), width)
		}
	}
	b.do(chromedp.EmulateReset())
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

// readable wants enough contrast (WCAG 2.2, 1.4.3), nothing wider than the
// window (1.4.10), and targets that a thumb can hit (2.5.8).
func (b *browser) readable(what string, width int64) {
	b.t.Helper()
	for _, f := range get(b, chromedp.Evaluate[[]string](readableScript)) {
		b.t.Errorf("%s (%d wide): %s", what, width, f)
	}
}

const readableScript = `(() => {
  const out = [];
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length === 3 ? [...m, 1] : m; };
  const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3]));
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = (e) => {
    const layers = [];
    for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; }
    let base = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    for (const l of layers.reverse()) base = over(l, base);
    return base;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || seen.has(e) || e.closest("svg, script, .hidden, .skip, :disabled") || !e.checkVisibility()) continue;
    seen.add(e);
    const b = back(e), f = over(parse(getComputedStyle(e).color), b);
    const [hi, lo] = [light(f), light(b)].sort((x, y) => y - x);
    const ratio = (hi + 0.05) / (lo + 0.05);
    if (ratio < 4.5) out.push("contrast " + ratio.toFixed(2) + " of " + JSON.stringify(walker.currentNode.textContent.trim().slice(0, 40)));
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) out.push("it is " + document.documentElement.scrollWidth + " wide");
  for (const e of document.querySelectorAll("button, .button, input:not([type=hidden]), select")) {
    const r = e.getBoundingClientRect();
    if (e.checkVisibility() && r.width > 0 && r.height < 24 && !e.closest("label.check, .choice")) out.push("a target " + Math.round(r.height) + " high: " + (e.textContent || e.name));
  }
  return out;
})()`
