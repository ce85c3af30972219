package com.test;

import com.alibaba.fastjson2.JSONObject;
import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import com.alipay.sofa.rpc.context.RpcInternalContext;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * SOFARPC's own server over Bolt, with {@link SofaService} 1.0. Usage: SofaServer PORT (0: a free one is picked).
 *
 * <p>Commands: {"cmd":"stats"}, {"cmd":"reset"}, {"cmd":"wait", "method":name, "count":n}.
 *
 * <p>Its own filters are off: the one that traces needs a library that is left out.
 */
public final class SofaServer implements SofaService {
    private static final long PATIENCE_NS = 10_000_000_000L;
    private static final Map<String, Integer> METHODS = new TreeMap<>();
    private static final Map<String, Boolean> CONNECTIONS = new ConcurrentHashMap<>();

    private SofaServer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        int port = Integer.parseInt(args[0]) == 0 ? free() : Integer.parseInt(args[0]);
        ServerConfig server = new ServerConfig().setProtocol("bolt").setHost("127.0.0.1").setBoundHost("127.0.0.1");
        server.setPort(port).setAdaptivePort(false).setDaemon(true);
        new ProviderConfig<SofaService>().setInterfaceId(SofaService.class.getName()).setRef(new SofaServer())
                .setServer(server).setRegister(false).setFilter(List.of("-*")).export();
        Lines.ready(port);
        Lines.serve(Map.of("stats", a -> stats(), "reset", a -> reset(), "wait", SofaServer::await));
    }

    private static int free() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static <T> T count(String method, T result) {
        CONNECTIONS.put(String.valueOf(RpcInternalContext.getContext().getRemoteAddress()), true);
        synchronized (METHODS) {
            METHODS.merge(method, 1, Integer::sum);
            METHODS.notifyAll();
        }
        return result;
    }

    private static Map<String, Object> await(JSONObject a) throws InterruptedException {
        String method = a.getString("method");
        int count = a.getIntValue("count");
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

    private static Map<String, Object> stats() {
        synchronized (METHODS) {
            Map<String, Object> result = Lines.success("methods", new TreeMap<>(METHODS));
            result.put("calls", METHODS.values().stream().mapToInt(Integer::intValue).sum());
            result.put("connections", CONNECTIONS.size());
            return result;
        }
    }

    private static Map<String, Object> reset() {
        synchronized (METHODS) {
            METHODS.clear();
            CONNECTIONS.clear();
        }
        return Lines.success("reset", true);
    }

    @Override
    public String echo(String text) {
        return count("echo", text);
    }

    @Override
    public byte[] echoBytes(byte[] bytes) {
        return count("echoBytes", bytes);
    }

    @Override
    public String sleep(Long ms) {
        count("sleep", ms);
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "slept " + ms;
    }

    @Override
    public String fail(String text) throws EchoException {
        count("fail", text);
        throw new EchoException(text, 7);
    }

    @Override
    public String tell(String text) {
        return count("tell", text);
    }
}
