package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path"
	"strings"
	"time"
)

const verifyMany = 500

// collect asks the service for all that it shows. Judge holds it against the database's dump.
func collect(l *lab) error {
	auditor, err := l.person("auditor")
	if err != nil {
		return err
	}
	if err := collectLog(l, auditor); err != nil {
		return err
	}
	records, err := l.records()
	if err != nil {
		return err
	}
	verifier, err := l.person("verifier")
	if err != nil {
		return err
	}
	if err := collectVerdicts(l, verifier, records); err != nil {
		return err
	}
	return collectCRL(l, auditor, records)
}

func collectLog(l *lab, auditor *caller) error {
	logs, err := auditor.get("/audit/logs")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.path("logs.json"), logs.body, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(l.path("served"), 0o755); err != nil {
		return err
	}
	var list struct{ Items []struct{ Origin string } }
	if err := json.Unmarshal(logs.body, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		if err := collectLeaves(l, auditor, path.Base(item.Origin)); err != nil {
			return err
		}
	}
	return nil
}

func collectLeaves(l *lab, auditor *caller, log string) error {
	out, err := os.Create(l.path("served/" + log))
	if err != nil {
		return err
	}
	defer out.Close()
	for after := "-1"; after != ""; {
		page, err := auditor.get("/v1/audit/events?limit=5000&log=" + log + "&after=" + after)
		if err != nil {
			return err
		}
		if _, err := out.Write(page.body); err != nil {
			return err
		}
		after = page.header.Get("Moniker-Next")
	}
	return nil
}

func collectVerdicts(l *lab, verifier *caller, records []record) error {
	out, err := os.Create(l.path("verdicts.jsonl"))
	if err != nil {
		return err
	}
	defer out.Close()
	var waiting []string
	flush := func() error {
		var answer struct{ Results []json.RawMessage }
		if len(waiting) == 0 {
			return nil
		}
		if err := verifier.ask("/v1/verifications", map[string]any{"certificates": waiting}, &answer); err != nil {
			return err
		}
		for _, result := range answer.Results {
			fmt.Fprintf(out, "%s\n", result)
		}
		waiting = nil
		return nil
	}
	seen := map[string]bool{}
	for _, r := range records {
		if r.Certificate == "" || seen[r.Serial] {
			continue
		}
		seen[r.Serial] = true
		waiting = append(waiting, r.Certificate)
		if len(waiting) == verifyMany {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// collectCRL waits until the CRL has caught up: it follows a change within about a second, but a
// node that was killed while it built one had a lease of a minute.
func collectCRL(l *lab, by *caller, records []record) error {
	wanted := map[string]bool{}
	var path string
	for _, r := range records {
		if r.Op == "revoke" && r.Status/100 == 2 {
			wanted[r.Serial] = true
		}
		if path == "" && r.Certificate != "" {
			block, _ := pem.Decode([]byte(r.Certificate))
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil || len(certificate.CRLDistributionPoints) != 1 {
				return fmt.Errorf("a certificate without its CRL: %v", err)
			}
			url := certificate.CRLDistributionPoints[0]
			path = url[strings.Index(url, "/crl/"):]
		}
	}
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		got, err := by.get(path)
		if err != nil {
			return err
		}
		list, err := x509.ParseRevocationList(got.body)
		if err != nil {
			return err
		}
		listed := 0
		for _, entry := range list.RevokedCertificates {
			if wanted[fmt.Sprintf("%040x", entry.SerialNumber)] {
				listed++
			}
		}
		if listed == len(wanted) || time.Now().After(deadline) {
			return os.WriteFile(l.path("crl.der"), got.body, 0o644)
		}
	}
}
