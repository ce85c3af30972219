package main

import (
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/improbable-eng/grpc-web/go/grpcweb"
)

const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="page.js"></script>`

// serveWeb serves a page, the files of two folders, the interop service as gRPC-Web, and hands what is posted to /report to
// whoever asks for it: a GET waits until there is one.
func serveWeb(listener net.Listener, pages, scripts string) error {
	reports := make(chan []byte, 16)
	files := http.NewServeMux()
	files.HandleFunc("GET /pages/{$}", func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/html")
		io.WriteString(response, page)
	})
	files.Handle("GET /pages/", http.StripPrefix("/pages/", http.FileServer(http.Dir(pages))))
	files.Handle("GET /scripts/", http.StripPrefix("/scripts/", http.FileServer(http.Dir(scripts))))
	files.HandleFunc("POST /report", func(response http.ResponseWriter, request *http.Request) {
		report, _ := io.ReadAll(request.Body)
		reports <- report
		response.WriteHeader(http.StatusNoContent)
	})
	files.HandleFunc("GET /report", func(response http.ResponseWriter, request *http.Request) {
		select {
		case report := <-reports:
			response.Write(report)
		case <-request.Context().Done():
		}
	})
	wrapped := grpcweb.WrapServer(service())
	return http.Serve(listener, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if strings.HasPrefix(request.URL.Path, "/grpc.testing.") {
			wrapped.ServeHTTP(response, request)
		} else {
			files.ServeHTTP(response, request)
		}
	}))
}
