// Go's crypto/tls as a client: the one that offers a post-quantum key share, so that its ClientHello is larger than a packet.
//
// {"cmd":"get", "target":"host:port", "server_name":s, "ca":file, "certificate":file, "key":file, "groups":["X25519MLKEM768", ...],
// "min":"1.2", "max":"1.3", "alpn":[s], "path":s, "host":s, "count":n} asks for `path` on `count` connections, one after another, which
// share their sessions. It says what was negotiated on each: version, group, alpn, resumed, hello (bytes), status, body.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const patience = 20 * time.Second

type arguments struct {
	Cmd         string   `json:"cmd"`
	Target      string   `json:"target"`
	ServerName  string   `json:"server_name"`
	CA          string   `json:"ca"`
	Certificate string   `json:"certificate"`
	Key         string   `json:"key"`
	Groups      []string `json:"groups"`
	Min         string   `json:"min"`
	Max         string   `json:"max"`
	ALPN        []string `json:"alpn"`
	Path        string   `json:"path"`
	Host        string   `json:"host"`
	Count       int      `json:"count"`
}

type answer map[string]any

var groups = map[string]tls.CurveID{
	"X25519MLKEM768":     tls.X25519MLKEM768,
	"SecP256r1MLKEM768":  tls.SecP256r1MLKEM768,
	"SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024,
	"X25519":             tls.X25519,
	"P-256":              tls.CurveP256,
	"P-384":              tls.CurveP384,
	"P-521":              tls.CurveP521,
}

var versions = map[string]uint16{"": 0, "1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// counted keeps the size of the first write, which is the ClientHello's record.
type counted struct {
	net.Conn
	hello int
}

func (c *counted) Write(data []byte) (int, error) {
	if c.hello == 0 {
		c.hello = len(data)
	}
	return c.Conn.Write(data)
}

func settings(args arguments) (*tls.Config, error) {
	pem, err := os.ReadFile(args.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + args.CA)
	}
	config := &tls.Config{RootCAs: roots, ServerName: args.ServerName, NextProtos: args.ALPN, MinVersion: versions[args.Min],
		MaxVersion: versions[args.Max], ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for _, name := range args.Groups {
		config.CurvePreferences = append(config.CurvePreferences, groups[name])
	}
	if args.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(args.Certificate, args.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func get(args arguments) answer {
	config, err := settings(args)
	if err != nil {
		return failure(err)
	}
	visits := []answer{}
	for range max(1, args.Count) {
		said, err := visit(args, config)
		if err != nil {
			return failure(err)
		}
		visits = append(visits, said)
	}
	return answer{"ok": true, "visits": visits}
}

func visit(args arguments, config *tls.Config) (answer, error) {
	socket, err := net.DialTimeout("tcp", args.Target, patience)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	if err := socket.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	below := &counted{Conn: socket}
	conn := tls.Client(below, config)
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", args.Path, args.Host)
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	return answer{"version": tls.VersionName(state.Version), "group": state.CurveID.String(), "alpn": state.NegotiatedProtocol,
		"resumed": state.DidResume, "hello": below.hello, "status": got.StatusCode, "body": string(body)}, nil
}

// failure says the kind of an alert that came as crypto/tls words it.
func failure(err error) answer {
	var alert tls.AlertError
	if errors.As(err, &alert) {
		return answer{"ok": false, "error": "Alert", "code": int(alert), "message": err.Error()}
	}
	return answer{"ok": false, "error": fmt.Sprintf("%T", err), "message": err.Error()}
}

// main says READY, then answers one JSON line with another until standard input ends.
func main() {
	fmt.Println("READY 0")
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var args arguments
		said := answer{}
		if err := json.Unmarshal(line, &args); err != nil {
			said = failure(err)
		} else if args.Cmd != "get" {
			said = failure(errors.New("no such command: " + args.Cmd))
		} else {
			said = get(args)
		}
		text, err := json.Marshal(said)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(text))
	}
}
