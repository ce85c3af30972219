package com.test;

/** The declared exception of {@link EchoService}. */
public class EchoException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int code;

    public EchoException(String message, int code) {
        super(message);
        this.code = code;
    }

    public int getCode() {
        return code;
    }
}
