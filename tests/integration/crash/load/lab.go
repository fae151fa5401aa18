package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	answerWait  = 10 * time.Second      // for one attempt
	patience    = 120 * time.Second     // for all attempts of one request
	retryPause  = 50 * time.Millisecond // a station would wait Retry-After; this hurries
	answerBytes = 16 << 20
)

// record is a line of held.jsonl: a request, and the answer that a client holds.
type record struct {
	ID       string `json:"id"`
	Op       string `json:"op"`           // enroll, token, replace, renew, revoke, again, abandoned, fault
	Of       string `json:"of,omitempty"` // again: the request that was repeated
	Status   int    `json:"status"`       // 0: never answered
	Code     string `json:"code,omitempty"`
	Attempts int    `json:"attempts"`

	Path       string          `json:"path"`
	Caller     string          `json:"caller"` // a name of service_up.sh, nobody, or device
	CallerCert string          `json:"caller_cert,omitempty"`
	CallerKey  string          `json:"caller_key,omitempty"`
	Request    json.RawMessage `json:"request,omitempty"`

	Hardware    string `json:"hardware,omitempty"`
	Key         string `json:"key,omitempty"`     // SHA-256 of the SPKI that was sent
	KeyPEM      string `json:"key_pem,omitempty"` // its private half
	Serial      string `json:"serial,omitempty"`
	Pseudonym   string `json:"pseudonym,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Old         string `json:"old,omitempty"` // replace, renew: the serial before
}

// lab is one test's folder, and the service.
type lab struct {
	dir   string
	url   string
	trust *x509.CertPool
	shift time.Duration

	mutex sync.Mutex
	held  *os.File
}

func openLab(dir string) (*lab, error) {
	l := &lab{dir: dir, url: os.Getenv("MONIKER_URL"), trust: x509.NewCertPool()}
	if text := os.Getenv("MONIKER_TEST_SHIFT_S"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		l.shift = time.Duration(seconds) * time.Second
	}
	ca, err := os.ReadFile(os.Getenv("MONIKER_CACERT"))
	if err != nil {
		return nil, err
	}
	if !l.trust.AppendCertsFromPEM(ca) {
		return nil, errors.New("MONIKER_CACERT holds no certificate")
	}
	l.held, err = os.OpenFile(l.path("held.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return l, err
}

func (l *lab) close()                  { l.held.Close() }
func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }
func (l *lab) now() time.Time          { return time.Now().Add(l.shift) }
func (l *lab) stopped() bool           { _, err := os.Stat(l.path("stop")); return err == nil }

// hold saves what a client holds. One write, so that lines of clients do not mix.
func (l *lab) hold(r *record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	_, err = l.held.Write(append(line, '\n'))
	return err
}

func (l *lab) records() ([]record, error) {
	text, err := os.ReadFile(l.path("held.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []record
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, answerBytes)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, lines.Err()
}

// caller is who asks: its certificate, and connections of its own.
type caller struct {
	lab  *lab
	http *http.Client
}

func (l *lab) newCaller(certificates ...tls.Certificate) *caller {
	return &caller{l, &http.Client{
		Timeout: answerWait,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: l.trust, Certificates: certificates, Time: l.now},
		},
	}}
}

// person is a caller with a certificate of service_up.sh, or nobody.
func (l *lab) person(name string) (*caller, error) {
	if name == "nobody" {
		return l.newCaller(), nil
	}
	upper := string(bytes.ToUpper([]byte(name)))
	pair, err := tls.LoadX509KeyPair(os.Getenv("MONIKER_"+upper+"_CERT"), os.Getenv("MONIKER_"+upper+"_KEY"))
	if err != nil {
		return nil, err
	}
	return l.newCaller(pair), nil
}

type answer struct {
	status   int
	header   http.Header
	body     []byte
	attempts int
}

func (c *caller) once(method, path, contentType string, body []byte) (*answer, error) {
	request, err := http.NewRequest(method, c.lab.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	// Off: or net/http would repeat requests on its own, and attempts could not be counted.
	request.GetBody = nil
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	octets, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	if err != nil {
		return nil, err
	}
	return &answer{status: response.StatusCode, header: response.Header, body: octets}, nil
}

// final says whether this is an answer to the request. 5xx says: not now, again.
func final(status int) bool { return status < 500 && status != http.StatusTooManyRequests }

// until repeats the request until ok takes an answer, as a station does. A fault of the service (500)
// is kept: a crash is no reason for one.
func (c *caller) until(path, contentType string, body []byte, ok func(*answer) bool) (*answer, error) {
	deadline := time.Now().Add(patience)
	for attempts := 1; ; attempts++ {
		got, err := c.once(http.MethodPost, path, contentType, body)
		if err == nil && got.status == http.StatusInternalServerError {
			fault := record{Op: "fault", Status: got.status, Path: path, Code: codeOf(got.body)}
			if err := c.lab.hold(&fault); err != nil {
				return nil, err
			}
		}
		if err == nil && ok(got) {
			got.attempts = attempts
			return got, nil
		}
		if time.Now().After(deadline) {
			return &answer{attempts: attempts}, nil
		}
		if err != nil {
			c.http.CloseIdleConnections()
		}
		time.Sleep(retryPause)
	}
}

func (c *caller) post(path string, body []byte) (*answer, error) {
	return c.until(path, "application/json", body, func(a *answer) bool { return final(a.status) })
}

func (c *caller) get(path string) (*answer, error) {
	got, err := c.once(http.MethodGet, path, "", nil)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("GET %s: %d %s", path, got.status, got.body)
	}
	return got, err
}

// ask is for what a test's preparation needs: anything but success ends it.
func (c *caller) ask(path string, body any, out any) error {
	octets, err := json.Marshal(body)
	if err != nil {
		return err
	}
	got, err := c.post(path, octets)
	if err != nil {
		return err
	}
	if got.status/100 != 2 {
		return fmt.Errorf("POST %s: %d %s", path, got.status, got.body)
	}
	return json.Unmarshal(got.body, out)
}

func codeOf(body []byte) string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &problem) // not JSON: no code
	return problem.Code
}
