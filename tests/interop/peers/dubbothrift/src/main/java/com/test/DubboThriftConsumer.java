package com.test;

import com.alibaba.dubbo.common.URL;
import com.alibaba.dubbo.common.extension.ExtensionLoader;
import com.alibaba.dubbo.rpc.Protocol;
import com.alibaba.dubbo.rpc.ProxyFactory;
import com.alibaba.dubbo.rpc.RpcException;
import com.alibaba.fastjson2.JSONObject;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Dubbo's own consumer of its "thrift" protocol, driven by commands on standard input.
 *
 * <p>{"cmd":"call", "target":"host:port", "client":name, "method":"echo"|"add"|"fail"|"slow"|"mixed", "text":s,
 * "a":n, "b":n, "ms":n, "timeout":ms, "count":n, "threads":n}; "mixed" is a slow call and then three quick ones. Each client name has one connection of its own.
 */
public final class DubboThriftConsumer {
    private static final Map<String, ThriftEcho.Iface> SERVICES = new ConcurrentHashMap<>();

    private DubboThriftConsumer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(Map.of("call", DubboThriftConsumer::call));
    }

    private static Object call(JSONObject a) throws Throwable {
        try {
            ThriftEcho.Iface service = service(a);
            if (a.getIntValue("count", 1) == 1) {
                return Lines.success("value", invoke(service, a, 0));
            }
            return Burst.run(a.getIntValue("count"), a.getIntValue("threads", 8),
                    index -> expected(a, index).equals(invoke(service, a, index)));
        } catch (RpcException e) {
            Map<String, Object> failure = Lines.failure(e);
            failure.put("code", e.getCode());
            return failure;
        } catch (Refused e) {
            Map<String, Object> failure = Lines.failure(e);
            failure.put("code", e.code());
            return failure;
        }
    }

    private static ThriftEcho.Iface service(JSONObject a) {
        String key = String.join("|", a.getString("client"), a.getString("target"), a.getString("timeout"));
        return SERVICES.computeIfAbsent(key, k -> {
            String name = ThriftEcho.Iface.class.getName();
            String target = a.getString("target").replace("127.0.0.1:", DubboThriftProvider.LOOPBACK + ":");
            URL url = URL.valueOf("thrift://" + target + "/" + name).addParameters("interface", name,
                    "client", "netty4", "connections", "1", "timeout", String.valueOf(a.getIntValue("timeout", 10_000)));
            Protocol protocol = ExtensionLoader.getExtensionLoader(Protocol.class).getExtension("thrift");
            ProxyFactory proxies = ExtensionLoader.getExtensionLoader(ProxyFactory.class).getExtension("jdk");
            return proxies.getProxy(protocol.refer(ThriftEcho.Iface.class, url));
        });
    }

    /** One call; in a burst each call asks for something else, so that an answer to another call is seen. */
    private static Object invoke(ThriftEcho.Iface service, JSONObject a, int index) throws Refused {
        switch (a.getString("method")) {
            case "echo":
                return service.echo(a.getString("text") + (index == 0 ? "" : index));
            case "add":
                return service.add(a.getIntValue("a") + index, a.getIntValue("b"));
            case "fail":
                return service.fail(a.getString("text"));
            case "slow":
                return service.slow(a.getIntValue("ms") + index);
            case "mixed":
                return service.slow(milliseconds(a, index));
            default:
                throw new IllegalArgumentException(a.getString("method"));
        }
    }

    private static Object expected(JSONObject a, int index) {
        switch (a.getString("method")) {
            case "echo":
                return a.getString("text") + (index == 0 ? "" : index);
            case "add":
                return a.getIntValue("a") + index + a.getIntValue("b");
            case "mixed":
                return milliseconds(a, index);
            default:
                return a.getIntValue("ms") + index;
        }
    }

    private static int milliseconds(JSONObject a, int index) {
        return index % 4 == 0 ? a.getIntValue("ms") + index : index % 4;
    }
}
