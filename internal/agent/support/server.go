package support

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/ingotvm/ingot/internal/host"
)

// The bounds of what strangers and guests can make the agent do.
const (
	// maxConnections are open at once, those that have not logged in too.
	maxConnections = 8
	// loginWithin is how long a stranger may take to log in.
	loginWithin = 20 * time.Second
	// maxChannels are open at once, in all connections together.
	maxChannels = 4
	// maxRefused is how many refused log-ins of a session are logged.
	maxRefused = 50
)

// open is the session that is open.
type open struct {
	m        *Manager
	cert     *ssh.Certificate
	deadline time.Duration // of the boot clock
	kept     kept
	room     *room

	// tasks are all goroutines, ctx what they end with.
	tasks sync.WaitGroup
	ctx   context.Context
	stop  context.CancelFunc

	mu      sync.Mutex // guards what follows
	session Session
	// closed says that nobody gets in any more.
	closed   bool
	listener net.Listener
	conns    map[net.Conn]bool
	channels int
	refused  int
}

func newOpen(m *Manager, s Session, cert *ssh.Certificate, k kept) *open {
	o := &open{m: m, cert: cert, kept: k, deadline: time.Duration(k.Deadline) * time.Millisecond, room: &room{left: k.Left},
		session: s, conns: map[net.Conn]bool{}}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

// told is a copy of the session as it is now.
func (o *open) told() Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.session
	s.Logins = append([]Login(nil), s.Logins...)
	s.Shells = append([]Shell(nil), s.Shells...)
	return s
}

// note changes the session and keeps it.
func (o *open) note(change func(s *Session)) {
	o.mu.Lock()
	change(&o.session)
	o.mu.Unlock()
	if err := o.m.save(o.told()); err != nil {
		o.m.opts.Log("support: %v", err)
	}
}

// throwOut closes the port and all connections, and waits until all programs
// are killed.
func (o *open) throwOut() {
	o.mu.Lock()
	o.closed = true
	if o.listener != nil {
		o.listener.Close()
	}
	for c := range o.conns {
		c.Close()
	}
	o.mu.Unlock()
	o.stop()
	o.tasks.Wait() // a channel without its connection kills its program
}

// serve takes connections until the session ends.
func (o *open) serve(listener net.Listener) {
	o.mu.Lock()
	o.listener = listener
	closed := o.closed
	o.mu.Unlock()
	if closed {
		listener.Close()
		return
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			if o.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				o.m.opts.Log("support: %v", err)
				select { // too many open files, for a moment
				case <-o.ctx.Done():
				case <-time.After(time.Second):
				}
				continue
			}
			return
		}
		if !o.enter(conn) {
			conn.Close()
			continue
		}
		o.tasks.Go(func() {
			defer o.leave(conn)
			o.talk(conn)
		})
	}
}

func (o *open) enter(conn net.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.conns) >= maxConnections {
		return false
	}
	o.conns[conn] = true
	return true
}

func (o *open) leave(conn net.Conn) {
	conn.Close()
	o.mu.Lock()
	delete(o.conns, conn)
	o.mu.Unlock()
}

// talk is one connection.
func (o *open) talk(conn net.Conn) {
	from := conn.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(from); err == nil {
		from = host
	}
	_ = conn.SetDeadline(time.Now().Add(loginWithin))
	secure, channels, requests, err := ssh.NewServerConn(conn, o.config())
	if err != nil {
		o.refuse(from, err)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	o.m.opts.Log("support: %s logged in from %s", o.told().Name, from)
	o.note(func(s *Session) {
		s.Logins = append(s.Logins, Login{o.m.opts.Now().UTC().Truncate(time.Second), from})
		s.Logins = s.Logins[max(0, len(s.Logins)-maxLogins):]
	})
	// Forwarding of ports is asked for here, and refused like everything.
	o.tasks.Go(func() { ssh.DiscardRequests(requests) })
	for channel := range channels {
		if channel.ChannelType() != "session" {
			_ = channel.Reject(ssh.Prohibited, "nothing is forwarded in a support session")
			continue
		}
		if !o.addChannel() {
			_ = channel.Reject(ssh.ResourceShortage, fmt.Sprintf("a support session has at most %d shells", maxChannels))
			continue
		}
		o.tasks.Go(func() {
			defer o.dropChannel()
			o.run(channel)
		})
	}
	_ = secure.Close()
}

func (o *open) addChannel() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.channels >= maxChannels {
		return false
	}
	o.channels++
	return true
}

func (o *open) dropChannel() {
	o.mu.Lock()
	o.channels--
	o.mu.Unlock()
}

// refuse logs a log-in that failed; not without end, for anybody who reaches
// the port can fail.
func (o *open) refuse(from string, err error) {
	o.mu.Lock()
	o.refused++
	n := o.refused
	o.mu.Unlock()
	if n <= maxRefused {
		o.m.opts.Log("support: a log-in from %s failed: %s", from, line(err.Error()))
	}
}

// config is how the server talks: with what OpenSSH 8.5 (2021) and newer know,
// and nothing that is going out of use.
func (o *open) config() *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
			Ciphers:      []string{ssh.CipherChaCha20Poly1305, ssh.CipherAES256GCM, ssh.CipherAES128GCM},
			MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
		},
		ServerVersion:           "SSH-2.0-Ingot",
		MaxAuthTries:            6, // a client offers all keys that it has
		PublicKeyAuthAlgorithms: signatures(),
		PublicKeyCallback:       o.admit,
		BannerCallback: func(ssh.ConnMetadata) string {
			return "This is a support session. All that happens in it is recorded.\n"
		},
	}
	c.AddHostKey(o.m.key)
	return c
}

// admit lets in the certificate that the administrator gave, and no other.
func (o *open) admit(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	cert, ok := key.(*ssh.Certificate)
	switch {
	case conn.User() != Principal:
		return nil, fmt.Errorf("there is no user %q, but %s", line(conn.User()), Principal)
	case !ok || !bytes.Equal(cert.Marshal(), o.cert.Marshal()):
		return nil, errors.New("the key is not the one that this session is for")
	case o.ctx.Err() != nil || o.m.opts.Uptime() >= o.deadline:
		return nil, errors.New("the session has ended")
	}
	if err := o.m.judge.check(cert, o.m.opts.Now()); err != nil {
		return nil, err
	}
	// The library looks at where the connection comes from.
	return &ssh.Permissions{CriticalOptions: cert.CriticalOptions}, nil
}

// hostKey is the key by which the vendor's people know this machine. It is
// made when there is none, or none that can be read.
func hostKey(file string, logf func(format string, args ...any)) (ssh.Signer, error) {
	data, err := os.ReadFile(file)
	if err == nil {
		var key ssh.Signer
		if key, err = ssh.ParsePrivateKey(data); err == nil {
			return key, nil
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		logf("support: the host key is made anew: it cannot be read: %v", err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, fmt.Errorf("cannot make a host key: %w", err)
	}
	if err := host.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(private)
}
