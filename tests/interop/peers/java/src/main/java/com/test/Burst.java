package com.test;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Many calls at once: each must succeed and return what was sent; failures are counted by kind. */
final class Burst {
    /** One call of a burst; returns whether the answer was the right one. */
    interface Call {
        boolean run(int index) throws Throwable;
    }

    private static final long PATIENCE_S = 120;

    private Burst() {
    }

    static Map<String, Object> run(int count, int threads, Call call) throws InterruptedException {
        AtomicInteger right = new AtomicInteger();
        Map<String, Integer> faults = new TreeMap<>();
        CountDownLatch done = new CountDownLatch(count);
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) {
            int index = i;
            pool.execute(() -> {
                String fault = outcome(call, index);
                if (fault == null) {
                    right.incrementAndGet();
                } else {
                    synchronized (faults) {
                        faults.merge(fault, 1, Integer::sum);
                    }
                }
                done.countDown();
            });
        }
        boolean all = done.await(PATIENCE_S, TimeUnit.SECONDS);
        pool.shutdownNow();
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("ok", all && right.get() == count);
        result.put("right", right.get());
        result.put("faults", faults);
        result.put("ms", (System.nanoTime() - start) / 1_000_000);
        return result;
    }

    private static String outcome(Call call, int index) {
        try {
            return call.run(index) ? null : "wrong answer";
        } catch (Throwable e) {
            return e.getClass().getSimpleName() + ": " + e.getMessage();
        }
    }
}
