package com.test;

/** A second interface, to see which of two contradicting paths a provider follows. */
public interface OtherService {
    String whoami();

    String echo(String text);
}
