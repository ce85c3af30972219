package com.test;

public interface EchoService { String echo(String s); }
