// load is what stations, devices and officers do while a test kills the service: many clients that
// repeat every request, octet for octet, until it is answered, and keep each answer in a file.
//
//	load prepare DIR             opens a batch, mints tokens, enrolls devices that renew later
//	load run DIR CLIENTS SEED    works until DIR/stop is there
//	load again DIR               repeats every request that was answered
//	load collect DIR             what the service shows: leaves, checkpoint, verdicts, CRLs
//
// The variables of service_up.sh say where the service is; MONIKER_TEST_SHIFT_S is how far its
// clock is ahead. All answers are lines of DIR/held.jsonl; judge reads them.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: load prepare|run|again|collect DIR [CLIENTS SEED]")
	}
	lab, err := openLab(args[1])
	if err != nil {
		return err
	}
	defer lab.close()
	switch {
	case args[0] == "prepare" && len(args) == 2:
		return prepare(lab)
	case args[0] == "run" && len(args) == 4:
		clients, _ := strconv.Atoi(args[2])
		seed, err := strconv.ParseInt(args[3], 10, 64)
		if err != nil || clients < 1 {
			return fmt.Errorf("run: no such number of clients, or no such seed")
		}
		return work(lab, clients, seed)
	case args[0] == "again" && len(args) == 2:
		return again(lab)
	case args[0] == "collect" && len(args) == 2:
		return collect(lab)
	}
	return fmt.Errorf("no such command: %v", args)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
