// grpcbench serve PORT: a gRPC backend. Echo/Unary answers with what it got, Echo/Download with a stream of as many
// messages as asked for, Echo/Upload with how many sound ones it got. Prints nothing; runs until killed.
//
// grpcbench download|upload PORT SECONDS: a load, one stream of 100 MiB after the other on one connection. Prints a
// JSON line, in which a call is a MiB; exits with 1 when a stream went wrong.
//
// A message is bytes as they come, so nothing is decoded, and nothing is generated. Those of a stream begin with their
// number and are compared whole, and windows are as grpc-go has them by default.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

const (
	mebibytes = 100
	size      = 64 << 10 // of a stream's message
	count     = mebibytes << 20 / size
	patience  = 30 * time.Second
)

type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	message := v.(*[]byte)
	if cap(*message) < data.Len() {
		*message = make([]byte, data.Len())
	}
	*message = (*message)[:data.Len()]
	data.CopyTo(*message)
	return nil
}

// The stream's messages, and whether those that came are they. What was sent may still be in use, so each is new.
var filling = bytes.Repeat([]byte("x"), size-8)

func numbered(number uint64) *[]byte {
	message := append(binary.BigEndian.AppendUint64(make([]byte, 0, size), number), filling...)
	return &message
}

func sound(message []byte, number uint64) bool {
	return len(message) == size && binary.BigEndian.Uint64(message) == number && bytes.Equal(message[8:], filling)
}

func send(stream grpc.Stream, messages uint64) error {
	for number := range messages {
		if err := stream.SendMsg(numbered(number)); err != nil {
			return err
		}
	}
	return nil
}

// Receives until the end; how many sound messages there were, or -1 if there was another one.
func receive(stream grpc.Stream) (int, error) {
	var message []byte
	for number := uint64(0); ; number++ {
		if err := stream.RecvMsg(&message); err == io.EOF {
			return int(number), nil
		} else if err != nil {
			return 0, err
		}
		if !sound(message, number) {
			return -1, nil
		}
	}
}

func unary(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var message []byte
	err := decode(&message)
	return &message, err
}

func download(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	return send(stream, binary.BigEndian.Uint64(request))
}

func upload(_ any, stream grpc.ServerStream) error {
	got, err := receive(stream)
	if err != nil {
		return err
	}
	answer := binary.BigEndian.AppendUint64(nil, uint64(got))
	return stream.SendMsg(&answer)
}

var (
	down = grpc.StreamDesc{StreamName: "Download", Handler: download, ServerStreams: true}
	up   = grpc.StreamDesc{StreamName: "Upload", Handler: upload, ClientStreams: true}
	echo = grpc.ServiceDesc{
		ServiceName: "bench.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
		Streams:     []grpc.StreamDesc{down, up},
	}
)

func serve(port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec{}))
	server.RegisterService(&echo, nil)
	return server.Serve(listener)
}

func once(conn *grpc.ClientConn, direction string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got := 0
	if direction == "download" {
		stream, err := conn.NewStream(ctx, &down, "/bench.Echo/Download")
		if err != nil {
			return err
		}
		request := binary.BigEndian.AppendUint64(nil, count)
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		if got, err = receive(stream); err != nil {
			return err
		}
	} else {
		stream, err := conn.NewStream(ctx, &up, "/bench.Echo/Upload")
		if err != nil {
			return err
		}
		if err := send(stream, count); err != nil && err != io.EOF { // EOF: what went wrong is the answer
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		answer := make([]byte, 8)
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		got = int(int64(binary.BigEndian.Uint64(answer)))
	}
	if got != count {
		return fmt.Errorf("of %d messages %d came (-1: a wrong one)", count, got)
	}
	return nil
}

func load(direction, port string, seconds float64) error {
	conn, err := grpc.NewClient("passthrough:127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})))
	if err != nil {
		return err
	}
	result := map[string]any{}
	streams := 0
	start := time.Now()
	for streams == 0 || time.Since(start).Seconds() < seconds {
		if err = once(conn, direction); err != nil {
			result["error"] = err.Error()
			break
		}
		streams++
	}
	result["done"], result["bad"] = streams*mebibytes, min(len(result), 1)
	result["rps"] = float64(streams*mebibytes) / time.Since(start).Seconds()
	if wrong := json.NewEncoder(os.Stdout).Encode(result); wrong != nil {
		return wrong
	}
	return err
}

func main() {
	err := fmt.Errorf("usage: grpcbench serve PORT | download PORT SECONDS | upload PORT SECONDS")
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		err = serve(os.Args[2])
	} else if len(os.Args) == 4 && (os.Args[1] == "download" || os.Args[1] == "upload") {
		var seconds float64
		if seconds, err = strconv.ParseFloat(os.Args[3], 64); err == nil {
			err = load(os.Args[1], os.Args[2], seconds)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpcbench:", err)
		os.Exit(1)
	}
}
