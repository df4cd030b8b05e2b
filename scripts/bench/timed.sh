#!/usr/bin/env bash
# timed.sh <file> <program> <argument>...: runs the program and writes "<wall> <user> <system>" seconds
# to the file, of it and of everything it waited for; what it prints goes to <file>.log.
set -uo pipefail
file=$1
shift
TIMEFORMAT='%R %U %S'
{ time "$@" >"$file.log" 2>&1; } 2>"$file"
