package com.test;

import com.alipay.remoting.BizContext;
import com.alipay.remoting.rpc.RpcServer;
import com.alipay.remoting.rpc.protocol.SyncUserProcessor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * SOFABolt's own server. Usage: BoltServer PORT (0: the kernel picks).
 *
 * <p>Calls with a header map name their operation in sofa_head_method_name: echo, sleep (header "ms"),
 * fail, headers (answers what it decoded), unserializable. Plain String and byte[] requests are echoed
 * with Bolt's own Hessian. Commands: {"cmd":"stats"}, {"cmd":"reset"} and {"cmd":"wait",
 * "method":name, "count":n}, which answers when so many calls of that method have come.
 */
public final class BoltServer {
    static final String METHOD = "sofa_head_method_name";

    private static final long PATIENCE_NS = 10_000_000_000L;
    private static final AtomicInteger CALLS = new AtomicInteger();
    private static final Map<String, Integer> METHODS = new TreeMap<>();
    private static final Map<String, Boolean> CONNECTIONS = new ConcurrentHashMap<>();

    private BoltServer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        BoltHeaders.register();
        RpcServer server = new RpcServer("127.0.0.1", Integer.parseInt(args[0]));
        server.registerUserProcessor(new Calls());
        server.registerUserProcessor(new Echo<>(String.class));
        server.registerUserProcessor(new Echo<>(byte[].class));
        server.startup();
        Lines.ready(server.port());
        Lines.serve(Map.of("stats", a -> stats(), "reset", a -> reset(),
                "wait", a -> await(a.getString("method"), a.getIntValue("count"))));
    }

    private static Map<String, Object> stats() {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("ok", true);
        result.put("calls", CALLS.get());
        result.put("connections", CONNECTIONS.size());
        synchronized (METHODS) {
            result.put("methods", new TreeMap<>(METHODS));
        }
        return result;
    }

    private static Map<String, Object> reset() {
        CALLS.set(0);
        CONNECTIONS.clear();
        synchronized (METHODS) {
            METHODS.clear();
        }
        return Lines.success("reset", true);
    }

    private static void count(BizContext context, String method) {
        CALLS.incrementAndGet();
        CONNECTIONS.put(context.getRemoteAddress() + ":" + context.getRemotePort(), true);
        synchronized (METHODS) {
            METHODS.merge(method, 1, Integer::sum);
            METHODS.notifyAll();
        }
    }

    private static Map<String, Object> await(String method, int count) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_NS;
        synchronized (METHODS) {
            while (METHODS.getOrDefault(method, 0) < count) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new IllegalStateException("only these calls came: " + METHODS);
                }
                METHODS.wait(left);
            }
            return Lines.success("count", METHODS.get(method));
        }
    }

    /** Requests that carry a header map. */
    private static final class Calls extends SyncUserProcessor<BoltCall> {
        @Override
        public Object handleRequest(BizContext context, BoltCall call) throws Exception {
            String method = String.valueOf(call.headers.get(METHOD));
            count(context, method);
            switch (method) {
                case "sleep":
                    Thread.sleep(Long.parseLong(call.headers.get("ms")));
                    return new BoltReply(Map.of("slept", call.headers.get("ms")), call.content);
                case "fail":
                    throw new IllegalStateException(new String(call.content));
                case "headers":
                    return new BoltReply(call.headers, call.content);
                case "unserializable":
                    return new Object();
                default:
                    return new BoltReply(Map.of("echoed", method), call.content);
            }
        }

        @Override
        public String interest() {
            return BoltCall.class.getName();
        }
    }

    /** Requests of one class, answered with themselves through Bolt's default Hessian. */
    private static final class Echo<T> extends SyncUserProcessor<T> {
        private final Class<T> type;

        Echo(Class<T> type) {
            this.type = type;
        }

        @Override
        public Object handleRequest(BizContext context, T request) {
            count(context, type.getSimpleName());
            if ("throw".equals(request)) {
                throw new IllegalStateException("asked to throw");
            }
            return "unserializable".equals(request) ? new Object() : request;
        }

        @Override
        public String interest() {
            return type.getName();
        }
    }
}
