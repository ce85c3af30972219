package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.common.stream.StreamObserver;

/** Turns a command into one call of {@link StreamService}: {"method":"split"|"join"|"chat", "text":words}. */
final class StreamCalls {
    private static final long PATIENCE_S = 20;

    private StreamCalls() {
    }

    /** What comes back: the words. */
    static List<String> expected(JSONObject a) {
        return a.getString("method").equals("join") ? List.of(a.getString("text")) : words(a);
    }

    private static List<String> words(JSONObject a) {
        return Arrays.asList(a.getString("text").split(" "));
    }

    static List<String> call(StreamService service, JSONObject a) throws Exception {
        BlockingQueue<String> came = new LinkedBlockingQueue<>();
        Words answers = new Words(came::add, () -> { });
        List<String> got = new ArrayList<>();
        switch (a.getString("method")) {
            case "split":
                service.split(a.getString("text"), answers);
                break;
            case "join":
                StreamObserver<String> sent = service.join(answers);
                words(a).forEach(sent::onNext);
                sent.onCompleted();
                break;
            case "chat":
                StreamObserver<String> said = service.chat(answers);
                for (String word : words(a)) {
                    said.onNext(word);
                    String back = word.equals("fail") ? null : came.poll(PATIENCE_S, TimeUnit.SECONDS);
                    got.add(back);
                }
                if (!words(a).contains("fail")) {
                    said.onCompleted();
                }
                break;
            default:
                throw new IllegalArgumentException(a.getString("method"));
        }
        answers.await();
        got.addAll(came);
        return got;
    }
}
