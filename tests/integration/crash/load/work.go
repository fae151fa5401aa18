package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	mathrand "math/rand"
	"os"
	"sync"
	"time"
)

const (
	tokenCount = 600
	tokenLife  = 366 * 86400 // seconds: the test goes on much later
	oldCount   = 300         // devices that renew later
	workPause  = 20 * time.Millisecond
)

// plan is what prepare leaves for run: DIR/plan.json.
type plan struct {
	Batch  string   `json:"batch"`
	Tokens []string `json:"tokens"`
	Spent  int      `json:"spent"` // of earlier runs
	Gone   int      `json:"gone"`

	mutex sync.Mutex
	old   []*record
}

func (p *plan) nextToken() (string, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.Spent == len(p.Tokens) {
		return "", false
	}
	p.Spent++
	return p.Tokens[p.Spent-1], true
}

func (p *plan) nextOld() (*record, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.Gone == len(p.old) {
		return nil, false
	}
	p.Gone++
	return p.old[p.Gone-1], true
}

func (p *plan) save(l *lab) error {
	octets, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(l.path("plan.json"), octets, 0o644)
}

func loadPlan(l *lab) (*plan, error) {
	p := &plan{}
	octets, err := os.ReadFile(l.path("plan.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(octets, p); err != nil {
		return nil, err
	}
	records, err := l.records()
	for i := range records {
		if records[i].Op == "enroll" && records[i].issued() && len(p.old) < oldCount {
			p.old = append(p.old, &records[i])
		}
	}
	return p, err
}

func newClient(l *lab, p *plan, name string, seed int64) (*client, error) {
	c := &client{lab: l, plan: p, name: name, random: mathrand.New(mathrand.NewSource(seed))}
	var err error
	if c.station, err = l.person("station"); err != nil {
		return nil, err
	}
	if c.officer, err = l.person("officer"); err != nil {
		return nil, err
	}
	c.nobody, err = l.person("nobody")
	return c, err
}

func prepare(l *lab) error {
	var name [5]byte
	_, _ = rand.Read(name[:])
	p := &plan{Batch: "crash-" + hex.EncodeToString(name[:])}
	admin, err := l.person("admin")
	if err != nil {
		return err
	}
	var ignored struct{}
	lot := map[string]any{"id": p.Batch, "model": "Test", "quota": 1000000}
	if err := admin.ask("/v1/batches", lot, &ignored); err != nil {
		return err
	}
	if err := admin.ask("/v1/batches/"+p.Batch+"/tokens", map[string]int{"count": tokenCount, "expires_in_s": tokenLife}, p); err != nil {
		return err
	}
	c, err := newClient(l, p, "old", 0)
	if err != nil {
		return err
	}
	for len(c.mine) < oldCount {
		if err := c.enrollMany(); err != nil {
			return err
		}
	}
	return p.save(l)
}

// step does one thing, chosen at random.
func (c *client) step() error {
	time.Sleep(workPause)
	switch n := c.random.Intn(100); {
	case n < 30:
		return c.enroll()
	case n < 44:
		return c.enrollMany()
	case n < 54:
		return c.enrollByToken()
	case n < 65:
		return c.replace()
	case n < 82:
		return c.abandon()
	case n < 91:
		return c.renew()
	default:
		return c.revoke()
	}
}

// work keeps the clients busy until DIR/stop is there. Whatever was begun is then still finished.
func work(l *lab, clients int, seed int64) error {
	p, err := loadPlan(l)
	if err != nil {
		return err
	}
	failures := make(chan error, clients)
	for i := 0; i < clients; i++ {
		c, err := newClient(l, p, fmt.Sprintf("c%d.%d", seed, i), seed*1000+int64(i))
		if err != nil {
			return err
		}
		go func() {
			var err error
			for err == nil && !l.stopped() {
				err = c.step()
			}
			failures <- err
		}()
	}
	for i := 0; i < clients; i++ {
		if failed := <-failures; failed != nil {
			err = failed
		}
	}
	if err != nil {
		return err
	}
	return p.save(l)
}

// again repeats, once all is quiet, every request for a certificate that was answered.
func again(l *lab) error {
	const clients = 8
	records, err := l.records()
	if err != nil {
		return err
	}
	waiting := make(chan *record, len(records))
	for i := range records {
		if r := &records[i]; r.Serial != "" && r.Op != "revoke" && r.Op != "again" {
			waiting <- r
		}
	}
	close(waiting)
	failures := make(chan error, clients)
	for i := 0; i < clients; i++ {
		c, err := newClient(l, nil, "again", 0)
		if err != nil {
			return err
		}
		go func() {
			var err error
			for r := range waiting {
				if err == nil {
					err = c.repeat(r)
				}
			}
			failures <- err
		}()
	}
	for i := 0; i < clients; i++ {
		if failed := <-failures; failed != nil {
			err = failed
		}
	}
	return err
}

func (c *client) repeat(r *record) error {
	by := c.station
	switch r.Caller {
	case "nobody":
		by = c.nobody
	case "device":
		device, err := c.lab.deviceCaller(r)
		if err != nil {
			return err
		}
		defer device.http.CloseIdleConnections()
		by = device
	}
	got, err := by.post(r.Path, r.Request)
	if err != nil {
		return err
	}
	repeated := &record{ID: r.ID + "-again", Op: "again", Of: r.ID, Path: r.Path, Caller: r.Caller}
	return repeated.take(c.lab, got)
}
