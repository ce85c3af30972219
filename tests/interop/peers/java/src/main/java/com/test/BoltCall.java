package com.test;

import java.io.Serializable;
import java.util.Map;

/** A Bolt request whose header map and content are written by {@link BoltHeaders}, as SOFARPC does it. */
public final class BoltCall implements Serializable {
    private static final long serialVersionUID = 1L;

    transient Map<String, String> headers;
    transient byte[] content;

    public BoltCall() {
    }

    BoltCall(Map<String, String> headers, byte[] content) {
        this.headers = headers;
        this.content = content;
    }
}
