package com.test;

import java.lang.reflect.Field;
import org.apache.thrift.TBase;
import org.apache.thrift.TException;
import org.apache.thrift.TFieldIdEnum;
import org.apache.thrift.protocol.TField;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolUtil;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.protocol.TType;

/**
 * A Thrift struct whose fields are the public fields of its class: what Thrift's compiler would write out.
 *
 * <p>Dubbo's codec finds these classes by their names and uses their getters and setters, so each has them.
 */
abstract class Struct<T extends Struct<T>> implements TBase<T, Struct.Slot> {
    private static final long serialVersionUID = 1;

    /** A field's number and name. */
    record Slot(short id, String name) implements TFieldIdEnum {
        @Override
        public short getThriftFieldId() {
            return id;
        }

        @Override
        public String getFieldName() {
            return name;
        }
    }

    private final transient int first;
    private final transient String[] names;

    /** The fields have the numbers from {@code first} on. */
    Struct(int first, String... names) {
        this.first = first;
        this.names = names;
    }

    @Override
    public Slot fieldForId(int id) {
        int at = id - first;
        return at < 0 || at >= names.length ? null : new Slot((short) id, names[at]);
    }

    @Override
    public void read(TProtocol in) throws TException {
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            Slot slot = fieldForId(field.id);
            if (slot == null || field.type != type(slot)) {
                TProtocolUtil.skip(in, field.type);
            } else {
                setFieldValue(slot, value(in, field.type));
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
    }

    private static Object value(TProtocol in, byte type) throws TException {
        switch (type) {
            case TType.STRING:
                return in.readString();
            case TType.I32:
                return in.readI32();
            default:
                return Refused.read(in);
        }
    }

    @Override
    public void write(TProtocol out) throws TException {
        out.writeStructBegin(new TStruct(getClass().getSimpleName()));
        for (int id = first; id < first + names.length; id++) {
            Slot slot = fieldForId(id);
            Object value = getFieldValue(slot);
            if (value != null) {
                out.writeFieldBegin(new TField(slot.getFieldName(), type(slot), (short) id));
                write(out, value);
                out.writeFieldEnd();
            }
        }
        out.writeFieldStop();
        out.writeStructEnd();
    }

    private static void write(TProtocol out, Object value) throws TException {
        if (value instanceof String text) {
            out.writeString(text);
        } else if (value instanceof Integer number) {
            out.writeI32(number);
        } else {
            ((Refused) value).write(out);
        }
    }

    private byte type(Slot slot) {
        Class<?> type = field(slot).getType();
        return type == String.class ? TType.STRING : type == int.class ? TType.I32 : TType.STRUCT;
    }

    private Field field(Slot slot) {
        try {
            return getClass().getField(slot.getFieldName());
        } catch (NoSuchFieldException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public Object getFieldValue(Slot slot) {
        try {
            return field(slot).get(this);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void setFieldValue(Slot slot, Object value) {
        try {
            field(slot).set(this, value);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public boolean isSet(Slot slot) {
        return getFieldValue(slot) != null;
    }

    @Override
    public int compareTo(T other) {
        throw new UnsupportedOperationException();
    }

    @Override
    public T deepCopy() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void clear() {
        throw new UnsupportedOperationException();
    }
}
