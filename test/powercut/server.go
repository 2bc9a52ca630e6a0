package powercut

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Disk is one disk that is served: its content is changed as the machine writes.
type Disk struct {
	Name    string
	Content Content
	Size    int64
}

// Content is what is on a disk, such as a file.
type Content interface {
	io.ReaderAt
	io.WriterAt
}

// Server serves disks on a unix socket, and keeps the log.
type Server struct {
	Log   Log
	disks map[string]Disk

	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]bool
	work     sync.WaitGroup
}

// Serve begins to serve disks on a socket.
func Serve(socket string, disks ...Disk) (*Server, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	s := &Server{disks: map[string]Disk{}, listener: l, conns: map[net.Conn]bool{}}
	for _, d := range disks {
		s.disks[d.Name] = d
	}
	s.work.Go(s.accept)
	return s, nil
}

// URL is what QEMU is given as the file of a disk.
func (s *Server) URL(disk string) string {
	return "nbd+unix:///" + disk + "?socket=" + s.listener.Addr().String()
}

// Close ends all connections.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.work.Go(func() {
			_ = (&session{server: s, in: bufio.NewReaderSize(c, 1<<20), out: c}).run() // the other end has gone
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// Numbers of the protocol.
const (
	magicServer  = 0x4e42444d41474943 // NBDMAGIC
	magicOption  = 0x49484156454f5054 // IHAVEOPT
	magicReply   = 0x3e889045565a9
	magicRequest = 0x25609513
	magicAnswer  = 0x67446698

	flagFixed, flagNoZeroes = 1, 2

	optionExport, optionAbort, optionInfo, optionGo = 1, 2, 6, 7
	replyAck, replyInfo                             = 1, 3
	replyUnsupported, replyUnknown                  = 1<<31 + 1, 1<<31 + 6

	// What a disk can do: flags are there, flush, FUA, trim, write zeroes.
	abilities = 1 | 4 | 8 | 32 | 64

	doRead, doWrite, doDisconnect, doFlush, doTrim, doZeroes = 0, 1, 2, 3, 4, 6

	forced      = 1
	maxTransfer = 64 << 20
	invalid     = 22 // EINVAL
)

type session struct {
	server *Server
	in     *bufio.Reader
	out    io.Writer
	disk   Disk
}

var be = binary.BigEndian

func (c *session) run() error {
	hello := be.AppendUint64(nil, magicServer)
	hello = be.AppendUint64(hello, magicOption)
	hello = be.AppendUint16(hello, flagFixed|flagNoZeroes)
	if _, err := c.out.Write(hello); err != nil {
		return err
	}
	flags, err := c.read(4)
	if err != nil {
		return err
	}
	if err := c.negotiate(be.Uint32(flags)&flagNoZeroes != 0); err != nil {
		return err
	}
	for {
		if err := c.request(); err != nil {
			return err
		}
	}
}

func (c *session) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.in, b)
	return b, err
}

// negotiate goes through options until a disk is chosen.
func (c *session) negotiate(noZeroes bool) error {
	for {
		head, err := c.read(16)
		if err != nil {
			return err
		}
		option, length := be.Uint32(head[8:]), be.Uint32(head[12:])
		if be.Uint64(head) != magicOption || length > 1<<16 {
			return errors.New("the client does not speak NBD")
		}
		data, err := c.read(int(length))
		if err != nil {
			return err
		}
		switch option {
		case optionExport:
			return c.export(string(data), noZeroes)
		case optionGo, optionInfo:
			done, err := c.info(option, data)
			if err != nil || done {
				return err
			}
		case optionAbort:
			return errors.Join(c.reply(option, replyAck, nil), io.EOF)
		default:
			if err := c.reply(option, replyUnsupported, nil); err != nil {
				return err
			}
		}
	}
}

func (c *session) export(name string, noZeroes bool) error {
	d, ok := c.server.disks[name]
	if !ok {
		return fmt.Errorf("there is no disk %q", name)
	}
	c.disk = d
	b := be.AppendUint64(nil, uint64(d.Size))
	b = be.AppendUint16(b, abilities)
	if !noZeroes {
		b = append(b, make([]byte, 124)...)
	}
	_, err := c.out.Write(b)
	return err
}

// info tells of a disk, and says whether it is chosen by that.
func (c *session) info(option uint32, data []byte) (chosen bool, err error) {
	if len(data) < 4 || int64(be.Uint32(data)) > int64(len(data)-4) {
		return false, errors.New("the client does not speak NBD")
	}
	d, ok := c.server.disks[string(data[4:4+be.Uint32(data)])]
	if !ok {
		return false, c.reply(option, replyUnknown, nil)
	}
	about := be.AppendUint16(nil, 0) // NBD_INFO_EXPORT
	about = be.AppendUint64(about, uint64(d.Size))
	about = be.AppendUint16(about, abilities)
	if err := c.reply(option, replyInfo, about); err != nil {
		return false, err
	}
	c.disk = d
	return option == optionGo, c.reply(option, replyAck, nil)
}

func (c *session) reply(option uint32, kind uint32, data []byte) error {
	b := be.AppendUint64(nil, magicReply)
	b = be.AppendUint32(b, option)
	b = be.AppendUint32(b, kind)
	b = be.AppendUint32(b, uint32(len(data)))
	_, err := c.out.Write(append(b, data...))
	return err
}

// request does one, and notes it once it is done.
func (c *session) request() error {
	head, err := c.read(28)
	if err != nil {
		return err
	}
	if be.Uint32(head) != magicRequest {
		return errors.New("the client does not speak NBD")
	}
	flags, kind, handle := be.Uint16(head[4:]), be.Uint16(head[6:]), head[8:16]
	offset, length := int64(be.Uint64(head[16:])), int64(be.Uint32(head[24:]))
	inside := offset >= 0 && length <= c.disk.Size-offset
	var data []byte
	switch kind {
	case doDisconnect:
		return io.EOF
	case doWrite:
		if length > maxTransfer {
			return errors.New("the client sends too much at once")
		}
		if data, err = c.read(int(length)); err != nil {
			return err
		}
	case doZeroes:
		data = make([]byte, min(length, maxTransfer))
		inside = inside && length <= maxTransfer
	}
	code, body := uint32(invalid), []byte(nil)
	if inside {
		code, body, err = c.do(kind, flags, offset, length, data)
		if err != nil {
			return err
		}
	}
	answer := be.AppendUint32(nil, magicAnswer)
	answer = be.AppendUint32(answer, code)
	answer = append(answer, handle...)
	_, err = c.out.Write(append(answer, body...))
	return err
}

func (c *session) do(kind, flags uint16, offset, length int64, data []byte) (code uint32, body []byte, err error) {
	log := &c.server.Log
	switch kind {
	case doRead:
		if length > maxTransfer {
			return invalid, nil, nil
		}
		body = make([]byte, length)
		if _, err := c.disk.Content.ReadAt(body, offset); err != nil && !errors.Is(err, io.EOF) {
			return 0, nil, err
		}
	case doWrite, doZeroes:
		if _, err := c.disk.Content.WriteAt(data, offset); err != nil {
			return 0, nil, err
		}
		log.add(Entry{Disk: c.disk.Name, Offset: offset, Data: data, Forced: flags&forced != 0})
	case doFlush:
		log.add(Entry{Disk: c.disk.Name, Flush: true})
	case doTrim: // what was there stays: nobody may rely on anything else
	default:
		return invalid, nil, nil
	}
	return 0, body, nil
}
