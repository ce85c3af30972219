package com.test;

import com.alibaba.fastjson2.JSONObject;
import com.alipay.remoting.InvokeCallback;
import com.alipay.remoting.InvokeContext;
import com.alipay.remoting.rpc.RpcClient;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * SOFABolt's own client, driven by commands on standard input.
 *
 * <p>{"cmd":"call", "target":"host:port", "client":name, "version":1|2, "crc":bool, "mode":sync|future|
 * callback|oneway, "type":call|string|bytes, "headers":{}, "text":s | "size":n, "timeout":ms,
 * "count":n, "threads":n}. Each client name has its own connection for each protocol version. The
 * heartbeat interval is the library's own property bolt.tcp.heartbeat.interval.
 */
public final class BoltClient {
    private static final Map<String, RpcClient> CLIENTS = new ConcurrentHashMap<>();

    private BoltClient() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        BoltHeaders.register();
        Lines.ready(0);
        Lines.serve(Map.of("call", BoltClient::call, "close", BoltClient::close));
    }

    private static Object close(JSONObject a) {
        String name = a.getString("client");
        CLIENTS.entrySet().removeIf(e -> {
            boolean ours = name == null || e.getKey().startsWith(name + "|");
            if (ours) {
                e.getValue().shutdown();
            }
            return ours;
        });
        return Lines.success("clients", CLIENTS.size());
    }

    private static Object call(JSONObject a) throws Throwable {
        int count = a.getIntValue("count", 1);
        if (count == 1) {
            return one(a, client(a, a.getString("client")), 0);
        }
        int clients = a.getIntValue("clients", 1);
        return Burst.run(count, a.getIntValue("threads", 8), i -> {
            RpcClient client = client(a, a.getString("client") + "#" + i % clients);
            return Boolean.TRUE.equals(one(a, client, i).get("same"));
        });
    }

    private static RpcClient client(JSONObject a, String name) {
        String key = name + "|" + a.getString("target") + "|" + a.getIntValue("version", 1)
                + a.getBooleanValue("crc", false);
        return CLIENTS.computeIfAbsent(key, k -> {
            RpcClient client = new RpcClient();
            client.startup();
            return client;
        });
    }

    private static Object request(JSONObject a, byte[] content) {
        switch (a.getString("type") == null ? "call" : a.getString("type")) {
            case "string":
                return new String(content, StandardCharsets.UTF_8);
            case "bytes":
                return content;
            case "unknown":
                return new java.util.Date(0);
            default:
                Map<String, String> headers = new LinkedHashMap<>();
                JSONObject given = a.getJSONObject("headers");
                if (given != null) {
                    given.forEach((k, v) -> headers.put(k, v == null ? null : v.toString()));
                }
                return new BoltCall(headers, content);
        }
    }

    private static byte[] content(JSONObject a, int index) {
        if (a.getString("text") != null) {
            String suffix = a.getIntValue("count", 1) == 1 ? "" : "-" + index;
            return (a.getString("text") + suffix).getBytes(StandardCharsets.UTF_8);
        }
        byte[] bytes = new byte[a.getIntValue("size", 0)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 10) + index);
        }
        return bytes;
    }

    private static Map<String, Object> one(JSONObject a, RpcClient client, int index) throws Throwable {
        byte[] content = content(a, index);
        Object request = request(a, content);
        int version = a.getIntValue("version", 1);
        boolean crc = a.getBooleanValue("crc", false);
        String address = a.getString("target") + "?_PROTOCOL=" + version + "&_VERSION=" + (crc ? 2 : 1);
        InvokeContext context = new InvokeContext();
        context.put(InvokeContext.BOLT_CRC_SWITCH, crc);
        int timeout = a.getIntValue("timeout", 5000);
        Object answer;
        switch (a.getString("mode") == null ? "sync" : a.getString("mode")) {
            case "oneway":
                client.oneway(address, request, context);
                return Lines.success("same", true);
            case "future":
                answer = client.invokeWithFuture(address, request, context, timeout).get(timeout);
                break;
            case "callback":
                answer = callback(client, address, request, context, timeout);
                break;
            default:
                answer = client.invokeSync(address, request, context, timeout);
        }
        return describe(answer, content);
    }

    private static Object callback(RpcClient client, String address, Object request, InvokeContext context,
            int timeout) throws Throwable {
        CompletableFuture<Object> future = new CompletableFuture<>();
        client.invokeWithCallback(address, request, context, new InvokeCallback() {
            @Override
            public void onResponse(Object result) {
                future.complete(result);
            }

            @Override
            public void onException(Throwable e) {
                future.completeExceptionally(e);
            }

            @Override
            public Executor getExecutor() {
                return null;
            }
        }, timeout);
        try {
            return future.get(timeout + 5000L, TimeUnit.MILLISECONDS);
        } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause();
        }
    }

    private static Map<String, Object> describe(Object answer, byte[] sent) {
        byte[] got;
        Map<String, Object> result = Lines.success("class", answer == null ? null : answer.getClass().getName());
        if (answer instanceof BoltReply reply) {
            got = reply.content;
            result.put("headers", reply.headers);
        } else if (answer instanceof byte[] bytes) {
            got = bytes;
        } else {
            got = String.valueOf(answer).getBytes(StandardCharsets.UTF_8);
        }
        result.put("same", Arrays.equals(sent, got));
        result.put("length", got.length);
        if (got.length < 200) {
            result.put("text", new String(got, StandardCharsets.UTF_8));
        }
        return result;
    }
}
