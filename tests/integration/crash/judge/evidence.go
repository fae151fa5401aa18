package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Octets is a bytea as PostgreSQL writes it in JSON: "\\x00ff".
type Octets []byte

func (o *Octets) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if !strings.HasPrefix(s, `\x`) {
		return fmt.Errorf("%q is no bytea", s)
	}
	octets, err := hex.DecodeString(s[2:])
	*o = octets
	return err
}

func (o Octets) hex() string { return hex.EncodeToString(o) }

// What clients hold.
type Held struct {
	ID, Op, Of, Code, Path, Caller, Hardware, Key, Serial, Pseudonym, Certificate, Old string
	Status, Attempts                                                                   int
}

type Verdict struct{ Serial, Verdict string }

// Rows of the tables, as far as they matter here.
type (
	LogRow struct {
		ID     int
		Origin string
		Size   int64
		Gone   *int64 `json:"gone_at_s"` // the log is retired
	}
	LeafRow struct {
		Log  int
		Seq  int64
		Body Octets
	}
	IssuerRow struct {
		ID          Octets
		Kind        string
		Certificate Octets
	}
	BodyRow struct {
		Month          int
		Serial, Issuer Octets
		Log            int
		Seq            int64
		Nonce, TBS     Octets
	}
	AdoptionRow struct {
		Serial    Octets
		Turn, Log int
		Seq       int64
		Nonce     Octets
	}
	SignatureRow struct {
		Month             int
		Serial, Signature Octets
	}
	OperatorRow struct {
		Serial, Issuer, Nonce, TBS Octets
		Signature                  *Octets
	}
	CertificateRow struct {
		Month             int
		Serial, SPKI      Octets
		SPKISHA256        Octets `json:"spki_sha256"`
		Device            int64
		Handle, Pseudonym string
	}
	DeviceRow struct {
		ID               int64
		Pseudonym, State string
		Batch            int
		Token            *int64
		TagCount         int `json:"tag_count"`
	}
	KeyRow struct {
		SPKISHA256 Octets `json:"spki_sha256"`
		Device     *int64
		Month      int
		Serial     Octets
	}
	TagRow struct {
		Kid              int
		Tag              Octets
		Device           int64
		Blocked, Readmit bool
	}
	TokenRow struct {
		ID     int64
		State  string
		Device *int64
	}
	RenewalRow struct {
		Serial    Octets
		NewSerial Octets `json:"new_serial"`
	}
	BatchRow struct {
		ID     int
		Handle string
		Issued int64
	}
	RevocationRow struct {
		Serial Octets
		State  string
		Reason int
		Seq    int64
	}
	ChangeRow struct {
		Seq    int64
		Serial Octets
		State  string
		Reason int
	}
	HeadRow struct{ Seq int64 }
)

// Evidence is what DIR holds.
type Evidence struct {
	Held        []Held
	Verdicts    []Verdict
	CRL         *x509.RevocationList
	VKeys       []string
	Served      map[string][][]byte // by the log's name
	Checkpoints map[string][]byte

	Logs         []LogRow
	Leaves       []LeafRow
	Issuers      []IssuerRow
	Bodies       []BodyRow
	Adoptions    []AdoptionRow
	Signatures   []SignatureRow
	Operators    []OperatorRow
	Certificates []CertificateRow
	Devices      []DeviceRow
	Keys         []KeyRow
	Tags         []TagRow
	Tokens       []TokenRow
	Renewals     []RenewalRow
	Batches      []BatchRow
	Revocations  []RevocationRow
	Changes      []ChangeRow
	Heads        []HeadRow

	// Made by the judge, for the checks that follow.
	leaves  []Leaf
	issued  map[string]*Issued // by serial
	devices map[int64]*DeviceRow
}

func readLines[T any](dir, name string, out *[]T) error {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		*out = append(*out, row)
	}
	return lines.Err()
}

func (e *Evidence) readTables(dir string) error {
	return first(
		readLines(dir, "held.jsonl", &e.Held),
		readLines(dir, "verdicts.jsonl", &e.Verdicts),
		readLines(dir, "db/audit_log.jsonl", &e.Logs),
		readLines(dir, "db/audit_leaf.jsonl", &e.Leaves),
		readLines(dir, "db/ca_issuer.jsonl", &e.Issuers),
		readLines(dir, "db/certificate_body.jsonl", &e.Bodies),
		readLines(dir, "db/certificate_adoption.jsonl", &e.Adoptions),
		readLines(dir, "db/certificate_signature.jsonl", &e.Signatures),
		readLines(dir, "db/operator_certificate.jsonl", &e.Operators),
		readLines(dir, "db/certificate.jsonl", &e.Certificates),
		readLines(dir, "db/device.jsonl", &e.Devices),
		readLines(dir, "db/device_key.jsonl", &e.Keys),
		readLines(dir, "db/device_tag.jsonl", &e.Tags),
		readLines(dir, "db/token.jsonl", &e.Tokens),
		readLines(dir, "db/renewal.jsonl", &e.Renewals),
		readLines(dir, "db/batch.jsonl", &e.Batches),
		readLines(dir, "db/revocation.jsonl", &e.Revocations),
		readLines(dir, "db/status_change.jsonl", &e.Changes),
		readLines(dir, "db/status_head.jsonl", &e.Heads),
	)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Evidence) readLog(dir string) error {
	var logs struct {
		Items []struct{ Origin, VKey string }
	}
	text, err := os.ReadFile(filepath.Join(dir, "logs.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &logs); err != nil {
		return err
	}
	if len(logs.Items) != len(e.Logs) {
		return fmt.Errorf("%d logs are shown, %d on record", len(logs.Items), len(e.Logs))
	}
	e.Served = map[string][][]byte{}
	for _, item := range logs.Items {
		name := path.Base(item.Origin)
		served, err := os.ReadFile(filepath.Join(dir, "served", name))
		if err != nil {
			return err
		}
		e.VKeys = append(e.VKeys, item.VKey)
		e.Served[name] = bytes.Split(bytes.TrimSuffix(served, []byte("\n")), []byte("\n"))
	}
	e.Checkpoints = map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(dir, "checkpoints", "*"))
	for _, name := range names {
		if e.Checkpoints[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	if len(names) == 0 && err == nil {
		err = errors.New("no checkpoint")
	}
	return err
}

func load(dir string) (*Evidence, error) {
	e := &Evidence{}
	if err := first(e.readTables(dir), e.readLog(dir)); err != nil {
		return nil, err
	}
	der, err := os.ReadFile(filepath.Join(dir, "crl.der"))
	if err != nil {
		return nil, err
	}
	if e.CRL, err = x509.ParseRevocationList(der); err != nil {
		return nil, err
	}
	if len(e.Held) == 0 || len(e.Certificates) == 0 || len(e.Leaves) == 0 {
		return nil, errors.New("there is nothing to judge")
	}
	return e, nil
}
