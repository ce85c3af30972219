package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;

/** The service that every Thrift peer has (thrift_forms.py), and the count of what came to it. */
final class ThriftEcho {
    private static final long PATIENCE_NS = 10_000_000_000L;

    private final Map<String, Integer> methods = new TreeMap<>();
    private int connections;

    /** Reads one call, whose method may have that prefix, and writes its answer; a oneway has none, whatever its type. */
    void process(String prefix, TProtocol in, TProtocol out) throws TException {
        TMessage asked = in.readMessageBegin();
        ThriftValues arguments = new ThriftValues();
        arguments.read(in);
        in.readMessageEnd();
        String method = asked.name.startsWith(prefix) ? asked.name.substring(prefix.length()) : asked.name;
        count(method);
        if (method.equals("note")) {
            return;
        }
        ThriftValues result = answer(method, arguments);
        out.writeMessageBegin(new TMessage(asked.name, result == null ? TMessageType.EXCEPTION : TMessageType.REPLY,
                asked.seqid));
        if (result == null) {
            new TApplicationException(TApplicationException.UNKNOWN_METHOD,
                    "Invalid method name: '" + asked.name + "'").write(out);
        } else {
            result.write(out);
        }
        out.writeMessageEnd();
        out.getTransport().flush();
    }

    /** The result of a method; null where there is no such method. */
    private static ThriftValues answer(String method, ThriftValues asked) {
        switch (method) {
            case "echo":
                return ThriftValues.of(0, asked.get(1));
            case "add":
                return ThriftValues.of(0, asked.number(1) + asked.number(2));
            case "fail":
                return ThriftValues.of(1, ThriftValues.of(1, "no", 2, 7));
            case "slow":
                sleep(asked.number(1));
                return ThriftValues.of(0, asked.get(1));
            case "big":
                return ThriftValues.of(0, "b".repeat(asked.number(1)));
            default:
                return null;
        }
    }

    private static void sleep(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    synchronized void connected() {
        connections++;
    }

    private synchronized void count(String method) {
        methods.merge(method, 1, Integer::sum);
        notifyAll();
    }

    /** The commands `stats`, `reset` and `wait`, which a server may add its own to. */
    Map<String, Lines.Command> commands() {
        return new HashMap<>(Map.of("stats", a -> stats(), "reset", a -> reset(), "wait", this::await));
    }

    private synchronized Map<String, Object> await(JSONObject a) throws InterruptedException {
        String method = a.getString("method");
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (methods.getOrDefault(method, 0) < a.getIntValue("count")) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new IllegalStateException("only these calls came: " + methods);
            }
            wait(left);
        }
        return Lines.success("count", methods.get(method));
    }

    private synchronized Map<String, Object> stats() {
        Map<String, Object> result = Lines.success("methods", new TreeMap<>(methods));
        result.put("calls", methods.values().stream().mapToInt(Integer::intValue).sum());
        result.put("connections", connections);
        return result;
    }

    private synchronized Map<String, Object> reset() {
        methods.clear();
        connections = 0;
        return Lines.success("reset", true);
    }
}
