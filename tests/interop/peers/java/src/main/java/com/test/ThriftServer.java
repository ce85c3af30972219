package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.TMultiplexedProcessor;
import org.apache.thrift.TProcessor;
import org.apache.thrift.TSerializable;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.server.ServerContext;
import org.apache.thrift.server.THsHaServer;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TServerEventHandler;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TNonblockingServerSocket;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TTransport;

/**
 * Apache Thrift's own servers: unframed forms by TThreadPoolServer, framed ones by THsHaServer, which does not block.
 * Usage: ThriftServer NAME; commands and names of services are those of the Python peers (thrift_forms.py).
 */
public final class ThriftServer implements TServerEventHandler {
    private static final long PATIENCE_NS = 10_000_000_000L;
    private static final int WORKERS = 64;
    private static final Map<String, Integer> METHODS = new TreeMap<>();
    private static int connections;

    private ThriftServer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Map<String, Integer> ports = new LinkedHashMap<>();
        for (String form : ThriftForms.ALL) {
            String service = ThriftForms.service(args[0], form);
            TMultiplexedProcessor both = new TMultiplexedProcessor();
            both.registerProcessor(service, processor(""));
            both.registerDefault(processor(service + "__"));
            ports.put(form, start(form, both));
        }
        Lines.ready(ports.get("thrift"));
        Lines.serve(Map.of("ports", a -> Lines.success("ports", ports), "stats", a -> stats(), "reset", a -> reset(),
                "wait", ThriftServer::await));
    }

    private static int start(String form, TProcessor processor) throws Exception {
        InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
        TServer server;
        int port;
        if (ThriftForms.framed(form)) {
            TNonblockingServerSocket socket = new TNonblockingServerSocket(any);
            port = socket.getPort();
            server = new THsHaServer(new THsHaServer.Args(socket).processor(processor)
                    .protocolFactory(ThriftForms.protocol(form)).minWorkerThreads(WORKERS).maxWorkerThreads(WORKERS));
        } else {
            TServerSocket socket = new TServerSocket(any);
            port = socket.getServerSocket().getLocalPort();
            server = new TThreadPoolServer(new TThreadPoolServer.Args(socket).processor(processor)
                    .protocolFactory(ThriftForms.protocol(form)));
        }
        server.setServerEventHandler(new ThriftServer());
        Thread thread = new Thread(server::serve, form);
        thread.setDaemon(true);
        thread.start();
        return port;
    }

    /** Answers the calls of one service, with or without the prefix of its methods' names. */
    private static TProcessor processor(String prefix) {
        return (in, out) -> {
            TMessage asked = in.readMessageBegin();
            ThriftValues arguments = new ThriftValues();
            arguments.read(in);
            in.readMessageEnd();
            String method = asked.name.startsWith(prefix) ? asked.name.substring(prefix.length()) : asked.name;
            count(method);
            ThriftValues result = answer(method, arguments);
            if (method.equals("note")) {
                return; // a oneway has no answer, whatever the type that its message says
            }
            if (result == null) {
                write(out, asked, TMessageType.EXCEPTION, new TApplicationException(
                        TApplicationException.UNKNOWN_METHOD, "Invalid method name: '" + asked.name + "'"));
            } else {
                write(out, asked, TMessageType.REPLY, result);
            }
        };
    }

    private static void write(TProtocol out, TMessage asked, byte type, TSerializable body) throws TException {
        out.writeMessageBegin(new TMessage(asked.name, type, asked.seqid));
        body.write(out);
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
            case "note":
                return new ThriftValues();
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

    private static void count(String method) {
        synchronized (METHODS) {
            METHODS.merge(method, 1, Integer::sum);
            METHODS.notifyAll();
        }
    }

    private static Map<String, Object> await(JSONObject a) throws InterruptedException {
        String method = a.getString("method");
        long deadline = System.nanoTime() + PATIENCE_NS;
        synchronized (METHODS) {
            while (METHODS.getOrDefault(method, 0) < a.getIntValue("count")) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new IllegalStateException("only these calls came: " + METHODS);
                }
                METHODS.wait(left);
            }
            return Lines.success("count", METHODS.get(method));
        }
    }

    private static Map<String, Object> stats() {
        synchronized (METHODS) {
            Map<String, Object> result = Lines.success("methods", new TreeMap<>(METHODS));
            result.put("calls", METHODS.values().stream().mapToInt(Integer::intValue).sum());
            result.put("connections", connections);
            return result;
        }
    }

    private static Map<String, Object> reset() {
        synchronized (METHODS) {
            METHODS.clear();
            connections = 0;
        }
        return Lines.success("reset", true);
    }

    @Override
    public ServerContext createContext(TProtocol in, TProtocol out) {
        synchronized (METHODS) {
            connections++;
        }
        return null;
    }

    @Override
    public void preServe() {
    }

    @Override
    public void deleteContext(ServerContext context, TProtocol in, TProtocol out) {
    }

    @Override
    public void processContext(ServerContext context, TTransport in, TTransport out) {
    }
}
