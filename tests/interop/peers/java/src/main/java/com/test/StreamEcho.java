package com.test;

import java.util.ArrayList;
import java.util.List;
import org.apache.dubbo.common.stream.StreamObserver;

/** The provider's implementation. */
final class StreamEcho implements StreamService {
    @Override
    public void split(String text, StreamObserver<String> answers) {
        for (String word : text.split(" ")) {
            answers.onNext(word);
        }
        answers.onCompleted();
    }

    @Override
    public StreamObserver<String> join(StreamObserver<String> answers) {
        List<String> words = new ArrayList<>();
        return new Words(words::add, () -> {
            answers.onNext(String.join(" ", words));
            answers.onCompleted();
        });
    }

    @Override
    public StreamObserver<String> chat(StreamObserver<String> answers) {
        return new Words(word -> {
            if (word.equals("fail")) {
                answers.onError(new IllegalStateException("told to fail"));
            } else {
                answers.onNext(word);
            }
        }, answers::onCompleted);
    }
}
