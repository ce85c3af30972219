package com.test;

import com.alibaba.fastjson2.JSONObject;
import io.grpc.testing.integration.TestServiceClient;
import io.grpc.testing.integration.TestServiceServer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;

/**
 * grpc-java's interop test client and server in one process, which says READY and the server's port.
 *
 * <p>{"cmd":"run", "target":"host:port", "case":name} runs one test case of the client. Both programs have a main that ends
 * the process, so what it calls is called here.
 */
public final class GrpcInterop {
    private GrpcInterop() {
    }

    public static void main(String[] args) throws Throwable {
        Lines.claimOutput();
        TestServiceServer server = new TestServiceServer();
        parse(server, "--port=0", "--use_tls=false", "--address_type=IPV4");
        call(server, "start");
        Lines.ready((Integer) call(server, "getPort"));
        Lines.serve(Map.of("run", GrpcInterop::run));
    }

    private static Object run(JSONObject a) throws Throwable {
        String[] target = a.getString("target").split(":");
        TestServiceClient client = new TestServiceClient();
        parse(client, "--server_host=" + target[0], "--server_port=" + target[1], "--use_tls=false",
                "--test_case=" + a.getString("case"));
        call(client, "setUp");
        try {
            call(client, "run");
        } finally {
            call(client, "tearDown");
        }
        return Lines.success("case", a.getString("case"));
    }

    private static void parse(Object program, String... args) throws Throwable {
        invoke(program, program.getClass().getDeclaredMethod("parseArgs", String[].class), (Object) args);
    }

    private static Object call(Object program, String name) throws Throwable {
        return invoke(program, program.getClass().getDeclaredMethod(name));
    }

    private static Object invoke(Object program, Method method, Object... args) throws Throwable {
        method.setAccessible(true);
        try {
            return method.invoke(program, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
