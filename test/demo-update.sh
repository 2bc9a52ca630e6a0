#!/bin/bash
# Shows a whole update: makes throw-away keys, releases 1.0.0 and 1.1.0 of the
# example hello into a repository, serves it on loopback, and boots 1.0.0.
set -euo pipefail
cd "$(dirname "$0")/.."
work=out/demo-update
export INGOT_PASSPHRASE="only for trying out"
rm -rf "$work"
mkdir -p "$work"
bin/ingot keys init "$work/keys" --single
for version in 1.0.0 1.1.0; do
  app=$work/$version
  cp -r examples/hello "$app"
  cp "$work/keys/root.json" "$app/"
  printf 'module hello\n\ngo 1.25\n' > "$app/go.mod"
  sed -i -e "s/1\.0\.0/$version/" -e 's/^services:/updates: {root: root.json, trial: {healthy: 10s, within: 3m}}\n\nservices:/' "$app/appliance.yaml"
  echo "Version $version says more clearly which version it is." > "$app/notes.md"
  bin/ingot release add "$app" --repo "$work/repo" --keys "$work/keys" --notes "$app/notes.md"
done
bin/ingot release serve --repo "$work/repo" --listen 127.0.0.1:8600 &
server=$!
trap 'kill $server' EXIT
echo
echo "Log in to the management page as admin, password: correct horse battery. Open Updates, press Check now, then Install now."
echo "Ctrl-C switches everything off."
bin/ingot run "$work/1.0.0" --seed "access.password=correct horse battery" --seed updates.url=http://10.0.2.2:8600/
