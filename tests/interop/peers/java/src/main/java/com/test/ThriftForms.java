package com.test;

import java.util.List;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TProtocolFactory;

/** The forms of the wire that Apache Thrift for Java has, by the names that the Python peers give them. */
final class ThriftForms {
    static final List<String> ALL = List.of("thrift", "thrift-old", "thrift-compact", "thrift-unframed",
            "thrift-unframed-old", "thrift-unframed-compact");

    private ThriftForms() {
    }

    static boolean framed(String form) {
        return !form.startsWith("thrift-unframed");
    }

    static TProtocolFactory protocol(String form) {
        if (form.endsWith("-compact")) {
            return new TCompactProtocol.Factory();
        }
        boolean strict = !form.endsWith("-old");
        return new TBinaryProtocol.Factory(strict, strict);
    }

    static String service(String name, String form) {
        return name + "_" + form.replace('-', '_');
    }
}
