#!/usr/bin/env bash
# The judge is judged: evidence of quiet operation is good, and every forgery of it is caught.
. "$(dirname "$0")/lib.sh"
begin_later
start_load 4 1
within 60 "clients work" holds_more_than 600
stop_load
keep_checkpoint quiet
judge_all
"$judge" --selftest "$lab"
