package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/codec"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/basef"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/protocol/tup"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

const (
	patience       = 10 * time.Second
	noSuchFunction = -3
	itFails        = -99
)

const configuration = `<tars>
<application>
<server>
app=Test
server=EchoServer
localip=127.0.0.1
logLevel=ERROR
handletimeout=0
gracedowntimeout=20000
<EchoAdapter>
endpoint=tcp -h 127.0.0.1 -p %d -t 60000
protocol=tars
servant=%s
threads=1
</EchoAdapter>
</server>
<client>
</client>
</application>
</tars>
`

// echo counts the calls of every function and tells whoever waits for them.
type echo struct {
	lock  sync.Mutex
	news  *sync.Cond
	calls map[string]int
}

func (e *echo) count(name string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.calls[name]++
	e.news.Broadcast()
}

// Dispatch is what the framework's generator makes of an interface: here, functions of one text.
func (e *echo) Dispatch(_ context.Context, _ any, request *requestf.RequestPacket, response *requestf.ResponsePacket, _ bool) error {
	text, err := argument(request)
	if err != nil {
		return err
	}
	e.count(request.SFuncName)
	result, err := e.run(request, text)
	if err != nil {
		return err
	}
	out := codec.NewBuffer()
	if request.IVersion == basef.TUPVERSION {
		value, attributes := codec.NewBuffer(), tup.NewUniAttribute()
		if err := value.WriteString(result, 0); err != nil {
			return err
		}
		attributes.PutBuffer("", value.ToBytes())
		err = attributes.Encode(out)
	} else {
		err = out.WriteString(result, 0)
	}
	*response = requestf.ResponsePacket{
		IVersion: request.IVersion, IRequestId: request.IRequestId, SBuffer: tools.ByteToInt8(out.ToBytes()),
	}
	return err
}

func argument(request *requestf.RequestPacket) (text string, err error) {
	reader := codec.NewReader(tools.Int8ToByte(request.SBuffer))
	if request.IVersion != basef.TUPVERSION {
		return text, reader.ReadString(&text, 1, false)
	}
	var value []byte
	attributes := tup.NewUniAttribute()
	if err = attributes.Decode(reader); err == nil {
		if err = attributes.GetBuffer("text", &value); err == nil {
			err = codec.NewReader(value).ReadString(&text, 0, false)
		}
	}
	return text, err
}

func (e *echo) run(request *requestf.RequestPacket, text string) (string, error) {
	switch request.SFuncName {
	case "echo":
		return text, nil
	case "add":
		sum := 0
		for _, word := range strings.Fields(text) {
			number, err := strconv.Atoi(word)
			if err != nil {
				return "", err
			}
			sum += number
		}
		return strconv.Itoa(sum), nil
	case "big":
		size, err := strconv.Atoi(text)
		return strings.Repeat("x", size), err
	case "note":
		e.count("note " + text)
		return "", nil
	case "context":
		return request.Context[text], nil
	case "slow":
		ms, err := strconv.Atoi(text)
		time.Sleep(time.Duration(ms) * time.Millisecond)
		return "slow", err
	case "fail":
		return "", tars.Errorf(itFails, "it fails")
	}
	return "", tars.Errorf(noSuchFunction, "no function %s", request.SFuncName)
}

func (e *echo) wait(args arguments) answer {
	timer := time.AfterFunc(patience, e.news.Broadcast)
	defer timer.Stop()
	end := time.Now().Add(patience)
	e.lock.Lock()
	defer e.lock.Unlock()
	for e.calls[args.Name] < args.Count {
		if !time.Now().Before(end) {
			return answer{"ok": false, "message": fmt.Sprint("only these came: ", e.calls)}
		}
		e.news.Wait()
	}
	return answer{"ok": true}
}

func (e *echo) stats(arguments) answer {
	e.lock.Lock()
	defer e.lock.Unlock()
	calls := map[string]int{}
	for name, count := range e.calls {
		calls[name] = count
	}
	return answer{"ok": true, "calls": calls}
}

// leave makes the framework shut down gracefully: it says _reconnect_ on every connection first.
func leave(arguments) answer {
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		return answer{"ok": false, "message": err.Error()}
	}
	return answer{"ok": true}
}

func server(servant string) {
	port := configure(servant)
	served := &echo{calls: map[string]int{}}
	served.news = sync.NewCond(&served.lock)
	tars.AddServantWithContext(served, served, servant)
	go tars.Run()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if probe, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			probe.Close()
			break
		}
	}
	lines(port, map[string]command{"wait": served.wait, "stats": served.stats, "leave": leave})
}

// configure writes the framework's configuration; it takes no port 0, so one is picked before.
func configure(servant string) int {
	found, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer found.Close()
	port := found.Addr().(*net.TCPAddr).Port
	file, err := os.CreateTemp("", "tars-*.conf")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	fmt.Fprintf(file, configuration, port, servant)
	tars.ServerConfigPath = file.Name()
	tars.GetConf()
	return port
}
