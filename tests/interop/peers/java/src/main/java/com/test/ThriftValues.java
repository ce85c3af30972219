package com.test;

import java.util.Map;
import java.util.TreeMap;
import org.apache.thrift.TBase;
import org.apache.thrift.TException;
import org.apache.thrift.TFieldIdEnum;
import org.apache.thrift.protocol.TField;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolUtil;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.protocol.TType;

/** A Thrift struct without its compiler: fields by id, each a String, an Integer or a struct again. */
final class ThriftValues implements TBase<ThriftValues, TFieldIdEnum> {
    private static final long serialVersionUID = 1;
    private static final TStruct STRUCT = new TStruct("values");

    private final TreeMap<Short, Object> fields = new TreeMap<>();

    static ThriftValues of(Object... pairs) {
        ThriftValues values = new ThriftValues();
        for (int i = 0; i < pairs.length; i += 2) {
            values.fields.put(((Integer) pairs[i]).shortValue(), pairs[i + 1]);
        }
        return values;
    }

    Object get(int id) {
        return fields.get((short) id);
    }

    int number(int id) {
        return (Integer) get(id);
    }

    @Override
    public void read(TProtocol in) throws TException {
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            if (field.type == TType.STRING) {
                fields.put(field.id, in.readString());
            } else if (field.type == TType.I32) {
                fields.put(field.id, in.readI32());
            } else if (field.type == TType.STRUCT) {
                ThriftValues inner = new ThriftValues();
                inner.read(in);
                fields.put(field.id, inner);
            } else {
                TProtocolUtil.skip(in, field.type);
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
    }

    @Override
    public void write(TProtocol out) throws TException {
        out.writeStructBegin(STRUCT);
        for (Map.Entry<Short, Object> field : fields.entrySet()) {
            Object value = field.getValue();
            byte type = value instanceof String ? TType.STRING : value instanceof Integer ? TType.I32 : TType.STRUCT;
            out.writeFieldBegin(new TField("field", type, field.getKey()));
            if (value instanceof String text) {
                out.writeString(text);
            } else if (value instanceof Integer number) {
                out.writeI32(number);
            } else {
                ((ThriftValues) value).write(out);
            }
            out.writeFieldEnd();
        }
        out.writeFieldStop();
        out.writeStructEnd();
    }

    @Override
    public void clear() {
        fields.clear();
    }

    @Override
    public ThriftValues deepCopy() {
        ThriftValues copy = new ThriftValues();
        copy.fields.putAll(fields);
        return copy;
    }

    @Override
    public int compareTo(ThriftValues other) {
        return fields.toString().compareTo(other.fields.toString());
    }

    @Override
    public TFieldIdEnum fieldForId(int id) {
        return null;
    }

    @Override
    public boolean isSet(TFieldIdEnum field) {
        return fields.containsKey(field.getThriftFieldId());
    }

    @Override
    public Object getFieldValue(TFieldIdEnum field) {
        return fields.get(field.getThriftFieldId());
    }

    @Override
    public void setFieldValue(TFieldIdEnum field, Object value) {
        fields.put(field.getThriftFieldId(), value);
    }
}
