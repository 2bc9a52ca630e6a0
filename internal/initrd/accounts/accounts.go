// Package accounts adds the users that services run as to passwd and group.
//
// A service's user is app-<service>. Its number is that of the owner of the
// service's data, so that data outlives any change of the list of services;
// otherwise the next free one from 61000, in the order of the list. It has a
// group of the same name and number, no password and no shell.
package accounts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// First and last number: a range that Debian's policy leaves to local use and
// systemd does not take (docs/UIDS-GIDS: its dynamic users begin at 61184).
const (
	first = 61000
	last  = 61183
)

// User is one that a service runs as.
type User struct {
	Name string
	// ID is the user's and the group's number.
	ID int
	// Home is the service's data folder.
	Home string
}

// Prefix of the users' names; the rest is the service's.
const Prefix = "app-"

// Number gives each of the named users a number. owner tells who owns the data
// of a user that has some. A number that two would have, or that belongs to
// somebody in passwd, is an error: the data of one would be open to the other.
func Number(names []string, passwd, group string, owner func(name string) (id int, ok bool)) ([]User, error) {
	taken := map[int]string{}
	for _, file := range []string{passwd, group} {
		for line := range strings.Lines(file) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if len(f) < 3 {
				continue
			}
			if id, err := strconv.Atoi(f[2]); err == nil {
				taken[id] = f[0]
			}
		}
	}
	users := make([]User, len(names))
	for i, name := range names {
		service := strings.TrimPrefix(name, Prefix)
		users[i] = User{Name: name, Home: "/data/app/" + service}
		id, ok := owner(name)
		if !ok {
			continue
		}
		if by, ok := taken[id]; ok && by != name {
			return nil, fmt.Errorf("cannot give user %s the number %d of its data: %s has it", name, id, by)
		}
		users[i].ID = id
		taken[id] = name
	}
	for i, u := range users {
		if u.ID != 0 {
			continue
		}
		id := first
		for taken[id] != "" {
			id++
		}
		if id > last {
			return nil, fmt.Errorf("cannot give user %s a number: %d to %d are taken", u.Name, first, last)
		}
		users[i].ID = id
		taken[id] = u.Name
	}
	return users, nil
}

// Passwd is the file with the users added; those that it has stay as they are.
func Passwd(file string, users []User) string {
	return add(file, users, func(u User) string {
		return fmt.Sprintf("%s:x:%d:%d::%s:/usr/sbin/nologin\n", u.Name, u.ID, u.ID, u.Home)
	})
}

// Group is the file with the users' groups added.
func Group(file string, users []User) string {
	return add(file, users, func(u User) string { return fmt.Sprintf("%s:x:%d:\n", u.Name, u.ID) })
}

func add(file string, users []User, line func(User) string) string {
	var names []string
	for l := range strings.Lines(file) {
		name, _, _ := strings.Cut(l, ":")
		names = append(names, name)
	}
	if file != "" && !strings.HasSuffix(file, "\n") {
		file += "\n"
	}
	for _, u := range users {
		if !slices.Contains(names, u.Name) {
			file += line(u)
		}
	}
	return file
}
