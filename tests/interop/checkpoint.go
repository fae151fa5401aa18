// checkpoint verifies an audit log with nothing of Moniker's: golang.org/x/mod/sumdb/note checks the
// signature of the checkpoint, golang.org/x/mod/sumdb/tlog computes its root from the leaves.
//
//	checkpoint VKEY CHECKPOINT LEAVES    prints the size and the root; exit status 1 if they differ
//
// LEAVES has at least as many lines as the checkpoint counts leaves; later ones are not looked at.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// open checks the note's signature and takes the tree from its text: origin, size, root.
func open(vkey string, message []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, errors.New("the checkpoint has not three lines")
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the origin is %q, the key's name %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 || lines[1] != strconv.FormatInt(size, 10) {
		return tlog.Tree{}, fmt.Errorf("%q is no size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// rootOf computes the root over the first size leaves.
func rootOf(leaves [][]byte, size int64) (tlog.Hash, error) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})

	if int64(len(leaves)) < size {
		return tlog.Hash{}, fmt.Errorf("the checkpoint counts %d leaves, there are %d", size, len(leaves))
	}
	for n := int64(0); n < size; n++ {
		hashes, err := tlog.StoredHashes(n, leaves[n], read)
		if err != nil {
			return tlog.Hash{}, err
		}
		stored = append(stored, hashes...)
	}
	return tlog.TreeHash(size, read)
}

func verify(vkey, checkpointPath, leavesPath string) error {
	message, err := os.ReadFile(checkpointPath)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(leavesPath)
	if err != nil {
		return err
	}
	tree, err := open(vkey, message)
	if err != nil {
		return err
	}
	root, err := rootOf(bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")), tree.N)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the root of the leaves is %v, the checkpoint's %v", root, tree.Hash)
	}
	fmt.Println(tree.N, root)
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: checkpoint VKEY CHECKPOINT LEAVES")
		os.Exit(2)
	}
	if err := verify(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "checkpoint:", err)
		os.Exit(1)
	}
}
