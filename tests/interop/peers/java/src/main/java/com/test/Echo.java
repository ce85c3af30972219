package com.test;

import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.dubbo.rpc.RpcContext;

/** The provider's implementation; one instance for each version and group. */
final class Echo implements EchoService, OtherService {
    static final AtomicInteger CALLS = new AtomicInteger();
    static final AtomicInteger TOLD = new AtomicInteger();
    static final Map<String, Boolean> CONNECTIONS = new ConcurrentHashMap<>();
    static final Map<String, AtomicInteger> SERVICES = new ConcurrentHashMap<>();

    private static final long PATIENCE_NS = 10_000_000_000L;

    private final String key;

    Echo(String key) {
        this.key = key;
    }

    static void reset() {
        CALLS.set(0);
        TOLD.set(0);
        CONNECTIONS.clear();
        SERVICES.clear();
    }

    /** Waits until a counter has reached that number and returns it. */
    static int await(AtomicInteger counter, int count) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_NS;
        synchronized (counter) {
            while (counter.get() < count) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new IllegalStateException("only " + counter.get() + " calls came");
                }
                counter.wait(left);
            }
            return counter.get();
        }
    }

    private <T> T count(T result) {
        synchronized (CALLS) {
            CALLS.incrementAndGet();
            CALLS.notifyAll();
        }
        SERVICES.computeIfAbsent(key, k -> new AtomicInteger()).incrementAndGet();
        CONNECTIONS.put(RpcContext.getServiceContext().getRemoteAddressString(), true);
        return result;
    }

    @Override
    public String echo(String text) {
        return count(text);
    }

    @Override
    public byte[] echoBytes(byte[] bytes) {
        return count(bytes);
    }

    @Override
    public String sleep(long ms) {
        String result = count("slept " + ms);
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return result;
    }

    @Override
    public String fail(String message) throws EchoException {
        count(message);
        throw new EchoException(message, 7);
    }

    @Override
    public String failRuntime(String message) {
        count(message);
        throw new IllegalStateException(message);
    }

    @Override
    public int add(int a, int b) {
        return count(a + b);
    }

    @Override
    public Person person(Person person) {
        return count(person);
    }

    @Override
    public Object any(Object value) {
        return count(value);
    }

    @Override
    public List<Object> list(List<Object> values) {
        return count(values);
    }

    @Override
    public Map<String, Object> map(Map<String, Object> values) {
        return count(values);
    }

    @Override
    public String scalars(boolean t, byte b, short s, int i, long l, float f, double d, char c, Date date,
            String text) {
        return count(t + "," + b + "," + s + "," + i + "," + l + "," + f + "," + d + "," + c + ","
                + (date == null ? null : date.getTime()) + "," + text);
    }

    @Override
    public int[] ints(int[] values) {
        return count(values);
    }

    @Override
    public String[] strings(String[] values) {
        return count(values);
    }

    @Override
    public Person[] people(Person[] values) {
        return count(values);
    }

    @Override
    public void tell(String text) {
        count(text);
        synchronized (TOLD) {
            TOLD.incrementAndGet();
            TOLD.notifyAll();
        }
    }

    @Override
    public String nothing() {
        return count(null);
    }

    @Override
    public String whoami() {
        return count(key);
    }

    @Override
    public Map<String, String> attachments() {
        Map<String, String> seen = new TreeMap<>();
        RpcContext.getServerAttachment().getObjectAttachments().forEach((k, v) -> seen.put(k, String.valueOf(v)));
        return count(seen);
    }
}
