package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/sshkey"
	"github.com/ingotvm/ingot/internal/initrd/cpio"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
)

// bootTemplate is the boot description without the images, which are known
// only when they are built. The texts that it carries are read from the
// definition's folder.
func bootTemplate(def *appliance.Definition, dir string, built time.Time) (release.Boot, error) {
	boot := release.Boot{Format: 1, Units: serviceUnits(def), Definition: def}
	var err error
	read := func(texts *map[string]string, key, file string) {
		data, e := os.ReadFile(filepath.Join(dir, file))
		if e != nil && err == nil {
			err = e
		}
		if *texts == nil {
			*texts = map[string]string{}
		}
		(*texts)[key] = string(data)
	}
	for _, svc := range def.Services {
		if svc.Unit == "" {
			boot.Users = append(boot.Users, svc.User())
		}
		for _, t := range svc.Templates {
			read(&boot.Templates, t.Source, t.Source)
		}
	}
	for language, file := range def.EULA {
		read(&boot.Licences, language, file)
	}
	if s := def.Support; s != nil {
		for _, file := range s.Authority {
			data, e := os.ReadFile(filepath.Join(dir, file))
			if e == nil {
				var key string
				key, e = sshkey.ParseFile(string(data))
				boot.Authorities = append(boot.Authorities, key)
			}
			if e != nil && err == nil {
				err = fmt.Errorf("cannot take %s as an authority of the support: %w", file, e)
			}
		}
	}
	if u := def.Updates; u != nil {
		root, e := os.ReadFile(filepath.Join(dir, u.Root))
		if e == nil {
			e = checkRoot(root)
		}
		if e != nil && err == nil {
			err = fmt.Errorf("cannot take %s as the root of updates: %w", u.Root, e)
		}
		boot.Updates = &release.BootUpdates{Root: root, Built: built}
	}
	look, e := branding(def.Branding, dir)
	if e != nil && err == nil {
		err = e
	}
	boot.Branding = look
	return boot, err
}

// initrdBase makes the part of the initrd that changes only with the kernel
// or ingot-init: the kernel unpacks any number of archives one after another.
func (m makers) initrdBase(ctx context.Context, job *pipeline.Job) error {
	modules, closeModules, err := readTree(job.Artifact("boot-files", "initrd-modules.tar"))
	if err != nil {
		return err
	}
	defer closeModules()
	return writeCPIO(job.Output("initrd-base"), m.smallest(ctx), func(w *cpio.Writer) error {
		for _, dir := range []string{"dev", "proc", "sys", "run", "sysroot"} {
			if err := w.Dir(dir, 0o755); err != nil {
				return err
			}
		}
		if err := w.Char("dev/console", 0o600, 5, 1); err != nil { // /dev/console: Documentation/admin-guide/devices.txt
			return err
		}
		if err := addHostFile(w, "init", job.File("ingot-init")); err != nil {
			return err
		}
		for _, name := range modules.Paths() {
			if e := modules.Get(name); e.Mode.IsRegular() && initrdNeeds(name) {
				data, err := e.Bytes()
				if err != nil {
					return err
				}
				if err := w.Bytes(name, 0o644, data); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// initrd puts the boot description behind the base.
func (m makers) initrd(ctx context.Context, job *pipeline.Job) error {
	var boot release.Boot
	if err := json.Unmarshal([]byte(job.Input("boot")), &boot); err != nil {
		return err
	}
	var err error
	if boot.Images, err = readImages(job); err != nil {
		return err
	}
	description, err := json.Marshal(boot)
	if err != nil {
		return err
	}
	encode, err := release.FastEncoder()
	if err != nil {
		return err
	}
	if err := writeCPIO(job.Output("initrd"), encode, func(w *cpio.Writer) error {
		return w.Bytes("ingot/boot.json", 0o644, description)
	}); err != nil {
		return err
	}
	return prepend(job.Artifact("initrd-base", "initrd-base"), job.Output("initrd"))
}

// writeCPIO writes a compressed archive, padded to the four bytes at which
// the kernel looks for the next one.
func writeCPIO(file string, encode release.Encoder, fill func(*cpio.Writer) error) error {
	var archive bytes.Buffer
	w := cpio.NewWriter(&archive)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	packed, err := encode(archive.Bytes())
	if err != nil {
		return err
	}
	for len(packed)%4 != 0 {
		packed = append(packed, 0)
	}
	return os.WriteFile(file, packed, 0o644)
}

func addHostFile(w *cpio.Writer, name, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return w.Bytes(name, 0o755, data)
}

// prepend puts the content of head before that of file.
func prepend(head, file string) error {
	tail, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	in, err := os.Open(head)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.MultiReader(in, bytes.NewReader(tail)))
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
