package com.test;

import java.util.Date;
import java.util.List;
import java.util.Map;

/** What the Dubbo peers call. */
public interface EchoService {
    String echo(String text);

    byte[] echoBytes(byte[] bytes);

    String sleep(long ms);

    String fail(String message) throws EchoException;

    String failRuntime(String message);

    int add(int a, int b);

    Person person(Person person);

    Object any(Object value);

    List<Object> list(List<Object> values);

    Map<String, Object> map(Map<String, Object> values);

    String scalars(boolean t, byte b, short s, int i, long l, float f, double d, char c, Date date, String text);

    int[] ints(int[] values);

    String[] strings(String[] values);

    Person[] people(Person[] values);

    /** Called oneway; the provider counts. */
    void tell(String text);

    /** Always null. */
    String nothing();

    /** Which of the provider's services this is: [group/]interface[:version]. */
    String whoami();

    /** The attachments that the provider saw. */
    Map<String, String> attachments();
}
