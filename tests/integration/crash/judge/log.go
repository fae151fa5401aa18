package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaf is one entry of the log, as far as it matters here.
type Leaf struct {
	Seq             int64
	St, Ev, Rc, Out string
	N, Act, Sub, C  string
	Cnt             int64
}

// part takes the handles of one kind out of a leaf's subject: part("h") of "b:x/h:new/h:old" is new, old.
func (l *Leaf) part(kind string) (handles []string) {
	for _, word := range strings.Split(l.Sub, "/") {
		if strings.HasPrefix(word, kind+":") {
			handles = append(handles, word[len(kind)+1:])
		}
	}
	return handles
}

// judgeLog: leaves are gapless, in order, each once, and served as they are recorded.
func (c *Case) judgeLog() {
	nonces := map[string]int64{}
	kinds := map[string]int{}
	last := ""

	sort.SliceStable(c.Leaves, func(i, k int) bool { return c.Leaves[i].Seq < c.Leaves[k].Seq })
	c.leaves = nil
	for i, row := range c.Leaves {
		var leaf Leaf
		if row.Seq != int64(i) {
			c.violation("leaf %d: row %d of the log says seq %d", i, i, row.Seq)
		}
		if err := json.Unmarshal(row.Body, &leaf); err != nil {
			c.violation("leaf %d: %v", row.Seq, err)
			continue
		}
		if leaf.Seq != row.Seq {
			c.violation("leaf %d: its octets say seq %d", row.Seq, leaf.Seq)
		}
		if leaf.St < last {
			c.violation("leaf %d: st goes back from %s to %s", row.Seq, last, leaf.St)
		}
		if other, is := nonces[leaf.N]; is {
			c.violation("leaf %d: has the n of leaf %d", row.Seq, other)
		}
		nonces[leaf.N] = row.Seq
		last = leaf.St
		kinds[leaf.Ev]++
		c.leaves = append(c.leaves, leaf)
	}
	if len(c.Logs) != 1 || c.Logs[0].Size != int64(len(c.Leaves)) {
		c.violation("the log has %d leaves, and audit_log says %v", len(c.Leaves), c.Logs)
	}
	c.judgeServed()
	c.count("leaves", len(c.Leaves))
	for _, ev := range []string{"svc.start", "svc.stop", "svc.down", "cert.abort", "cert.adopt", "data.fault"} {
		c.count("  of them "+ev, kinds[ev])
	}
	if kinds["data.fault"] > 0 {
		c.violation("the log has %d data.fault leaves", kinds["data.fault"])
	}
}

func (c *Case) judgeServed() {
	if len(c.Served) > len(c.Leaves) {
		c.violation("%d leaves are served, %d recorded", len(c.Served), len(c.Leaves))
	}
	for i := 0; i < len(c.Served) && i < len(c.Leaves); i++ {
		if !bytes.Equal(c.Served[i], c.Leaves[i].Body) {
			c.violation("leaf %d: served otherwise than recorded", i)
		}
	}
}

func openCheckpoint(verifier note.Verifier, message []byte) (size int64, root tlog.Hash, err error) {
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return 0, root, errors.New("it has not the three lines of a checkpoint of this log")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	root, err = tlog.ParseHash(lines[2])
	return size, root, err
}

// judgeCheckpoints: whatever was signed, at any time, is what the recorded leaves give; and the newest
// covers them all.
func (c *Case) judgeCheckpoints() {
	var stored []tlog.Hash
	var largest int64
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, fmt.Errorf("there is no hash %d", index)
			}
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for i, row := range c.Leaves {
		hashes, err := tlog.StoredHashes(int64(i), row.Body, read)
		if err != nil {
			c.violation("leaf %d: %v", i, err)
			return
		}
		stored = append(stored, hashes...)
	}
	verifier, err := note.NewVerifier(c.VKey)
	if err != nil {
		c.violation("the log's key: %v", err)
		return
	}
	for name, message := range c.Checkpoints {
		size, root, err := openCheckpoint(verifier, message)
		if err != nil {
			c.violation("checkpoint %s: %v", name, err)
			continue
		}
		if size > largest {
			largest = size
		}
		if size > int64(len(c.Leaves)) {
			c.violation("checkpoint %s: it counts %d leaves, there are %d", name, size, len(c.Leaves))
			continue
		}
		if computed, err := tlog.TreeHash(size, read); err != nil || computed != root {
			c.violation("checkpoint %s: the root of %d leaves is not the one signed", name, size)
		}
	}
	if largest != int64(len(c.Leaves)) {
		c.violation("the newest checkpoint counts %d leaves, there are %d", largest, len(c.Leaves))
	}
	c.count("checkpoints", len(c.Checkpoints))
}
