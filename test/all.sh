#!/usr/bin/env bash
# Every test, in the order in which a mistake shows soonest. Ends in the line
# "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.."
export INGOT_TEST_ALL=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

make --no-print-directory vet || failed=1

# VM tests have the machine to themselves: they wait for real boots, three at a time: much of that is waiting.
echo "== unit and script tests"
go test -json $(go list ./... | grep -v /test/vm) > "$log.unit" || failed=1
go run ./test/summary < "$log.unit" || failed=1
echo "== appliances in virtual machines"
go test -json -count=1 -timeout 95m -parallel 3 ./test/vm > "$log.vm" || failed=1
go run ./test/summary < "$log.vm" || failed=1

cat "$log.unit" "$log.vm" | go run ./test/summary --total
rm -f "$log.unit" "$log.vm"
exit $failed
