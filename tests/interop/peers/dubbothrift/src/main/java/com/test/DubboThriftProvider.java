package com.test;

import com.alibaba.dubbo.common.URL;
import com.alibaba.dubbo.common.extension.ExtensionLoader;
import com.alibaba.dubbo.rpc.Protocol;
import com.alibaba.dubbo.rpc.ProxyFactory;
import com.alibaba.dubbo.rpc.RpcContext;
import com.alibaba.fastjson2.JSONObject;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Dubbo's own provider of its "thrift" protocol, on a free port of 127.0.0.1.
 *
 * <p>Commands: {"cmd":"stats"}, {"cmd":"reset"}, {"cmd":"wait", "method":name, "count":n} (until so many calls of
 * the method came).
 */
public final class DubboThriftProvider implements ThriftEcho.Iface {
    /** 127.0.0.1 as a number, because Dubbo replaces the usual form: a server by all addresses, a client by its own host. */
    static final String LOOPBACK = "2130706433";
    private static final long PATIENCE_MS = 20_000;

    private final Map<String, Integer> calls = new TreeMap<>();
    private final Set<String> connections = new HashSet<>();

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        int port = free();
        String service = ThriftEcho.Iface.class.getName();
        URL url = new URL("thrift", LOOPBACK, port, service).addParameters("interface", service, "server", "netty4",
                "threadpool", "cached");
        DubboThriftProvider provider = new DubboThriftProvider();
        ProxyFactory proxies = ExtensionLoader.getExtensionLoader(ProxyFactory.class).getExtension("jdk");
        ExtensionLoader.getExtensionLoader(Protocol.class).getExtension("thrift")
                .export(proxies.getInvoker(provider, ThriftEcho.Iface.class, url));
        Lines.ready(port);
        Lines.serve(Map.of("stats", a -> provider.stats(), "reset", a -> provider.reset(), "wait", provider::await));
    }

    private static int free() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(LOOPBACK))) {
            return socket.getLocalPort();
        }
    }

    @Override
    public String echo(String text) {
        came("echo");
        return text;
    }

    @Override
    public int add(int a, int b) {
        came("add");
        return a + b;
    }

    @Override
    public String fail(String why) throws Refused {
        came("fail");
        throw new Refused(why, 7);
    }

    @Override
    public int slow(int ms) {
        came("slow");
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return ms;
    }

    private synchronized void came(String method) {
        calls.merge(method, 1, Integer::sum);
        connections.add(String.valueOf(RpcContext.getContext().getRemoteAddress()));
        notifyAll();
    }

    private synchronized Object stats() {
        Map<String, Object> result = Lines.success("calls", new TreeMap<>(calls));
        result.put("connections", connections.size());
        return result;
    }

    private synchronized Object reset() {
        calls.clear();
        connections.clear();
        return Lines.success("reset", true);
    }

    private synchronized Object await(JSONObject a) throws InterruptedException {
        long end = System.currentTimeMillis() + PATIENCE_MS;
        String method = a.getString("method");
        while (calls.getOrDefault(method, 0) < a.getIntValue("count") && System.currentTimeMillis() < end) {
            wait(Math.max(1, end - System.currentTimeMillis()));
        }
        return Lines.success("count", calls.getOrDefault(method, 0));
    }
}
