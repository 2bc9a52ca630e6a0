package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/initrd/accounts"
	"github.com/ingotvm/ingot/internal/initrd/copytree"
	"github.com/ingotvm/ingot/internal/initrd/swap"
	"github.com/ingotvm/ingot/internal/release"
)

const appData = dataDir + "/app"

// mountServices gives each service its files, its user and its data.
func (m *machine) mountServices() error {
	if err := m.mountApps(); err != nil {
		return err
	}
	users, err := m.addUsers()
	if err != nil {
		return err
	}
	if err := unixBind(dataDir+"/log/journal", "/var/log/journal"); err != nil && !m.data.readOnly && !m.data.closed() {
		return err
	}
	if m.data.held || m.what.Definition == nil {
		return nil
	}
	for _, s := range m.what.Definition.Services {
		folder := filepath.Join(appData, s.Name)
		existed := hasData(folder)
		if s.Data.Enabled {
			if err := ownFolder(folder, users[accounts.Prefix+s.Name]); err != nil {
				return fmt.Errorf("service %s: %w", s.Name, err)
			}
		}
		for _, p := range s.Data.Paths {
			if err := m.bindData(folder, p); err != nil {
				return fmt.Errorf("service %s: %w", s.Name, err)
			}
		}
		if s.Data.Any() {
			if err := m.migrate(s, existed); err != nil {
				return fmt.Errorf("service %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

// mountApps mounts the images of services at /app/NAME. The folder itself is
// memory, because the root has no folder for each; read-only once they are there.
func (m *machine) mountApps() error {
	const dir = "/app"
	var found bool
	for _, image := range m.what.Images {
		if image.Kind != release.ImageApp {
			continue
		}
		if !found {
			if err := mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=64k"); err != nil {
				return err
			}
			found = true
		}
		if err := unixBind(filepath.Join(imagesDir, image.Name), filepath.Join(dir, image.Service)); err != nil {
			return err
		}
	}
	if !found {
		return nil
	}
	return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=64k")
}

func unixBind(source, target string) error { return mount(source, target, "", unix.MS_BIND, "") }

// addUsers writes the services' users to /etc, which lies in memory, and
// returns their numbers by name.
func (m *machine) addUsers() (map[string]int, error) {
	if len(m.what.Users) == 0 {
		return nil, nil
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return nil, err
	}
	group, err := os.ReadFile("/etc/group")
	if err != nil {
		return nil, err
	}
	users, err := accounts.Number(m.what.Users, string(passwd), string(group), dataOwner)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile("/etc/passwd", []byte(accounts.Passwd(string(passwd), users)), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile("/etc/group", []byte(accounts.Group(string(group), users)), 0o644); err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	for _, u := range users {
		numbers[u.Name] = u.ID
	}
	return numbers, nil
}

// dataOwner is the number that a service's user has had before. A folder of
// root's holds the data of packages, which bring their own users.
func dataOwner(user string) (int, bool) {
	id, err := folderOwner(filepath.Join(appData, strings.TrimPrefix(user, accounts.Prefix)))
	return id, err == nil && id != 0
}

// ownFolder makes the folder of a service that nobody else may enter. It
// appears with its owner: a power cut leaves none that is root's.
func ownFolder(folder string, user int) error {
	if user == 0 {
		return errors.New("boot.json lists no user for it")
	}
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	partial := folder + ".tmp"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.Mkdir(partial, 0o700); err != nil {
		return err
	}
	if err := os.Chown(partial, user, user); err != nil {
		return err
	}
	return os.Rename(partial, folder)
}

// bindData puts a folder of the image on the data disk: filled from the image
// the first time, bound over it every time.
func (m *machine) bindData(folder, p string) error {
	p = path.Clean("/" + p)
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
		// Packages that make it when they first run; the root itself cannot
		// be given a folder.
		if err := os.MkdirAll(p, 0o755); err != nil {
			return fmt.Errorf("cannot keep %s on the data disk: it is not in the image, and cannot be made: %w", p, err)
		}
	}
	kept := filepath.Join(folder, p)
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return err
	}
	done, err := copytree.Once(p, kept)
	if err != nil {
		return err
	}
	if done {
		m.log.info("filled %s from the image", kept)
	}
	return unixBind(kept, p)
}

// swap makes and uses the swap file. An appliance without one works.
func (m *machine) swap() error {
	if m.data.place == "memory" || m.data.readOnly || m.data.closed() {
		return nil
	}
	size := swap.Size(memory(), m.data.size)
	if size == 0 {
		return nil
	}
	const file = dataDir + "/swapfile"
	err := swap.Make(file, size)
	if err == nil {
		err = swap.On(file)
	}
	if err != nil {
		m.warn("There is no swap space: %v.", err)
	}
	return nil
}
