package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/codec"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/basef"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

const defaultTimeout = 20_000

// The framework counts ids from 1 in a variable of its own; the tests want ids of every width.
//
//go:linkname lastID github.com/TarsCloud/TarsGo/tars.msgID
var lastID int32

var (
	communicator *tars.Communicator
	proxies      = map[string]*tars.ServantProxy{}
	proxiesLock  sync.Mutex
)

func proxyOf(args arguments) *tars.ServantProxy {
	proxiesLock.Lock()
	defer proxiesLock.Unlock()
	if args.Timeout == 0 {
		args.Timeout = defaultTimeout
	}
	host, port, _ := strings.Cut(args.Target, ":")
	name := fmt.Sprintf("%s@tcp -h %s -p %s -t 60000", args.Servant, host, port)
	key := fmt.Sprint(args.Timeout, name)
	if proxies[key] == nil {
		proxies[key] = tars.NewServantProxy(communicator, name)
		proxies[key].TarsSetTimeout(args.Timeout)
	}
	return proxies[key]
}

func call(args arguments) answer {
	out := codec.NewBuffer()
	if err := out.WriteString(args.Text, 1); err != nil {
		return answer{"ok": false, "message": err.Error()}
	}
	kind := byte(basef.TARSNORMAL)
	if args.Oneway {
		kind = byte(basef.TARSONEWAY)
	}
	if args.ID != 0 {
		atomic.StoreInt32(&lastID, args.ID-1)
	}
	response := requestf.ResponsePacket{}
	err := proxyOf(args).TarsInvoke(context.Background(), kind, args.Name, out.ToBytes(), args.Status, args.Context, &response)
	if err != nil {
		code := tars.GetErrorCode(err)
		fmt.Sscanf(err.Error(), "basef error code %d", &code) // what the framework makes of one without a description
		return answer{"ok": true, "code": code, "message": err.Error()}
	}
	if args.Oneway {
		return answer{"ok": true, "result": nil}
	}
	var text string
	if err := codec.NewReader(tools.Int8ToByte(response.SBuffer)).ReadString(&text, 0, false); err != nil {
		return answer{"ok": false, "message": err.Error()}
	}
	return answer{"ok": true, "result": text, "id": response.IRequestId}
}

// burst makes Count calls at a time, Rounds times, and says what was not answered as it should be.
func burst(args arguments) answer {
	wrong := []answer{}
	var lock sync.Mutex
	for round := 0; round < args.Rounds; round++ {
		var pending sync.WaitGroup
		for index := 0; index < args.Count; index++ {
			pending.Add(1)
			go func(text string) {
				defer pending.Done()
				one := args
				one.Name, one.Text, one.ID = "echo", text, 0
				if got := call(one); got["result"] != text {
					lock.Lock()
					wrong = append(wrong, got)
					lock.Unlock()
				}
			}(fmt.Sprint(args.Label, " ", round, " ", index))
		}
		pending.Wait()
	}
	return answer{"ok": true, "wrong": wrong}
}

func client() {
	communicator = tars.NewCommunicator()
	lines(0, map[string]command{"call": call, "burst": burst})
}
