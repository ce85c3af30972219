package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/thrift/lib/go/thrift"
)

// values is a Thrift struct without its compiler: fields by id, each a string, an int32 or a struct again.
type values map[int16]any

func (v values) Write(ctx context.Context, out thrift.TProtocol) error {
	if err := out.WriteStructBegin(ctx, "values"); err != nil {
		return err
	}
	ids := make([]int16, 0, len(v))
	for id := range v {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := writeField(ctx, out, id, v[id]); err != nil {
			return err
		}
	}
	if err := out.WriteFieldStop(ctx); err != nil {
		return err
	}
	return out.WriteStructEnd(ctx)
}

func writeField(ctx context.Context, out thrift.TProtocol, id int16, value any) error {
	begin := func(kind thrift.TType) error { return out.WriteFieldBegin(ctx, "field", kind, id) }
	var err error
	switch value := value.(type) {
	case string:
		if err = begin(thrift.STRING); err == nil {
			err = out.WriteString(ctx, value)
		}
	case int32:
		if err = begin(thrift.I32); err == nil {
			err = out.WriteI32(ctx, value)
		}
	case values:
		if err = begin(thrift.STRUCT); err == nil {
			err = value.Write(ctx, out)
		}
	default:
		err = fmt.Errorf("field %d is a %T", id, value)
	}
	if err != nil {
		return err
	}
	return out.WriteFieldEnd(ctx)
}

func (v values) Read(ctx context.Context, in thrift.TProtocol) error {
	if _, err := in.ReadStructBegin(ctx); err != nil {
		return err
	}
	for {
		_, kind, id, err := in.ReadFieldBegin(ctx)
		if err != nil {
			return err
		}
		if kind == thrift.STOP {
			return in.ReadStructEnd(ctx)
		}
		if err = v.readField(ctx, in, kind, id); err != nil {
			return err
		}
		if err = in.ReadFieldEnd(ctx); err != nil {
			return err
		}
	}
}

func (v values) readField(ctx context.Context, in thrift.TProtocol, kind thrift.TType, id int16) (err error) {
	switch kind {
	case thrift.STRING:
		v[id], err = in.ReadString(ctx)
	case thrift.I32:
		v[id], err = in.ReadI32(ctx)
	case thrift.STRUCT:
		inner := values{}
		err = inner.Read(ctx, in)
		v[id] = inner
	default:
		err = in.Skip(ctx, kind)
	}
	return err
}
