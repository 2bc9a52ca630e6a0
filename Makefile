# make build     bin/ingot, bin/ingotd, bin/ingot-init
# make unit      unit and script tests: no root, no network; the stories in test/ run with make test
# make test      everything, virtual machines too; ends in a line of counts
# make demo      build examples/pocketbase and boot it; EXAMPLE=hello for the smallest;
#                SEED="answers.yaml network.hostname=web1" answers its questions
# make demo-update  show a whole update: keys, a repository, 1.0.0 running, 1.1.0 to be installed
# make bench     measure speed and size, print them beside the goals
# make torture  cut the power of first boots and of updates, at random instants and after each write, and boot
#                every state of the boot variables: a night; TORTURE=50 random cuts
# make scenarios  play every scenario of updates in virtual machines, an hour without KVM
# make pictures  take the pictures of docs/web.md anew (docs/images)
# make fuzz      every fuzz target for a while; FUZZTIME=1m

EXAMPLE  ?= pocketbase
FUZZTIME ?= 30s
TORTURE  ?= 50
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# nethttpomithttp2: the agent speaks HTTP/1.1 only, and the room counts in every image.
# -l: calls are not replaced by what they call, except in the packages whose speed is felt.
FAST     = runtime/... internal/... crypto/... golang.org/x/crypto/... github.com/klauspost/... math/... sync/... bytes strings unicode/...
NO_COPIES = -gcflags=all=-l $(foreach p,$(FAST),-gcflags=$(p)=)
GO_BUILD = CGO_ENABLED=0 go build -trimpath -tags nethttpomithttp2 -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: build setup unit vet test-tools test demo demo-update bench torture scenarios pictures fuzz clean

# What pages load besides our own files, from the packages that the lock file pins.
SCRIPT   = internal/web/assets/dist/ingot.js
PACKAGES = internal/web/node_modules

$(SCRIPT): internal/web/package-lock.json
	@command -v npm >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends npm; }
	cd internal/web && npm ci --ignore-scripts --no-audit --no-fund
	@mkdir -p $(@D)
	cat $(PACKAGES)/htmx.org/dist/htmx.min.js $(PACKAGES)/idiomorph/dist/idiomorph-ext.min.js > $@.new
	@mv $@.new $@

build: $(SCRIPT)
	@mkdir -p bin
	$(GO_BUILD) -o bin/ingot ./cmd/ingot
	$(GO_BUILD) $(NO_COPIES) -o bin/ingotd ./cmd/ingotd
	$(GO_BUILD) $(NO_COPIES) -o bin/ingot-init ./cmd/ingot-init

# Host programs that building and booting take. Asks nothing when all are there.
setup: build
	bin/ingot doctor --install

# Much of it is waiting: more packages at once than there are processors.
unit: vet
	go test -p 4 $$(go list ./... | grep -v /test/)

vet:
	go vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }

# What only tests use: independent readers of what we write, and a browser,
# which Ubuntu has under another name.
CHROMIUM   = $(shell grep -qx 'ID=ubuntu' /etc/os-release && echo chromium-browser || echo chromium)
TEST_TOOLS = $(CHROMIUM) cpio cryptsetup-bin dosfstools erofs-utils fdisk fonts-vlgothic gdisk genisoimage iproute2 libxml2-utils mtools nftables openssh-client ovmf qemu-utils slapd uidmap zstd
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)

# Installing slapd would start a server on all addresses: tests start their own.
test-tools:
	@dpkg-query -W -f '$${db:Status-Abbrev}\n' $(TEST_TOOLS) 2>/dev/null | grep -c '^ii' | grep -qx $(words $(TEST_TOOLS)) || { \
		if [ -d /run/systemd/system ] && ! [ -e /usr/sbin/slapd ]; then $(SUDO) systemctl mask slapd.service; fi; \
		$(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(TEST_TOOLS); }

test: setup test-tools
	bash test/all.sh

demo: setup
	bin/ingot run examples/$(EXAMPLE) $(foreach s,$(SEED),--seed '$(s)')

demo-update: setup
	bash test/demo-update.sh

bench: setup
	go run ./test/bench

torture: setup
	INGOT_TORTURE=$(TORTURE) INGOT_TEST_ALL=1 go test -count=1 -v -timeout 12h -run "TestTorture|TestUpdateTorture|TestUpdateCuts|TestGrub" ./test/vm

scenarios: setup
	INGOT_SCENARIOS=1 INGOT_TEST_ALL=1 go test -count=1 -v -timeout 4h -parallel 2 -run TestScenarios ./test/vm

# In a network of its own, so that no picture shows this machine's adapters.
pictures: $(SCRIPT)
	@mkdir -p bin docs/images
	go test -c -o bin/pictures.test ./test/web
	cd test/web && $(SUDO) unshare --net sh -ec 'ip link set lo up; ip link add eth1 type veth peer name eth0; ip addr add 192.0.2.7/24 dev eth0; ip link set eth0 up; ip link set eth1 up; \
		INGOT_TEST_ALL=1 INGOT_PICTURES=../../docs/images ../../bin/pictures.test -test.run TestPictures'

fuzz:
	bash test/fuzz.sh $(FUZZTIME)

clean:
	rm -rf bin out internal/web/assets/dist internal/web/node_modules
