package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

const patience = 10 * time.Second

// tally is what came to this server, over all its forms.
type tally struct {
	sync.Mutex
	news        *sync.Cond
	calls       map[string]int
	connections int
}

func (t *tally) called(method string) {
	t.Lock()
	defer t.Unlock()
	t.calls[method]++
	t.news.Broadcast()
}

func (t *tally) stats(arguments) answer {
	t.Lock()
	defer t.Unlock()
	methods, total := map[string]int{}, 0
	for method, count := range t.calls {
		methods[method] = count
		total += count
	}
	return answer{"ok": true, "calls": total, "connections": t.connections, "methods": methods}
}

func (t *tally) reset(arguments) answer {
	t.Lock()
	defer t.Unlock()
	t.calls, t.connections = map[string]int{}, 0
	return answer{"ok": true}
}

// wait answers when so many calls of that method have come.
func (t *tally) wait(args arguments) answer {
	late := false
	timer := time.AfterFunc(patience, func() {
		t.Lock()
		defer t.Unlock()
		late = true
		t.news.Broadcast()
	})
	defer timer.Stop()
	t.Lock()
	defer t.Unlock()
	for t.calls[args.Method] < args.Count {
		if late {
			return failure("Timeout", fmt.Sprint("only these calls came: ", t.calls))
		}
		t.news.Wait()
	}
	return answer{"ok": true, "count": t.calls[args.Method]}
}

// accepting counts the connections of a server.
type accepting struct {
	*thrift.TServerSocket
	tally *tally
}

func (a accepting) Accept() (thrift.TTransport, error) {
	client, err := a.TServerSocket.Accept()
	if err == nil {
		a.tally.Lock()
		a.tally.connections++
		a.tally.Unlock()
	}
	return client, err
}

// processor answers the calls of one service, with or without the prefix of its methods' names.
type processor struct {
	prefix string
	tally  *tally
}

func (p processor) ProcessorMap() map[string]thrift.TProcessorFunction { return nil }

func (p processor) AddToProcessorMap(string, thrift.TProcessorFunction) {}

func (p processor) Process(ctx context.Context, in, out thrift.TProtocol) (bool, thrift.TException) {
	name, _, id, err := in.ReadMessageBegin(ctx)
	if err != nil {
		return false, thrift.WrapTException(err)
	}
	asked := values{}
	if err := asked.Read(ctx, in); err != nil {
		return false, thrift.WrapTException(err)
	}
	if err := in.ReadMessageEnd(ctx); err != nil {
		return false, thrift.WrapTException(err)
	}
	method := strings.TrimPrefix(name, p.prefix)
	result := p.answer(method, asked)
	if method == "note" {
		return true, nil // a oneway has no answer, whatever the type that its message says
	}
	said := thrift.REPLY
	if result == nil {
		said, result = thrift.EXCEPTION, values{1: "Unknown function " + name, 2: int32(thrift.UNKNOWN_METHOD)}
	}
	return true, thrift.WrapTException(message(ctx, out, name, said, id, result))
}

// answer is the result of a method; nil where there is no such method.
func (p processor) answer(method string, asked values) values {
	p.tally.called(method)
	switch method {
	case "echo":
		return values{0: asked[1]}
	case "add":
		return values{0: asked[1].(int32) + asked[2].(int32)}
	case "fail":
		return values{1: values{1: "no", 2: int32(7)}}
	case "note":
		return values{}
	case "slow":
		time.Sleep(time.Duration(asked[1].(int32)) * time.Millisecond)
		return values{0: asked[1]}
	case "big":
		return values{0: strings.Repeat("b", int(asked[1].(int32)))}
	}
	return nil
}

func message(ctx context.Context, out thrift.TProtocol, name string, kind thrift.TMessageType, id int32, body values) error {
	if err := out.WriteMessageBegin(ctx, name, kind, id); err != nil {
		return err
	}
	if err := body.Write(ctx, out); err != nil {
		return err
	}
	if err := out.WriteMessageEnd(ctx); err != nil {
		return err
	}
	return out.Flush(ctx)
}

func serveThrift(name string) {
	seen := &tally{calls: map[string]int{}}
	seen.news = sync.NewCond(seen)
	ports := map[string]int{}
	for _, each := range forms {
		socket, err := thrift.NewTServerSocket("127.0.0.1:0")
		if err == nil {
			err = socket.Listen()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ports[each] = socket.Addr().(*net.TCPAddr).Port
		service := serviceOf(name, each)
		both := thrift.NewTMultiplexedProcessor()
		both.RegisterProcessor(service, processor{"", seen})
		both.RegisterDefault(processor{service + "__", seen})
		made := formOf(each, configuration(each, false))
		go thrift.NewTSimpleServer4(both, accepting{socket, seen}, made.transport, made.protocol).Serve()
	}
	commands := map[string]command{"stats": seen.stats, "reset": seen.reset, "wait": seen.wait}
	commands["ports"] = func(arguments) answer { return answer{"ok": true, "ports": ports} }
	lines(ports["thrift"], commands)
}
