package com.test;

import java.io.Serializable;
import java.util.Map;

/** The answer to a {@link BoltCall}. */
public final class BoltReply implements Serializable {
    private static final long serialVersionUID = 1L;

    transient Map<String, String> headers;
    transient byte[] content;

    public BoltReply() {
    }

    BoltReply(Map<String, String> headers, byte[] content) {
        this.headers = headers;
        this.content = content;
    }
}
