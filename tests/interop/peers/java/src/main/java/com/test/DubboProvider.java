package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Apache Dubbo's own provider. Usage: DubboProvider PORT (0: a free one is picked).
 *
 * <p>It serves EchoService without a version, as 1.0.0, as 2.0.0 and as 1.0.0 in group "blue", and
 * OtherService as 1.0.0. The property peer.protocol is "dubbo", or "tri" for Triple, which serves StreamService too.
 * The property peer.heartbeat is its heartbeat interval in ms, peer.threads gives it that many threads and no queue; those of TLS are in {@link DubboTls}. Commands:
 * {"cmd":"stats"}, {"cmd":"reset"}, {"cmd":"wait", "method":"tell"|"any",
 * "count":n} (until so many oneway calls, or calls of any kind, came), {"cmd":"drain"} (Dubbo's graceful shutdown: READONLY, then close).
 */
public final class DubboProvider {
    /** 127.0.0.1 as a number, because the usual form is one that Dubbo replaces: a server by all addresses, a client by its own host. */
    static final String LOOPBACK = "2130706433";
    static final String PROTOCOL = System.getProperty("peer.protocol", "dubbo");

    private DubboProvider() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        int port = Integer.parseInt(args[0]) == 0 ? free() : Integer.parseInt(args[0]);
        ProtocolConfig protocol = new ProtocolConfig(PROTOCOL, port);
        protocol.setHost(LOOPBACK);
        protocol.setSerialization("hessian2");
        protocol.setPreferSerialization("hessian2");
        protocol.setParameters(new LinkedHashMap<>(Map.of("heartbeat", System.getProperty("peer.heartbeat", "60000"))));
        String threads = System.getProperty("peer.threads");
        if (threads != null) {
            protocol.setThreadpool("fixed");
            protocol.setThreads(Integer.parseInt(threads));
            protocol.setQueues(0);
        }
        List<ServiceConfig<?>> services = new ArrayList<>();
        services.add(echo(EchoService.class, null, null, protocol));
        services.add(echo(EchoService.class, "1.0.0", null, protocol));
        services.add(echo(EchoService.class, "2.0.0", null, protocol));
        services.add(echo(EchoService.class, "1.0.0", "blue", protocol));
        services.add(echo(OtherService.class, "1.0.0", null, protocol));
        if (PROTOCOL.equals("tri")) {
            services.add(service(StreamService.class, new StreamEcho(), "1.0.0", null, protocol));
        }
        DubboBootstrap bootstrap = DubboBootstrap.getInstance();
        bootstrap.application(application("peer-provider")).registry(new RegistryConfig("N/A")).protocol(protocol);
        DubboTls.apply(bootstrap);
        services.forEach(bootstrap::service);
        bootstrap.start();
        Lines.ready(port);
        Lines.serve(Map.of("stats", a -> stats(), "reset", a -> reset(),
                "wait", DubboProvider::await, "drain", a -> {
            bootstrap.stop();
            return Lines.success("drained", true);
        }));
    }

    /** An application that opens no other port and reports nothing anywhere. */
    static ApplicationConfig application(String name) {
        ApplicationConfig application = new ApplicationConfig(name);
        application.setQosEnable(false);
        application.setEnableFileCache(false);
        application.setLogger("slf4j");
        application.setShutwait("1000");
        return application;
    }

    private static <T> ServiceConfig<T> echo(Class<T> type, String version, String group, ProtocolConfig protocol) {
        String key = (group == null ? "" : group + "/") + type.getName() + (version == null ? "" : ":" + version);
        return service(type, type.cast(new Echo(key)), version, group, protocol);
    }

    private static <T> ServiceConfig<T> service(Class<T> type, T implementation, String version, String group,
            ProtocolConfig protocol) {
        ServiceConfig<T> service = new ServiceConfig<>();
        service.setInterface(type);
        service.setRef(implementation);
        service.setVersion(version);
        service.setGroup(group);
        service.setProtocol(protocol);
        service.setScope("remote");
        service.setTimeout(60_000);
        return service;
    }

    private static int free() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(LOOPBACK))) {
            return socket.getLocalPort();
        }
    }

    private static Map<String, Object> await(JSONObject a) throws InterruptedException {
        boolean oneways = "tell".equals(a.getString("method"));
        return Lines.success("count", Echo.await(oneways ? Echo.TOLD : Echo.CALLS, a.getIntValue("count")));
    }

    private static Map<String, Object> stats() {
        Map<String, Object> result = Lines.success("calls", Echo.CALLS.get());
        result.put("told", Echo.TOLD.get());
        result.put("connections", Echo.CONNECTIONS.size());
        result.put("services", new TreeMap<>(Echo.SERVICES));
        return result;
    }

    private static Map<String, Object> reset() {
        Echo.reset();
        return Lines.success("reset", true);
    }
}
