package com.test;

import org.apache.dubbo.common.stream.StreamObserver;

/** The streaming kinds of Triple. */
public interface StreamService {
    /** Answers with the words of a text, one by one. */
    void split(String text, StreamObserver<String> answers);

    /** Answers once, when all came: with the words that it was sent, in one text. */
    StreamObserver<String> join(StreamObserver<String> answers);

    /** Sends every word back when it comes; fails at the word "fail". */
    StreamObserver<String> chat(StreamObserver<String> answers);
}
