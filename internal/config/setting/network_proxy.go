package setting

import (
	"errors"
	"net/url"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/nettext"
)

// checkProxy checks a proxy's URL, in which the password must not be hidden.
func checkProxy(text string) error {
	u, err := nettext.ParseProxy(text)
	if err != nil {
		return err
	}
	if password, _ := u.User.Password(); password == Hidden {
		return errors.New("has a password that is hidden: give it again")
	}
	return nil
}

// HideProxy is a proxy's URL with its password hidden.
func HideProxy(proxy string) string {
	u, err := url.Parse(proxy)
	if err != nil {
		return Hidden // whatever it is, it may hold one
	}
	password, has := u.User.Password()
	if !has || password == "" {
		return proxy
	}
	// Written by hand: the URL's own form would escape the asterisks.
	bare := *u
	bare.User = nil
	scheme, rest, _ := strings.Cut(bare.String(), "://")
	return scheme + "://" + url.User(u.User.Username()).String() + ":" + Hidden + "@" + rest
}

// KeepProxy is the new URL of a proxy; where its password is [Hidden], with
// the old one's, so that what was shown can be sent back. The password stays
// with its proxy and user: for others it is gone.
func KeepProxy(text, old string) string {
	u, err := url.Parse(text)
	before, errOld := url.Parse(old)
	if err != nil || errOld != nil {
		return text
	}
	if password, _ := u.User.Password(); password != Hidden {
		return text
	}
	if before.Host != u.Host || before.User.Username() != u.User.Username() {
		return text
	}
	u.User = before.User
	return u.String()
}
