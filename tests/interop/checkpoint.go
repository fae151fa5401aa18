// checkpoint verifies an audit log with nothing of Moniker's: golang.org/x/mod/sumdb/note checks the
// signature of the checkpoint, golang.org/x/mod/sumdb/tlog computes its root from the leaves.
//
//	checkpoint VKEY CHECKPOINT LEAVES    prints the size and the root; exit status 1 if they differ
//	checkpoint VKEY CHECKPOINT cosigned WITNESS...    that each witness has cosigned it (C2SP
//	                                     tlog-cosignature, of which sumdb/note knows nothing)
//	checkpoint VKEY FOLDER               the same of a log's folder: its leaves, and its tiles by
//	                                     tlog's own reader, which checks each against the root; leaves
//	                                     that are not there need a log.prune leaf, and are named
//	checkpoint VKEY EXPORT               the same of an export, unpacked, whose leaves are lines: prints
//	                                     what it proves, too
//
// LEAVES has at least as many lines as the checkpoint counts leaves; later ones are not looked at.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// hashesOf are the leaves as the tree has them.
func hashesOf(leaves [][]byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(leaves))
	for i, leaf := range leaves {
		hashes[i] = tlog.RecordHash(leaf)
	}
	return hashes
}

// rootOf computes the root over the first size leaves.
func rootOf(leaves []tlog.Hash, size int64) (tlog.Hash, error) {
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
		hashes, err := tlog.StoredHashesForRecordHash(n, leaves[n], read)
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
	root, err := rootOf(hashesOf(bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))), tree.N)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the root of the leaves is %v, the checkpoint's %v", root, tree.Hash)
	}
	fmt.Println(tree.N, root)
	return nil
}

// folder is a log's folder as tlog reads tiles; C2SP's paths have no height, and entries for data.
type folder string

func (dir folder) Height() int { return 8 }

func (dir folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (dir folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		path = strings.Replace(path, "tile/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(string(dir), path))
		if errors.Is(err, os.ErrNotExist) { // the full one has taken its place
			full, _, _ := strings.Cut(path, ".p/")
			data, err = os.ReadFile(filepath.Join(string(dir), full))
		}
		if err != nil {
			return nil, err
		}
		if tile.L >= 0 && len(data) > tile.W*tlog.HashSize {
			data = data[:tile.W*tlog.HashSize]
		}
		all[i] = data
	}
	return all, nil
}

// bundle takes the leaves out of one; no leaves and no error: it is not there.
func (dir folder) bundle(n int64, width int) ([][]byte, error) {
	data, err := dir.ReadTiles([]tlog.Tile{{H: 8, L: -1, N: n, W: width}})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var leaves [][]byte
	for rest := data[0]; len(leaves) < width; {
		if len(rest) < 2 || len(rest) < 2+int(rest[0])<<8+int(rest[1]) {
			return nil, fmt.Errorf("bundle %d is cut", n)
		}
		end := 2 + int(rest[0])<<8 + int(rest[1])
		leaves = append(leaves, rest[2:end])
		rest = rest[end:]
	}
	return leaves, nil
}

// span is of leaves: by is the leaf that says that they were pruned.
type span struct{ first, last, by int64 }

// pruned is what a leaf says is gone. It speaks of its own log and of leaves before itself.
func pruned(origin string, n int64, text []byte) (span, bool) {
	var leaf struct {
		Ev, Out, Sub string
		D            struct{ First, Last *int64 }
	}
	if json.Unmarshal(text, &leaf) != nil || leaf.Ev != "log.prune" || leaf.Out != "success" ||
		leaf.Sub != "log:"+origin[strings.LastIndex(origin, "/")+1:] ||
		leaf.D.First == nil || leaf.D.Last == nil || *leaf.D.Last >= n {
		return span{}, false
	}
	return span{*leaf.D.First, *leaf.D.Last, n}, true
}

// records are the hashes of all leaves, of those that are not there as the tiles have them; of
// these, which leaf says why.
func (dir folder) records(origin string, size int64) (hashes []tlog.Hash, gone []span, err error) {
	var absent, said []span
	for n := int64(0); n*256 < size; n++ {
		width := int(min(size-n*256, 256))
		leaves, err := dir.bundle(n, width)
		if err != nil {
			return nil, nil, err
		}
		for i, leaf := range leaves {
			if prune, ok := pruned(origin, n*256+int64(i), leaf); ok {
				said = append(said, prune)
			}
		}
		hashes = append(hashes, hashesOf(leaves)...)
		if leaves != nil {
			continue
		}
		tiles, err := dir.ReadTiles([]tlog.Tile{{H: 8, L: 0, N: n, W: width}})
		if err != nil {
			return nil, nil, err
		}
		for i := 0; i < width && len(tiles[0]) == width*tlog.HashSize; i++ {
			var hash tlog.Hash
			copy(hash[:], tiles[0][i*tlog.HashSize:])
			hashes = append(hashes, hash)
		}
		absent = append(absent, span{first: n * 256, last: n*256 + int64(width) - 1})
	}
	for _, hole := range absent {
		by, err := excuse(said, hole)
		if err != nil {
			return nil, nil, err
		}
		gone = append(gone, by...)
	}
	return hashes, gone, nil
}

// excuse says of each leaf of a hole which leaf pruned it.
func excuse(said []span, hole span) (by []span, err error) {
	for at := hole.first; at <= hole.last; {
		found := false
		for _, prune := range said {
			if !found && prune.first <= at && at <= prune.last {
				found = true
				part := span{at, min(prune.last, hole.last), prune.by}
				by, at = append(by, part), part.last+1
			}
		}
		if !found {
			return nil, fmt.Errorf("leaves %d to %d are not there, and no log.prune says why", hole.first, hole.last)
		}
	}
	return by, nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func verifyFolder(vkey string, dir folder) error {
	message, err := os.ReadFile(filepath.Join(string(dir), "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(vkey, message)
	if err != nil {
		return err
	}
	leaves, gone, err := dir.records(vkey[:strings.Index(vkey, "+")], tree.N)
	if err != nil {
		return err
	}
	root, err := rootOf(leaves, tree.N)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the root of the leaves is %v, the checkpoint's %v", root, tree.Hash)
	}
	reader := tlog.TileHashReader(tree, dir)
	for n := int64(0); n < tree.N; n++ {
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", n, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaves[n]); err != nil {
			return fmt.Errorf("leaf %d: %w", n, err)
		}
	}
	fmt.Println(tree.N, root)
	for _, hole := range gone {
		fmt.Printf("pruned: leaves %d to %d, by leaf %d\n", hole.first, hole.last, hole.by)
	}
	return nil
}

// cosigner is a witness's key as sumdb/note wants a verifier to be.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(signature))
	return ed25519.Verify(c.key, append([]byte(head), text...), signature[8:])
}

func newCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return cosigner{}, errors.New("not a verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return cosigner{}, errors.New("not a witness's key")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if hex.EncodeToString(digest[:4]) != parts[1] {
		return cosigner{}, errors.New("the key's hash is another")
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(digest[:4]), key[1:]}, nil
}

// verifyCosigned opens the note with the keys of the log and of all witnesses at once.
func verifyCosigned(vkey, checkpointPath string, witnesses []string) error {
	message, err := os.ReadFile(checkpointPath)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{verifier}
	for _, witness := range witnesses {
		c, err := newCosigner(witness)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, c)
	}
	signed, err := note.Open(message, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if len(signed.Sigs) != len(verifiers) || len(signed.UnverifiedSigs) != 0 {
		return fmt.Errorf("%d of %d have signed it, and %d others", len(signed.Sigs), len(verifiers), len(signed.UnverifiedSigs))
	}
	fmt.Println(len(signed.Sigs))
	return nil
}

// manifest is what an export says about itself, as far as it can be wrong here.
type manifest struct {
	Origin string
	Size   int64
	Root   string
	Proves string
	Count  int
	Asked  struct{ Ev, Rc, Act *string }
	Files  []struct {
		Name, Sha256 string
		Size         int64
	}
}

func (dir folder) manifest(tree tlog.Tree) (*manifest, error) {
	var said manifest
	text, err := os.ReadFile(filepath.Join(string(dir), "manifest.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, err
	}
	if said.Size != tree.N || said.Root != tree.Hash.String() {
		return nil, errors.New("the manifest is of another tree")
	}
	for _, file := range said.Files {
		contents, err := os.ReadFile(filepath.Join(string(dir), file.Name))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(contents)
		if hex.EncodeToString(sum[:]) != file.Sha256 || int64(len(contents)) != file.Size {
			return nil, fmt.Errorf("%s is not the file that the manifest names", file.Name)
		}
	}
	return &said, nil
}

func verifyExport(vkey string, dir folder) error {
	message, err := os.ReadFile(filepath.Join(string(dir), "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(vkey, message)
	if err != nil {
		return err
	}
	said, err := dir.manifest(tree)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(string(dir), "leaves.ndjson"))
	if err != nil {
		return err
	}
	complete := said.Asked.Ev == nil && said.Asked.Rc == nil && said.Asked.Act == nil
	reader := tlog.TileHashReader(tree, dir)
	last, count := int64(-1), 0
	for _, line := range bytes.SplitAfter(text, []byte("\n")) {
		if len(line) == 0 {
			break
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		var leaf struct{ Seq int64 }
		if err := json.Unmarshal(line, &leaf); err != nil {
			return err
		}
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, leaf.Seq)})
		if err != nil {
			return fmt.Errorf("leaf %d: %w", leaf.Seq, err)
		}
		if hashes[0] != tlog.RecordHash(line) {
			return fmt.Errorf("leaf %d is not the leaf of this hash", leaf.Seq)
		}
		if leaf.Seq <= last || (complete && count > 0 && leaf.Seq != last+1) {
			return fmt.Errorf("leaf %d does not follow leaf %d", leaf.Seq, last)
		}
		last = leaf.Seq
		count++
	}
	if count != said.Count || (said.Proves == "complete") != complete {
		return errors.New("the manifest says something else of its leaves")
	}
	fmt.Println(tree.N, tree.Hash, said.Proves, count)
	return nil
}

func main() {
	if len(os.Args) > 4 && os.Args[3] == "cosigned" {
		if err := verifyCosigned(os.Args[1], os.Args[2], os.Args[4:]); err != nil {
			fmt.Fprintln(os.Stderr, "checkpoint:", err)
			os.Exit(1)
		}
		return
	}
	var err error
	switch len(os.Args) {
	case 3:
		if _, missing := os.Stat(filepath.Join(os.Args[2], "manifest.json")); missing == nil {
			err = verifyExport(os.Args[1], folder(os.Args[2]))
		} else {
			err = verifyFolder(os.Args[1], folder(os.Args[2]))
		}
	case 4:
		err = verify(os.Args[1], os.Args[2], os.Args[3])
	default:
		fmt.Fprintln(os.Stderr, "usage: checkpoint VKEY CHECKPOINT LEAVES | VKEY FOLDER | VKEY EXPORT")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "checkpoint:", err)
		os.Exit(1)
	}
}
