package com.test;

import org.apache.thrift.TException;
import org.apache.thrift.protocol.TField;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolUtil;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.protocol.TType;

/** The exception that `fail` declares: {1: string why, 2: i32 code}. */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1;
    private final int code;

    public Refused(String why, int code) {
        super(why);
        this.code = code;
    }

    public int code() {
        return code;
    }

    static Refused read(TProtocol in) throws TException {
        String why = null;
        int code = 0;
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            if (field.id == 1 && field.type == TType.STRING) {
                why = in.readString();
            } else if (field.id == 2 && field.type == TType.I32) {
                code = in.readI32();
            } else {
                TProtocolUtil.skip(in, field.type);
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
        return new Refused(why, code);
    }

    void write(TProtocol out) throws TException {
        out.writeStructBegin(new TStruct("Refused"));
        out.writeFieldBegin(new TField("why", TType.STRING, (short) 1));
        out.writeString(getMessage());
        out.writeFieldEnd();
        out.writeFieldBegin(new TField("code", TType.I32, (short) 2));
        out.writeI32(code);
        out.writeFieldEnd();
        out.writeFieldStop();
        out.writeStructEnd();
    }
}
