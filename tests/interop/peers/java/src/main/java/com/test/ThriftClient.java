package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.TServiceClient;
import org.apache.thrift.protocol.TMultiplexedProtocol;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import org.apache.thrift.transport.layered.TFramedTransport;

/** Apache Thrift's own client, which checks each answer's id; commands are those of the Python peers (thrift_forms.py). */
public final class ThriftClient extends TServiceClient {
    private static final int TIMEOUT_MS = 30_000;
    private static final Map<String, ThriftClient> OPEN = new ConcurrentHashMap<>();

    private final String prefix;

    private ThriftClient(TProtocol in, TProtocol out, String prefix) {
        super(in, out);
        this.prefix = prefix;
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(Map.of("call", ThriftClient::call, "together", ThriftClient::together));
    }

    private static Object together(JSONObject a) throws Exception {
        List<Callable<Object>> calls = new ArrayList<>();
        for (Object each : a.getJSONArray("calls")) {
            calls.add(() -> call((JSONObject) each));
        }
        return Lines.success("results", all(calls));
    }

    private static <T> List<T> all(List<Callable<T>> calls) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(calls.size());
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> each : pool.invokeAll(calls)) {
                results.add(each.get());
            }
            return results;
        } finally {
            pool.shutdown();
        }
    }

    private static Map<String, Object> call(JSONObject a) throws Exception {
        int count = a.getIntValue("count", 1);
        if (count == 1) {
            return one(a, a.getString("client"), values(a));
        }
        int threads = a.getIntValue("threads", 1);
        List<Callable<Map<String, Integer>>> parts = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            int thread = i;
            parts.add(() -> many(a, thread, threads));
        }
        Map<String, Integer> faults = new TreeMap<>();
        for (Map<String, Integer> part : all(parts)) {
            part.forEach((what, times) -> faults.merge(what, times, Integer::sum));
        }
        Integer right = faults.remove("right");
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("ok", right != null && right == count);
        result.put("right", right);
        result.put("faults", faults);
        return result;
    }

    private static Map<String, Integer> many(JSONObject a, int thread, int threads) {
        Map<String, Integer> faults = new TreeMap<>();
        for (int i = thread; i < a.getIntValue("count"); i += threads) {
            String text = a.getString("text") + "-" + i;
            Map<String, Object> result = one(a, a.getString("client") + "#" + thread, ThriftValues.of(1, text));
            faults.merge(text.equals(result.get("value")) ? "right" : result.toString(), 1, Integer::sum);
        }
        return faults;
    }

    private static Map<String, Object> one(JSONObject a, String name, ThriftValues asked) {
        String key = String.join("|", a.getString("target"), a.getString("form"), a.getString("service"),
                String.valueOf(a.getBooleanValue("multiplexed")), name);
        ThriftClient client = null;
        try {
            client = OPEN.get(key);
            if (client == null) {
                client = connect(a);
                OPEN.put(key, client);
            }
            return client.answer(a.getString("method"), asked);
        } catch (TApplicationException e) {
            Map<String, Object> told = Lines.failure(e);
            told.put("type", e.getType());
            return told;
        } catch (Exception e) {
            if (client != null) {
                client.getInputProtocol().getTransport().close();
                OPEN.remove(key);
            }
            return Lines.failure(e);
        }
    }

    private static ThriftClient connect(JSONObject a) throws TException {
        String[] target = a.getString("target").split(":");
        String form = a.getString("form");
        TTransport transport = new TSocket(target[0], Integer.parseInt(target[1]), TIMEOUT_MS);
        if (ThriftForms.framed(form)) {
            transport = new TFramedTransport(transport);
        }
        transport.open();
        TProtocol in = ThriftForms.protocol(form).getProtocol(transport);
        if (a.getBooleanValue("multiplexed")) {
            return new ThriftClient(in, new TMultiplexedProtocol(in, a.getString("service")), "");
        }
        return new ThriftClient(in, in, a.getString("service") + "__");
    }

    private Map<String, Object> answer(String method, ThriftValues asked) throws TException {
        if (method.equals("note")) {
            sendBaseOneway(prefix + method, asked);
            return Lines.success("value", null);
        }
        sendBase(prefix + method, asked);
        ThriftValues result = new ThriftValues();
        receiveBase(result, prefix + method);
        if (result.get(1) instanceof ThriftValues refused) {
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("ok", false);
            told.put("error", "Refused");
            told.put("why", refused.get(1));
            told.put("code", refused.get(2));
            return told;
        }
        if (result.get(0) instanceof String text && text.length() > 1000) {
            return Lines.success("length", text.length());
        }
        return Lines.success("value", result.get(0));
    }

    private static ThriftValues values(JSONObject a) {
        switch (a.getString("method")) {
            case "add":
                return ThriftValues.of(1, a.getIntValue("a"), 2, a.getIntValue("b"));
            case "slow":
                return ThriftValues.of(1, a.getIntValue("ms"));
            case "big":
                return ThriftValues.of(1, a.getIntValue("n"));
            case "fail":
                return new ThriftValues();
            default:
                return ThriftValues.of(1, a.getString("text"));
        }
    }
}
