package main

import (
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// form is how messages are written and where they end.
type form struct {
	transport thrift.TTransportFactory
	protocol  thrift.TProtocolFactory
}

var forms = []string{
	"thrift", "thrift-old", "thrift-compact", "thrift-unframed", "thrift-unframed-old", "thrift-unframed-compact",
	"thrift-header", "thrift-header-compact",
}

func configuration(name string, zlib bool) *thrift.TConfiguration {
	strict := !strings.HasSuffix(name, "-old")
	conf := &thrift.TConfiguration{
		ConnectTimeout: 5 * time.Second, SocketTimeout: 30 * time.Second,
		TBinaryStrictRead: &strict, TBinaryStrictWrite: &strict,
	}
	inside := thrift.THeaderProtocolBinary
	if strings.HasSuffix(name, "-compact") {
		inside = thrift.THeaderProtocolCompact
	}
	conf.THeaderProtocolID = &inside
	if zlib {
		conf.THeaderTransforms = []thrift.THeaderTransformID{thrift.TransformZlib}
	}
	return conf
}

func formOf(name string, conf *thrift.TConfiguration) form {
	if strings.HasPrefix(name, "thrift-header") {
		return form{thrift.NewTHeaderTransportFactoryConf(nil, conf), thrift.NewTHeaderProtocolFactoryConf(conf)}
	}
	var made form
	if strings.HasPrefix(name, "thrift-unframed") {
		made.transport = thrift.NewTBufferedTransportFactory(8192)
	} else {
		made.transport = thrift.NewTFramedTransportFactoryConf(thrift.NewTTransportFactory(), conf)
	}
	if strings.HasSuffix(name, "-compact") {
		made.protocol = thrift.NewTCompactProtocolFactoryConf(conf)
	} else {
		made.protocol = thrift.NewTBinaryProtocolFactoryConf(conf)
	}
	return made
}

func serviceOf(name, form string) string {
	return name + "_" + strings.ReplaceAll(form, "-", "_")
}
