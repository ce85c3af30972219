// grpc-go's interop test service, as gRPC or as gRPC-Web.
//
// Usage: peer server [CERTIFICATE KEY], or peer web PAGES SCRIPTS. It says READY and its port, and ends with its standard
// input. The service is the one of google.golang.org/grpc/interop/server, on a port of the kernel's choice at 127.0.0.1.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // Some clients compress.
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"
)

// largest is the size of the largest message that a test case sends, with some room.
const largest = 16 << 20

func service(options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(largest))...)
	grpc_testing.RegisterTestServiceServer(server, interop.NewTestServer())
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	return server
}

func serve(listener net.Listener, files []string) error {
	var options []grpc.ServerOption
	if len(files) == 2 {
		secure, err := credentials.NewServerTLSFromFile(files[0], files[1])
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(secure))
	}
	return service(options...).Serve(listener)
}

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 0 {
		log.Fatal("usage: peer server [CERTIFICATE KEY] | peer web PAGES SCRIPTS")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if arguments[0] == "web" {
			log.Fatal(serveWeb(listener, arguments[1], arguments[2]))
		}
		log.Fatal(serve(listener, arguments[1:]))
	}()
	fmt.Println("READY", listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
