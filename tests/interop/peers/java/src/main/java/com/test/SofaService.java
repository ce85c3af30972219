package com.test;

/** What the SOFARPC peers call: the methods of the Node peer, so that each can call the other's server. */
public interface SofaService {
    String echo(String text);

    byte[] echoBytes(byte[] bytes);

    String sleep(Long ms);

    String fail(String text) throws EchoException;

    String tell(String text);
}
