package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/apache/thrift/lib/go/thrift"
)

// connection is one of the library's own clients; it checks each answer's name and id itself.
type connection struct {
	prefix string
	socket *thrift.TSocket
	client *thrift.TStandardClient
	out    thrift.TProtocol
	info   map[string]string
}

// refused is the declared exception, as a result has it.
type refused values

func (r refused) Error() string { return "refused" }

func connect(args arguments) (*connection, error) {
	conf := configuration(args.Form, args.Zlib)
	socket := thrift.NewTSocketConf(args.Target, conf)
	made := formOf(args.Form, conf)
	transport, err := made.transport.GetTransport(socket)
	if err != nil {
		return nil, err
	}
	in := made.protocol.GetProtocol(transport)
	out, prefix := in, args.Service+"__"
	if args.Multiplexed {
		out, prefix = thrift.NewTMultiplexedProtocol(in, args.Service), ""
	}
	if err := transport.Open(); err != nil {
		return nil, err
	}
	return &connection{prefix, socket, thrift.NewTStandardClient(in, out), out, args.Info}, nil
}

func (c *connection) call(method string, asked values, asCall bool) (any, error) {
	ctx := context.Background()
	for key, value := range c.info {
		ctx = thrift.SetHeader(ctx, key, value)
		ctx = thrift.SetWriteHeaderList(ctx, append(thrift.GetWriteHeaderList(ctx), key))
	}
	if method == "note" && asCall {
		// As the library's own client writes a oneway.
		_, err := c.client.Call(ctx, c.prefix+method, asked, nil)
		return nil, err
	}
	if method == "note" {
		return nil, message(ctx, c.out, c.prefix+method, thrift.ONEWAY, 0, asked)
	}
	result := values{}
	if _, err := c.client.Call(ctx, c.prefix+method, asked, result); err != nil {
		return nil, err
	}
	if why, ok := result[1].(values); ok {
		return nil, refused(why)
	}
	return result[0], nil
}

// connections are kept by name.
type connections struct {
	sync.Mutex
	open map[string]*connection
}

func (c *connections) together(args arguments) answer {
	results := make([]answer, len(args.Calls))
	var all sync.WaitGroup
	for index, each := range args.Calls {
		all.Add(1)
		go func() {
			defer all.Done()
			results[index] = c.call(each)
		}()
	}
	all.Wait()
	return answer{"ok": true, "results": results}
}

func (c *connections) call(args arguments) answer {
	if args.Count <= 1 {
		return c.one(args)
	}
	results := make(chan string, args.Count)
	var all sync.WaitGroup
	for thread := range args.Threads {
		all.Add(1)
		go func() {
			defer all.Done()
			mine := args
			mine.Client = fmt.Sprintf("%s#%d", args.Client, thread)
			for index := thread; index < args.Count; index += args.Threads {
				mine.Text = fmt.Sprintf("%s-%d", args.Text, index)
				if result := c.one(mine); result["value"] == mine.Text {
					results <- "right"
				} else {
					results <- fmt.Sprint(result)
				}
			}
		}()
	}
	all.Wait()
	close(results)
	faults := map[string]int{}
	for result := range results {
		faults[result]++
	}
	right := faults["right"]
	delete(faults, "right")
	return answer{"ok": right == args.Count, "right": right, "faults": faults}
}

func (c *connections) one(args arguments) answer {
	key := strings.Join([]string{args.Target, args.Form, args.Service, fmt.Sprint(args.Multiplexed, args.Zlib), args.Client}, "|")
	c.Lock()
	found := c.open[key]
	c.Unlock()
	if found == nil {
		made, err := connect(args)
		if err != nil {
			return failure("Connect", err.Error())
		}
		found = made
		c.Lock()
		c.open[key] = found
		c.Unlock()
	}
	value, err := found.call(args.Method, valuesOf(args), args.AsCall)
	if err == nil {
		if text, ok := value.(string); ok && len(text) > 1000 {
			return answer{"ok": true, "length": len(text)}
		}
		return answer{"ok": true, "value": value}
	}
	var said thrift.TApplicationException
	var no refused
	switch {
	case errors.As(err, &said):
		return answer{"ok": false, "error": "TApplicationException", "type": said.TypeId(), "message": said.Error()}
	case errors.As(err, &no):
		return answer{"ok": false, "error": "Refused", "why": no[1], "code": no[2]}
	}
	found.socket.Close()
	c.Lock()
	delete(c.open, key)
	c.Unlock()
	return failure(fmt.Sprintf("%T", err), err.Error())
}

func valuesOf(args arguments) values {
	switch args.Method {
	case "add":
		return values{1: args.A, 2: args.B}
	case "slow":
		return values{1: args.Ms}
	case "big":
		return values{1: args.N}
	case "fail":
		return values{}
	}
	return values{1: args.Text}
}
