package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaf is one entry of the log, as far as it matters here.
type Leaf struct {
	Log             int `json:"-"`
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

// judgeLog: the leaves of each log are gapless, in order, each once, and served as they are recorded.
func (c *Case) judgeLog() {
	kinds := map[string]int{}
	sort.SliceStable(c.Leaves, func(i, k int) bool {
		if c.Leaves[i].Log != c.Leaves[k].Log {
			return c.Leaves[i].Log < c.Leaves[k].Log
		}
		return c.Leaves[i].Seq < c.Leaves[k].Seq
	})
	c.leaves = nil
	nonces, total := map[string]int64{}, 0
	for i := range c.Logs {
		rows := c.rowsOf(c.Logs[i].ID)
		total += len(rows)
		c.judgeLeaves(rows, nonces, kinds)
		if c.Logs[i].Size != int64(len(rows)) {
			c.violation("the log has %d leaves, and audit_log says %v", len(rows), c.Logs[i])
		}
		c.judgeServed(c.Served[path.Base(c.Logs[i].Origin)], rows)
	}
	if total != len(c.Leaves) {
		c.violation("%d leaves are of no log", len(c.Leaves)-total)
	}
	c.count("leaves", len(c.Leaves))
	for _, ev := range []string{"svc.start", "svc.stop", "svc.down", "cert.abort", "cert.adopt", "log.close", "data.fault"} {
		c.count("  of them "+ev, kinds[ev])
	}
	if kinds["data.fault"] > 0 {
		c.violation("the log has %d data.fault leaves", kinds["data.fault"])
	}
}

// rowsOf: the leaves of one log, once they are sorted.
func (c *Case) rowsOf(log int) []LeafRow {
	from := sort.Search(len(c.Leaves), func(i int) bool { return c.Leaves[i].Log >= log })
	to := sort.Search(len(c.Leaves), func(i int) bool { return c.Leaves[i].Log > log })
	return c.Leaves[from:to]
}

func (c *Case) judgeLeaves(rows []LeafRow, nonces map[string]int64, kinds map[string]int) {
	last := ""
	for i, row := range rows {
		leaf := Leaf{Log: row.Log}
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
}

func (c *Case) judgeServed(served [][]byte, rows []LeafRow) {
	if len(served) > len(rows) {
		c.violation("%d leaves are served, %d recorded", len(served), len(rows))
	}
	for i := 0; i < len(served) && i < len(rows); i++ {
		if !bytes.Equal(served[i], rows[i].Body) {
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
// of a log that lives covers them all. The last leaves of one that is retired may be under none.
func (c *Case) judgeCheckpoints() {
	judged := 0
	for _, log := range c.Logs {
		for _, vkey := range c.VKeys {
			verifier, err := note.NewVerifier(vkey)
			if err != nil {
				c.violation("a log's key: %v", err)
			} else if verifier.Name() == log.Origin {
				judged += c.judgeTree(verifier, c.rowsOf(log.ID), log.Gone != nil)
			}
		}
	}
	if judged != len(c.Checkpoints) {
		c.violation("%d of %d checkpoints are of a log", judged, len(c.Checkpoints))
	}
	c.count("checkpoints", len(c.Checkpoints))
}

// hashTree: a reader of all hashes of the leaves.
func hashTree(rows []LeafRow) (tlog.HashReaderFunc, error) {
	var stored []tlog.Hash
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
	for i, row := range rows {
		hashes, err := tlog.StoredHashes(int64(i), row.Body, read)
		if err != nil {
			return nil, fmt.Errorf("leaf %d: %v", i, err)
		}
		stored = append(stored, hashes...)
	}
	return read, nil
}

// judgeTree returns how many of the checkpoints are of this log.
func (c *Case) judgeTree(verifier note.Verifier, rows []LeafRow, gone bool) (judged int) {
	var largest int64
	read, err := hashTree(rows)
	if err != nil {
		c.violation("%v", err)
		return 0
	}
	for name, message := range c.Checkpoints {
		if !bytes.HasPrefix(message, []byte(verifier.Name()+"\n")) {
			continue
		}
		judged++
		size, root, err := openCheckpoint(verifier, message)
		if err != nil {
			c.violation("checkpoint %s: %v", name, err)
			continue
		}
		if size > largest {
			largest = size
		}
		if size > int64(len(rows)) {
			c.violation("checkpoint %s: it counts %d leaves, there are %d", name, size, len(rows))
			continue
		}
		if computed, err := tlog.TreeHash(size, read); err != nil || computed != root {
			c.violation("checkpoint %s: the root of %d leaves is not the one signed", name, size)
		}
	}
	if largest != int64(len(rows)) && !gone {
		c.violation("the newest checkpoint counts %d leaves, there are %d", largest, len(rows))
	}
	return judged
}
