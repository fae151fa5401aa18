// judge holds what clients were given against what the service has: nothing may be lost, nothing may
// be there twice, and what was revoked stays revoked. It shares no code with the service.
//
//	judge DIR             prints what it counted, and a line for each violation; exit status 1 if any
//	judge --selftest DIR  changes a copy of DIR's records in many ways: each must be caught
//
// DIR is what load and dump.sh leave:
//
//	held.jsonl            what clients sent, and the answers that they hold
//	verdicts.jsonl        the service's verdicts about all those certificates
//	crl.der               the Device CA's CRL
//	logs.json             GET /audit/logs
//	served/*              each log as the service gives it out
//	checkpoints/*         signed checkpoints, of any time
//	db/*.jsonl            the database's tables, a row a line (to_jsonb)
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

// Case is what the judge knows, and what it found.
type Case struct {
	*Evidence
	counts     []string
	violations []string
}

func (c *Case) violation(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

func (c *Case) count(what string, n int) {
	c.counts = append(c.counts, fmt.Sprintf("%6d %s", n, what))
}

// judge does all that there is to do, in an order in which each may use what those before looked up.
func judge(e *Evidence) *Case {
	c := &Case{Evidence: e}
	c.judgeLog()
	c.judgeCheckpoints()
	c.judgeIssued()
	c.judgeUniqueness()
	c.judgeHeld()
	c.judgeOwnership()
	c.judgeQuota()
	c.judgeStatus()
	c.judgeRetries()
	return c
}

func main() {
	args := os.Args[1:]
	selftest := len(args) == 2 && args[0] == "--selftest"
	if len(args) != 1 && !selftest {
		fmt.Fprintln(os.Stderr, "usage: judge [--selftest] DIR")
		os.Exit(2)
	}
	if selftest {
		os.Exit(runSelftest(args[1]))
	}
	evidence, err := load(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
	c := judge(evidence)
	fmt.Println(strings.Join(c.counts, "\n"))
	sort.Strings(c.violations)
	for _, v := range c.violations {
		fmt.Println("violation:", v)
	}
	if len(c.violations) > 0 {
		os.Exit(1)
	}
	fmt.Println("Nothing is lost.")
}
