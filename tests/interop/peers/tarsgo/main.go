// TarsGo's own client and server for the interop tests, without a registry.
// Usage: peer client, or peer server SERVANT.
package main

import (
	"fmt"
	"os"
)

// The framework logs to standard output, which belongs to the tests.
var said = os.Stdout

func main() {
	os.Stdout = os.Stderr
	if len(os.Args) == 2 && os.Args[1] == "client" {
		client()
	} else if len(os.Args) == 3 && os.Args[1] == "server" {
		server(os.Args[2])
	} else {
		fmt.Fprintln(os.Stderr, "usage: peer client | peer server SERVANT")
		os.Exit(2)
	}
}
