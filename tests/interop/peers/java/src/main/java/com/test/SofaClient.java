package com.test;

import com.alibaba.fastjson2.JSONObject;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.config.MethodConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/**
 * SOFARPC's own client over Bolt, driven by commands on standard input.
 *
 * <p>{"cmd":"call", "target":"host:port", "client":name, "method":name, "text":s | "size":n | "ms":n,
 * "timeout":ms, "headers":{} (SOFARPC's custom headers), "count":n, "threads":n, "clients":n}. The method
 * tell is called oneway. Clients of one address share a connection, as is SOFARPC's way.
 */
public final class SofaClient {
    private static final Map<String, SofaService> SERVICES = new ConcurrentHashMap<>();

    private SofaClient() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(Map.of("call", SofaClient::call));
    }

    private static Object call(JSONObject a) throws Throwable {
        int count = a.getIntValue("count", 1);
        if (count == 1) {
            return one(a, a.getString("client"), 0);
        }
        int clients = a.getIntValue("clients", 1);
        return Burst.run(count, a.getIntValue("threads", 8), i -> Boolean.TRUE.equals(
                one(a, a.getString("client") + "#" + i % clients, i).get("same")));
    }

    private static SofaService service(JSONObject a, String name) {
        return SERVICES.computeIfAbsent(name + "|" + a.getString("target"), k -> {
            ConsumerConfig<SofaService> consumer = new ConsumerConfig<>();
            consumer.setInterfaceId(SofaService.class.getName()).setProtocol("bolt").setTimeout(5000).setRetries(0);
            consumer.setDirectUrl("bolt://" + a.getString("target")).setFilter(List.of("-*"));
            consumer.setRepeatedReferLimit(-1);
            consumer.setMethods(List.of(new MethodConfig().setName("tell").setInvokeType("oneway")));
            return consumer.refer();
        });
    }

    private static Map<String, Object> one(JSONObject a, String name, int index) throws Throwable {
        SofaService service = service(a, name);
        RpcInvokeContext context = RpcInvokeContext.getContext();
        context.setTimeout(a.getIntValue("timeout", 5000));
        JSONObject headers = a.getJSONObject("headers");
        if (headers != null) {
            headers.forEach((k, v) -> context.addCustomHeader(k, v.toString()));
        }
        String text = a.getString("text");
        String suffix = a.getIntValue("count", 1) == 1 ? "" : "-" + index;
        Object sent = text + suffix;
        Object got;
        try {
            switch (a.getString("method")) {
                case "echoBytes":
                    sent = bytes(a.getIntValue("size"), index);
                    got = service.echoBytes((byte[]) sent);
                    break;
                case "sleep":
                    got = service.sleep(a.getLongValue("ms"));
                    sent = "slept " + a.getLongValue("ms");
                    break;
                case "fail":
                    got = service.fail(text);
                    break;
                case "tell":
                    service.tell(text);
                    return Lines.success("same", true);
                default:
                    got = service.echo((String) sent);
            }
        } finally {
            RpcInvokeContext.removeContext();
        }
        Map<String, Object> result = Lines.success("same", Objects.deepEquals(sent, got));
        result.put("length", got instanceof byte[] array ? array.length : String.valueOf(got).length());
        if (got instanceof String) {
            result.put("value", got);
        }
        return result;
    }

    private static byte[] bytes(int size, int index) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 10) + index);
        }
        return bytes;
    }
}
