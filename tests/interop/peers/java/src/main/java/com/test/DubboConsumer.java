package com.test;

import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONObject;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.service.GenericService;

/**
 * Apache Dubbo's own consumer, driven by commands on standard input.
 *
 * <p>{"cmd":"call", "target":"host:port", "client":name, "interface":s, "version":s, "group":s,
 * "generic":bool, "method":name, "text":s | "size":n | ..., "attachments":{}, "timeout":ms, "count":n,
 * "threads":n, "clients":n}. Each client name has a connection of its own. The property peer.protocol is "dubbo", or "tri"
 * for Triple; peer.heartbeat is the heartbeat interval in ms; those of TLS are in {@link DubboTls}.
 */
public final class DubboConsumer {
    private static final Map<String, ReferenceConfig<?>> REFERENCES = new ConcurrentHashMap<>();

    private DubboConsumer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        ApplicationConfig application = DubboProvider.application("peer-consumer");
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(application);
        DubboTls.apply(bootstrap);
        bootstrap.start();
        Lines.ready(0);
        Lines.serve(Map.of("call", DubboConsumer::call, "close", DubboConsumer::close));
    }

    private static Object close(JSONObject a) {
        REFERENCES.entrySet().removeIf(e -> {
            boolean ours = e.getKey().startsWith(a.getString("client") + "|");
            if (ours) {
                e.getValue().destroy();
            }
            return ours;
        });
        return Lines.success("references", REFERENCES.size());
    }

    private static Object call(JSONObject a) throws Throwable {
        try {
            return calls(a);
        } catch (RpcException e) {
            Map<String, Object> failure = Lines.failure(e);
            failure.put("code", e.getCode());
            return failure;
        }
    }

    private static Object calls(JSONObject a) throws Throwable {
        int count = a.getIntValue("count", 1);
        if (count == 1) {
            return one(a, reference(a, a.getString("client")), 0);
        }
        int clients = a.getIntValue("clients", 1);
        return Burst.run(count, a.getIntValue("threads", 8), i -> {
            Object service = reference(a, a.getString("client") + "#" + i % clients);
            return Boolean.TRUE.equals(one(a, service, i).get("same"));
        });
    }

    private static Object reference(JSONObject a, String name) {
        String key = String.join("|", name, a.getString("target"), a.getString("interface"), a.getString("version"),
                a.getString("group"), a.getString("generic"), a.getString("timeout"));
        return REFERENCES.computeIfAbsent(key, k -> configure(a)).get();
    }

    private static ReferenceConfig<Object> configure(JSONObject a) {
        ReferenceConfig<Object> reference = new ReferenceConfig<>();
        String type = a.getString("interface") == null ? EchoService.class.getName() : a.getString("interface");
        reference.setInterface(type);
        String target = a.getString("target").replace("127.0.0.1:", DubboProvider.LOOPBACK + ":");
        reference.setUrl(DubboProvider.PROTOCOL + "://" + target + "/" + type + "?serialization=hessian2&prefer.serialization="
                + "hessian2&heartbeat=" + System.getProperty("peer.heartbeat", "60000"));
        reference.setVersion(a.getString("version"));
        reference.setGroup(a.getString("group"));
        reference.setTimeout(a.getIntValue("timeout", 5000));
        reference.setRetries(0);
        reference.setCheck(false);
        reference.setConnections(1);
        if (a.getBooleanValue("generic", false)) {
            reference.setGeneric("true");
        }
        MethodConfig tell = new MethodConfig();
        tell.setName("tell");
        tell.setReturn(false);
        tell.setSent(false);
        if (!a.getBooleanValue("generic", false) && type.equals(EchoService.class.getName())) {
            reference.setMethods(java.util.List.of(tell));
        }
        return reference;
    }

    private static Map<String, Object> one(JSONObject a, Object service, int index) throws Throwable {
        JSONObject attachments = a.getJSONObject("attachments");
        if (attachments != null) {
            attachments.forEach((k, v) -> RpcContext.getClientAttachment().setAttachment(k, v));
        }
        Object sent;
        Object got;
        if (service instanceof GenericService generic) {
            sent = null;
            got = DubboCalls.generic(generic, a);
        } else if (service instanceof StreamService streams) {
            sent = StreamCalls.expected(a);
            got = StreamCalls.call(streams, a);
        } else if (service instanceof OtherService other) {
            sent = a.getString("text");
            got = "whoami".equals(a.getString("method")) ? other.whoami() : other.echo((String) sent);
        } else {
            DubboCalls calls = new DubboCalls(a, index);
            got = calls.invoke((EchoService) service);
            sent = calls.expected();
        }
        return describe(sent, got);
    }

    private static Map<String, Object> describe(Object sent, Object got) {
        Map<String, Object> result = new LinkedHashMap<>(Lines.success("same", DubboCalls.equal(sent, got)));
        boolean mayBeCyclic = got instanceof Person || got instanceof Person[]
                || got instanceof Map<?, ?> map && map.containsKey("self");
        String text = mayBeCyclic ? "cyclic" : JSON.toJSONString(got);
        result.put("class", got == null ? null : got.getClass().getName());
        result.put("length", got instanceof byte[] bytes ? bytes.length : text.length());
        if (text.length() < 2000) {
            result.put("value", mayBeCyclic ? text : got);
        }
        return result;
    }
}
