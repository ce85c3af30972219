// Apache Thrift's Go library as a peer of the interop tests.
//
// Usage: peer server NAME | peer client. Commands and names of services are those of the Python peers (thrift_forms.py).
package main

import "os"

func main() {
	if len(os.Args) == 3 && os.Args[1] == "server" {
		serveThrift(os.Args[2])
		return
	}
	connections := &connections{open: map[string]*connection{}}
	lines(0, map[string]command{"call": connections.call, "together": connections.together})
}
