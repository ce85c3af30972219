package com.test;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.dubbo.common.stream.StreamObserver;

/** One side of a stream: what is done with each word and at the end, and whether the end has come. */
final class Words implements StreamObserver<String> {
    private static final long PATIENCE_S = 20;

    private final Consumer<String> each;
    private final Runnable end;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    Words(Consumer<String> each, Runnable end) {
        this.each = each;
        this.end = end;
    }

    /** Waits for the end; throws what the stream failed with. */
    void await() throws Exception {
        ended.get(PATIENCE_S, TimeUnit.SECONDS);
    }

    @Override
    public void onNext(String word) {
        each.accept(word);
    }

    @Override
    public void onError(Throwable failure) {
        ended.completeExceptionally(failure);
    }

    @Override
    public void onCompleted() {
        end.run();
        ended.complete(null);
    }
}
