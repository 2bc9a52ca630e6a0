package machine

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WatchLinks calls changed after each change of an address or a link, until
// ctx ends. Changes that come close together may be told once.
func WatchLinks(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	// A file, so that the runtime's poller waits and Close ends a Read.
	socket := os.NewFile(uintptr(fd), "netlink")
	defer socket.Close()
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	defer stop()
	// What the messages say is not read: whoever wants to know asks the
	// kernel for the whole. A message longer than this is cut, which is fine.
	buf := make([]byte, 4096)
	for {
		_, err := socket.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		// ENOBUFS: messages were lost, so something changed.
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("cannot watch the network: %w", err)
		}
		changed()
	}
}
