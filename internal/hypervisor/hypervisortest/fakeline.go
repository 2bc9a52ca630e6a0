package hypervisortest

import (
	"net"
	"os"
	"sync"
)

// serial is a fake machine's serial port: all that is written goes to the log
// and to whoever is attached.
type serial struct {
	log   *os.File
	input chan []byte
	done  chan struct{}
	rest  []byte // input not read yet; used by Read only

	mu     sync.Mutex
	client net.Conn
}

func newSerial(log *os.File) *serial {
	return &serial{log: log, input: make(chan []byte), done: make(chan struct{})}
}

func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client != nil {
		_, _ = client.Write(p) // nobody listening is no trouble of the guest's
	}
	return s.log.Write(p)
}

func (s *serial) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		select {
		case s.rest = <-s.input:
		case <-s.done:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *serial) attach() net.Conn {
	ours, theirs := net.Pipe()
	s.mu.Lock()
	if s.client != nil {
		s.client.Close()
	}
	s.client = theirs
	s.mu.Unlock()
	go func() {
		for {
			buf := make([]byte, 256)
			n, err := theirs.Read(buf)
			if err != nil {
				return
			}
			select {
			case s.input <- buf[:n]:
			case <-s.done:
				return
			}
		}
	}()
	return ours
}

func (s *serial) close() {
	close(s.done)
	s.mu.Lock()
	if s.client != nil {
		s.client.Close()
	}
	s.mu.Unlock()
	s.log.Close()
}

// queue is a listener fed with connections that were made elsewhere.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu        sync.Mutex
	listening bool
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn, 64), done: make(chan struct{})} }

func (q *queue) open() {
	q.mu.Lock()
	q.listening = true
	q.mu.Unlock()
}

// feed passes on what l accepts until l is closed.
func (q *queue) feed(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !q.push(conn) {
			conn.Close()
		}
	}
}

func (q *queue) push(conn net.Conn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.listening {
		return false
	}
	select {
	case q.conns <- conn:
		return true
	default:
		return false
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() {
		q.mu.Lock()
		q.listening = false
		q.mu.Unlock()
		close(q.done)
		for {
			select {
			case conn := <-q.conns:
				conn.Close()
			default:
				return
			}
		}
	})
	return nil
}

func (q *queue) Addr() net.Addr { return &net.UnixAddr{Name: "guest", Net: "unix"} }
