package catalogue

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the browser may take for one thing, on a busy machine too.
const patience = 60 * time.Second

// browser is a headless Chromium. The DevTools protocol is JSON messages, each ended by
// a NUL, over the browser's file descriptors 3 and 4: no port, no socket, no library.
type browser struct {
	t  testing.TB
	in io.Writer

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	tabs    map[string]*tab
}

// message is a command, an answer to one, or an event.
type message struct {
	ID      int                       `json:"id,omitempty"`
	Session string                    `json:"sessionId,omitempty"`
	Method  string                    `json:"method,omitempty"`
	Params  any                       `json:"params,omitempty"`
	Result  json.RawMessage           `json:"result,omitempty"`
	Error   *struct{ Message string } `json:"error,omitempty"`
}

// startChromium runs a browser to which mirror.example.org is this machine.
func startChromium(t testing.TB) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Root may not use the sandbox; all that is shown is made here.
	cmd := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP mirror.example.org 127.0.0.1",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: ourOut, waiting: map[int]chan message{}, tabs: map[string]*tab{}}
	done := make(chan struct{})
	go func() { defer close(done); b.listen(ourIn) }()
	t.Cleanup(func() {
		b.call("", "Browser.close", nil, nil)
		<-done // its end of the pipe closes when all of it is gone
		cmd.Wait()
		ourOut.Close()
		ourIn.Close()
	})
	return b
}

func (b *browser) listen(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line[:len(line)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if answer := b.waiting[m.ID]; m.ID != 0 && answer != nil {
			delete(b.waiting, m.ID)
			answer <- m
		} else if t := b.tabs[m.Session]; t != nil {
			t.hear(m, line[:len(line)-1])
		}
		b.mu.Unlock()
	}
}

// call sends a command and reads its answer into result, which may be nil.
func (b *browser) call(session, method string, params, result any) {
	b.t.Helper()
	if err := b.try(session, method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// try is call for what may fail.
func (b *browser) try(session, method string, params, result any) error {
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, Session: session, Method: method, Params: params}
	answer := make(chan message, 1)
	b.waiting[m.ID] = answer
	b.mu.Unlock()
	doc, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(doc, 0)); err != nil {
		return fmt.Errorf("%s: the browser is gone: %w", method, err)
	}
	select {
	case m = <-answer:
	case <-time.After(patience):
		return fmt.Errorf("%s: no answer in %v", method, patience)
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %s", method, m.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(m.Result, result)
}

// tab is one page in the browser.
type tab struct {
	*browser
	session    string
	complaints []string // what would stand in the console
}

type object map[string]any

// open makes a tab of a size and color scheme.
func (b *browser) open(width, height int, scheme string) *tab {
	b.t.Helper()
	var made struct{ TargetID, SessionID string }
	b.call("", "Target.createTarget", object{"url": "about:blank"}, &made)
	b.call("", "Target.attachToTarget", object{"targetId": made.TargetID, "flatten": true}, &made)
	t := &tab{browser: b, session: made.SessionID}
	b.mu.Lock()
	b.tabs[t.session] = t
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Accessibility"} {
		t.do(domain+".enable", nil)
	}
	t.look(width, height, scheme)
	return t
}

// look changes the size and color scheme.
func (t *tab) look(width, height int, scheme string) {
	t.t.Helper()
	t.do("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
	t.do("Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}})
}

func (t *tab) do(method string, params any) {
	t.t.Helper()
	t.call(t.session, method, params, nil)
}

// hear notes an event; the browser's lock is held.
func (t *tab) hear(m message, raw []byte) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed":
		t.complaints = append(t.complaints, string(raw))
	}
}

// load goes to a page and waits for it.
func (t *tab) load(url string) {
	t.t.Helper()
	t.do("Page.navigate", object{"url": "about:blank"}) // or else a new fragment would load nothing
	t.until(`location.href === "about:blank"`)
	t.do("Page.navigate", object{"url": url})
	t.until(`location.href !== "about:blank"`)
}

// until waits for a whole page of which something is true.
func (t *tab) until(expression string) {
	t.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var is bool
		err := t.evaluate(`document.readyState === "complete" && `+expression, &is)
		if err == nil && is { // an error: the page is being left
			return
		}
	}
	t.t.Fatalf("it never came true that %s", expression)
}

// eval runs an expression in the page and reads its value into result.
func (t *tab) eval(expression string, result any) {
	t.t.Helper()
	if err := t.evaluate(expression, result); err != nil {
		t.t.Fatalf("%.80s: %v", expression, err)
	}
}

func (t *tab) evaluate(expression string, result any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	err := t.try(t.session, "Runtime.evaluate", object{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &answer)
	switch {
	case err != nil:
		return err
	case answer.ExceptionDetails != nil:
		return fmt.Errorf("%s", answer.ExceptionDetails)
	case result == nil:
		return nil
	}
	return json.Unmarshal(answer.Result.Value, result)
}

// text is the value of an expression as text.
func (t *tab) text(expression string) string {
	t.t.Helper()
	var s string
	t.eval("String("+expression+")", &s)
	return s
}

// keys that have no character.
var keys = map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, " ": 32, "End": 35}

// press types keys: names of the table above, or characters. Editing commands are
// written as !paste.
func (t *tab) press(names ...string) {
	t.t.Helper()
	for _, name := range names {
		down := object{"type": "keyDown", "key": name, "windowsVirtualKeyCode": keys[name]}
		switch command, editing := strings.CutPrefix(name, "!"); {
		case editing:
			down["key"], down["commands"] = "v", []string{command}
		case name == "Enter":
			down["text"] = "\r"
		case keys[name] == 0, name == " ":
			down["text"] = name
		}
		t.do("Input.dispatchKeyEvent", down)
		t.do("Input.dispatchKeyEvent", object{"type": "keyUp", "key": name, "windowsVirtualKeyCode": keys[name]})
	}
}

// quiet fails when the console would show anything.
func (t *tab) quiet() {
	t.t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.complaints {
		t.t.Errorf("the console shows %s", c)
	}
	t.complaints = nil
}

// screenshot keeps a picture of the whole page: in $FLATSTREAM_SCREENSHOTS, or else
// where go test -artifacts says.
func (t *tab) screenshot(name string) {
	t.t.Helper()
	var size struct{ Width, Height int }
	t.eval(`({Width: innerWidth, Height: Math.min(document.scrollingElement.scrollHeight, 8000)})`, &size)
	t.do("Emulation.setDeviceMetricsOverride", object{"width": size.Width, "height": size.Height, "deviceScaleFactor": 1, "mobile": size.Width < 500}) // what is out of sight is not drawn
	var shot struct{ Data string }
	t.call(t.session, "Page.captureScreenshot", nil, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.t.Fatal(err)
	}
	dir := os.Getenv("FLATSTREAM_SCREENSHOTS")
	if dir == "" {
		dir = t.t.ArtifactDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.t.Fatal(err)
	}
	if len(png) < 5000 {
		t.t.Errorf("%s: the picture is nearly empty: %s", name, fmt.Sprint(len(png)))
	}
}
