package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/api/listener"
)

// The limits of every server. A status is asked for in one small request; a
// caller that needs longer than this to send or to read it is broken or
// hostile.
const (
	maxHeader    = 16 << 10 // bytes; net/http adds 4 KiB of slack
	headTimeout  = 5 * time.Second
	readTimeout  = 15 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 60 * time.Second
)

// Connections numbers the connections of all servers that share it, later ones
// higher: a change is confirmed over one that came after it.
type Connections struct{ last atomic.Uint64 }

// NewServer is an HTTP server with the limits of this package, whose requests
// carry the [Caller] that the transport knows. Problems of single connections
// are dropped: on an open network they are noise that a stranger controls.
func NewServer(h http.Handler, transport Transport, count *Connections) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0),
		Protocols:         new(http.Protocols),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			caller := peer(transport, c)
			caller.Connection = count.last.Add(1)
			return WithCaller(ctx, caller)
		},
	}
	// HTTP/2 would bring its own limits and buffers, for no gain here.
	s.Protocols.SetHTTP1(true)
	if transport == Port {
		s.IdleTimeout = -1 // the line stays; there is nothing to hang up
	}
	return s
}

// peer finds out who is on the other end of a connection.
func peer(transport Transport, c net.Conn) Caller {
	caller := Caller{Transport: transport, UID: -1}
	switch transport {
	case Unix:
		uid, err := peerUID(c)
		if err == nil {
			caller.UID = uid
		}
	case TLS:
		if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			caller.Address = a.IP.String()
		}
	}
	return caller
}

// peerUID is the user at the other end of a unix socket; -1 with an error.
func peerUID(c net.Conn) (int, error) {
	if limited, ok := c.(*listener.Conn); ok {
		c = limited.NetConn()
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return -1, errors.New("not a unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}

// ListenUnix makes the unix socket at path, replacing one left behind. Every
// local user may connect: the routes' rules look at who it is.
func ListenUnix(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot open %s to local users: %w", path, err)
	}
	return listener.New(l, maxConns, maxConnsPerPeer, user), nil
}

// ListenTLS makes the management port: bounded connections, plain HTTP
// answered with a redirect, everything else TLS 1.2 or better.
func ListenTLS(address string, certificate func() *tls.Certificate) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(), nil
		},
	}
	return tls.NewListener(&redirectListener{listener.New(l, maxConns, maxConnsPerPeer, listener.Network)}, cfg), nil
}
