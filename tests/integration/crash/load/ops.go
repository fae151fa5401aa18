package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	mathrand "math/rand"
	"net/http"
)

// deviceKey is a device's key, with the CSR that it sends.
type deviceKey struct {
	spki string // SHA-256, hex
	pem  string
	csr  string
}

func newKey() (*deviceKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(spki)
	return &deviceKey{
		spki: hex.EncodeToString(digest[:]),
		pem:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		csr:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	}, nil
}

func newHardware() string {
	var octets [6]byte
	_, _ = rand.Read(octets[:]) // does not fail on Linux
	octets[0] = 2
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1], octets[2], octets[3], octets[4], octets[5])
}

// client is one of the many: a station, its tokens' holders and an officer, one request at a time.
type client struct {
	lab     *lab
	name    string
	plan    *plan
	random  *mathrand.Rand
	station *caller
	nobody  *caller
	officer *caller
	mine    []*record // what it enrolled, and neither replaced, renewed nor revoked
	count   int
}

type hardwareID struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type enrollment struct {
	Batch       string       `json:"batch,omitempty"`
	CSR         string       `json:"csr"`
	HardwareIDs []hardwareID `json:"hardware_ids"`
	Token       string       `json:"token,omitempty"`
	Replace     bool         `json:"replace,omitempty"`
}

// newEnrollment is the record of a request that is not sent yet.
func (c *client) newEnrollment(op, hardware, token string, replace bool) (*record, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	c.count++
	body := enrollment{Batch: c.plan.Batch, CSR: key.csr, HardwareIDs: []hardwareID{{"mac48", hardware}},
		Token: token, Replace: replace}
	r := &record{ID: fmt.Sprintf("%s-%d", c.name, c.count), Op: op, Path: "/v1/enrollments", Caller: "station",
		Hardware: hardware, Key: key.spki, KeyPEM: key.pem}
	if token != "" {
		r.Caller = "nobody"
	}
	r.Request, err = json.Marshal(body)
	return r, err
}

// take reads an answer into the record and keeps it.
func (r *record) take(l *lab, got *answer) error {
	r.Status, r.Attempts = got.status, got.attempts
	if got.status/100 == 2 {
		var issued struct{ Serial, Pseudonym, Certificate string }
		if err := json.Unmarshal(got.body, &issued); err != nil {
			return fmt.Errorf("%s: %w in %s", r.ID, err, got.body)
		}
		r.Serial, r.Pseudonym, r.Certificate = issued.Serial, issued.Pseudonym, issued.Certificate
	} else {
		r.Code = codeOf(got.body)
	}
	return l.hold(r)
}

func (r *record) issued() bool { return r.Status/100 == 2 && r.Serial != "" }

func (c *client) send(by *caller, r *record) error {
	got, err := by.post(r.Path, r.Request)
	if err != nil {
		return err
	}
	return r.take(c.lab, got)
}

func (c *client) keep(r *record) {
	if r.issued() {
		c.mine = append(c.mine, r)
	}
}

func (c *client) enroll() error {
	r, err := c.newEnrollment("enroll", newHardware(), "", false)
	if err != nil {
		return err
	}
	if err := c.send(c.station, r); err != nil {
		return err
	}
	c.keep(r)
	return nil
}

// enrollMany sends three as NDJSON, again until each has its answer.
func (c *client) enrollMany() error {
	const count = 3
	var records [count]*record
	var body bytes.Buffer
	var lines []struct {
		Status  int             `json:"status"`
		Body    json.RawMessage `json:"body"`
		Problem json.RawMessage `json:"problem"`
	}
	for i := range records {
		r, err := c.newEnrollment("enroll", newHardware(), "", false)
		if err != nil {
			return err
		}
		records[i] = r
		body.Write(r.Request)
		body.WriteByte('\n')
	}
	got, err := c.station.until("/v1/enrollments", "application/x-ndjson", body.Bytes(), func(a *answer) bool {
		lines = nil
		if a.status != http.StatusOK {
			return final(a.status)
		}
		decoder := json.NewDecoder(bytes.NewReader(a.body))
		for decoder.More() {
			lines = append(lines, struct {
				Status  int             `json:"status"`
				Body    json.RawMessage `json:"body"`
				Problem json.RawMessage `json:"problem"`
			}{})
			if decoder.Decode(&lines[len(lines)-1]) != nil || !final(lines[len(lines)-1].Status) {
				return false
			}
		}
		return len(lines) == count
	})
	if err != nil {
		return err
	}
	for i, r := range records {
		one := &answer{status: got.status, body: got.body, attempts: got.attempts}
		if len(lines) == count {
			one.status, one.body = lines[i].Status, append(lines[i].Body, lines[i].Problem...)
		}
		if err := r.take(c.lab, one); err != nil {
			return err
		}
		c.keep(r)
	}
	return nil
}

func (c *client) enrollByToken() error {
	token, ok := c.plan.nextToken()
	if !ok {
		return c.enroll()
	}
	r, err := c.newEnrollment("token", newHardware(), token, false)
	if err != nil {
		return err
	}
	return c.send(c.nobody, r)
}

// replace enrolls hardware of this client again, with a new key.
func (c *client) replace() error {
	old := c.pick()
	if old == nil {
		return c.enroll()
	}
	r, err := c.newEnrollment("replace", old.Hardware, "", true)
	if err != nil {
		return err
	}
	r.Old = old.Serial
	if err := c.send(c.station, r); err != nil {
		return err
	}
	c.keep(r)
	return nil
}

// abandon asks once; without an answer the board comes back with another key, as boards do.
func (c *client) abandon() error {
	first, err := c.newEnrollment("enroll", newHardware(), "", false)
	if err != nil {
		return err
	}
	got, err := c.station.once(http.MethodPost, first.Path, "application/json", first.Request)
	if err == nil && final(got.status) {
		got.attempts = 1
		if err := first.take(c.lab, got); err != nil {
			return err
		}
		c.keep(first)
		return nil
	}
	first.Op = "abandoned"
	if err := c.lab.hold(first); err != nil {
		return err
	}
	second, err := c.newEnrollment("replace", first.Hardware, "", true)
	if err != nil {
		return err
	}
	if err := c.send(c.station, second); err != nil {
		return err
	}
	c.keep(second)
	return nil
}

func (c *client) revoke() error {
	target := c.pick()
	if target == nil {
		return c.enroll()
	}
	c.count++
	r := &record{ID: fmt.Sprintf("%s-%d", c.name, c.count), Op: "revoke", Path: "/v1/revocations", Caller: "officer",
		Serial: target.Serial, Pseudonym: target.Pseudonym}
	r.Request = []byte(fmt.Sprintf(`{"select":{"pseudonym":"%s"},"action":"revoke","reason":"keyCompromise"}`, target.Pseudonym))
	got, err := c.officer.post(r.Path, r.Request)
	if err != nil {
		return err
	}
	r.Status, r.Attempts = got.status, got.attempts
	if got.status/100 != 2 {
		r.Code = codeOf(got.body)
	}
	return c.lab.hold(r)
}

// renew is one of the devices that were enrolled long ago, with the same key or a new one.
func (c *client) renew() error {
	old, ok := c.plan.nextOld()
	if !ok {
		return c.enroll()
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	c.count++
	r := &record{ID: fmt.Sprintf("%s-%d", c.name, c.count), Op: "renew", Path: "/v1/renewals", Caller: "device",
		CallerCert: old.Certificate, CallerKey: old.KeyPEM, Hardware: old.Hardware, Old: old.Serial,
		Key: key.spki, KeyPEM: key.pem}
	request := enrollmentOf(old).CSR
	if c.random.Intn(2) == 0 {
		request = key.csr
	} else {
		r.Key, r.KeyPEM = old.Key, old.KeyPEM
	}
	if r.Request, err = json.Marshal(map[string]string{"csr": request}); err != nil {
		return err
	}
	device, err := c.lab.deviceCaller(r)
	if err != nil {
		return err
	}
	return c.send(device, r)
}

func enrollmentOf(r *record) (body enrollment) {
	_ = json.Unmarshal(r.Request, &body) // we made it
	return body
}

func (l *lab) deviceCaller(r *record) (*caller, error) {
	pair, err := tls.X509KeyPair([]byte(r.CallerCert), []byte(r.CallerKey))
	if err != nil {
		return nil, err
	}
	return l.newCaller(pair), nil
}

// pick takes one that this client enrolled out of its list: nil if there is none.
func (c *client) pick() *record {
	if len(c.mine) == 0 {
		return nil
	}
	i := c.random.Intn(len(c.mine))
	r := c.mine[i]
	c.mine = append(c.mine[:i], c.mine[i+1:]...)
	return r
}
