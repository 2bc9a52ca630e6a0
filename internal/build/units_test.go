package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// TestUnits holds what a unit of each kind of service says of the fence, its
// settings and its check; the whole text is in the golden plans.
func TestUnits(t *testing.T) {
	check := func(words ...string) *appliance.Check {
		return &appliance.Check{Command: words, Timeout: appliance.Duration(1500 * time.Millisecond)}
	}
	def := &appliance.Definition{Services: []appliance.Service{
		{
			Name: "shop", Title: "100% shop", Binary: "bin/shop", Args: []string{"serve"}, Data: appliance.Data{Enabled: true},
			Environment: map[string]string{"DIR": "${data}"}, Check: check("shop", "--dir=${data}", "$x"),
		},
		{Name: "site", Files: "site", Command: "bin/run", Check: check("bin/check")},
		{Name: "database", Packages: []string{"mariadb-server"}, Unit: "mariadb.service", Check: check("/usr/bin/php", "-v")},
		{Name: "plain", Binary: "plain"},
	}}
	units := serviceUnits(def)
	for unit, lines := range map[string][]string{
		"app-shop.service": {
			"ConditionPathExists=/run/ingot-app/shop/enabled", "EnvironmentFile=-/run/ingot-app/shop/environment",
			`Environment="DIR=/data/app/shop"`, `ExecStart="/app/shop/shop" "serve"`, "BindPaths=/data/app/shop", "InaccessiblePaths=-/run/ingot",
		},
		"app-shop-check.service": {
			"Description=Check of the settings of 100%% shop", "Type=oneshot", "User=app-shop", "TimeoutStartSec=1500ms",
			"EnvironmentFile=/run/ingot-app/shop/check.environment", `Environment="DIR=/data/app/shop"`,
			`ExecStart="/app/shop/shop" "--dir=/data/app/shop" "$$x"`, "BindPaths=/data/app/shop", "NoNewPrivileges=yes",
			"CapabilityBoundingSet=",
		},
		"app-site-check.service": {`ExecStart="/app/site/bin/check"`, "User=app-site", "InaccessiblePaths=/data"},
		"mariadb.service.d/50-ingot.conf": {
			"ConditionPathExists=/run/ingot-app/database/enabled", "EnvironmentFile=-/run/ingot-app/database/environment",
		},
		"app-database-check.service": {
			`ExecStart="/usr/bin/php" "-v"`, "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "InaccessiblePaths=-/run/ingot",
		},
		"app-plain.service": {"ConditionPathExists=/run/ingot-app/plain/enabled"},
	} {
		for _, line := range lines {
			if !strings.Contains(units[unit], line+"\n") {
				t.Errorf("%s does not say %s:\n%s", unit, line, units[unit])
			}
		}
	}
	if _, has := units["app-plain-check.service"]; has {
		t.Error("a service without a check has one")
	}
	if strings.Contains(units["app-database-check.service"], "User=") || strings.Contains(units["app-shop-check.service"], "Restart=") {
		t.Error("a check runs as somebody else, or again and again")
	}
	for name, text := range units {
		if strings.HasSuffix(name, "-check.service") && strings.Contains(text, "ConditionPathExists") {
			t.Errorf("%s is fenced, though settings are tried before the appliance is set up", name)
		}
		if section := strings.Index(text, "[Service]"); section >= 0 && section < strings.Index(text, "ConditionPathExists") {
			t.Errorf("%s has its condition in the wrong section:\n%s", name, text)
		}
	}
}

// TestBootCarriesTexts holds that templates and licences travel in the boot
// description, so that the plan's keys change with them.
func TestBootCarriesTexts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.conf": "x = {{ .memory }}\n", "EULA": "Be nice.\n", "EULA.de": "Sei nett.\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	def := &appliance.Definition{
		EULA: appliance.EULA{"en": "EULA", "de": "EULA.de"},
		Services: []appliance.Service{{Name: "a", Binary: "a", Templates: []appliance.Template{
			{Source: "a.conf", Target: "/etc/a"}, {Source: "a.conf", Target: "/etc/b"},
		}}},
	}
	boot, err := bootTemplate(def, dir, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if boot.Templates["a.conf"] != "x = {{ .memory }}\n" || boot.Licences["en"] != "Be nice.\n" || boot.Licences["de"] != "Sei nett.\n" {
		t.Errorf("got %q and %q", boot.Templates, boot.Licences)
	}
	def.EULA["fr"] = "absent"
	if _, err := bootTemplate(def, dir, epoch); err == nil {
		t.Error("a licence that is not there is none")
	}
}
