package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.thrift.TApplicationException;

/** A Thrift client's connections by name, and the commands that use them, as the Python peers take them (thrift_forms.py). */
final class ThriftCalls {
    /** One connection of a library's own client. */
    interface Connection {
        /** Makes the call that the command says and returns its result; null after a oneway. */
        ThriftValues call(JSONObject command, ThriftValues asked) throws Exception;

        void close();
    }

    /** How a library opens a connection. */
    interface Connector {
        Connection connect(JSONObject command) throws Exception;
    }

    private final Connector connector;
    private final Map<String, Connection> open = new HashMap<>();

    private ThriftCalls(Connector connector) {
        this.connector = connector;
    }

    static Map<String, Lines.Command> commands(Connector connector) {
        ThriftCalls calls = new ThriftCalls(connector);
        return Map.of("call", calls::call, "together", calls::together);
    }

    private Object together(JSONObject a) throws Exception {
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

    private Map<String, Object> call(JSONObject a) throws Exception {
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

    private Map<String, Integer> many(JSONObject a, int thread, int threads) {
        Map<String, Integer> faults = new TreeMap<>();
        for (int i = thread; i < a.getIntValue("count"); i += threads) {
            String text = a.getString("text") + "-" + i;
            Map<String, Object> result = one(a, a.getString("client") + "#" + thread, ThriftValues.of(1, text));
            faults.merge(text.equals(result.get("value")) ? "right" : result.toString(), 1, Integer::sum);
        }
        return faults;
    }

    private Map<String, Object> one(JSONObject a, String name, ThriftValues asked) {
        String key = String.join("|", a.getString("target"), a.getString("form"), a.getString("service"),
                String.valueOf(a.getBooleanValue("multiplexed")), String.valueOf(a.get("upgrade")), name);
        Connection connection = null;
        try {
            connection = opened(key, a);
            return told(connection.call(a, asked));
        } catch (TApplicationException e) {
            Map<String, Object> told = Lines.failure(e);
            told.put("type", e.getType());
            return told;
        } catch (Exception e) {
            if (connection != null) {
                connection.close();
                synchronized (open) {
                    open.remove(key, connection);
                }
            }
            return Lines.failure(e);
        }
    }

    private Connection opened(String key, JSONObject a) throws Exception {
        synchronized (open) {
            Connection found = open.get(key);
            if (found == null) {
                found = connector.connect(a);
                open.put(key, found);
            }
            return found;
        }
    }

    private static Map<String, Object> told(ThriftValues result) {
        if (result == null) {
            return Lines.success("value", null);
        }
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
