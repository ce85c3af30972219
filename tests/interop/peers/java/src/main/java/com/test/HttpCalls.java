package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The JDK's own HTTP client, driven by commands on standard input:
 * {"cmd":"call", "url":s, "method":s, "size":n, "chunked":bool, "expect":bool, "offer":bool} sends `size` bytes, and says
 * what the answer was; {"cmd":"burst", ..., "count":n, "threads":n} sends many at once. `offer`: the client
 * offers HTTP/2, by an upgrade of its first request.
 */
public final class HttpCalls {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Map<Boolean, HttpClient> CLIENTS = Map.of(
            false, HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build(),
            true, HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build());

    private HttpCalls() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(Map.of("call", HttpCalls::call, "burst", HttpCalls::burst));
    }

    private static Object call(JSONObject args) throws Exception {
        HttpResponse<String> answer = send(args);
        Map<String, Object> result = Lines.success("status", answer.statusCode());
        result.put("version", answer.version().toString());
        result.put("headers", new LinkedHashMap<>(answer.headers().map()));
        result.put("body", answer.body());
        return result;
    }

    private static Object burst(JSONObject args) throws Exception {
        String length = "\"length\":" + args.getIntValue("size");
        return Burst.run(args.getIntValue("count"), args.getIntValue("threads"), index -> {
            HttpResponse<String> answer = send(args);
            return answer.statusCode() == 200 && answer.body().contains(length);
        });
    }

    private static HttpResponse<String> send(JSONObject args) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(args.getString("url")))
                .timeout(PATIENCE)
                .expectContinue(args.getBooleanValue("expect"))
                .method(args.getString("method"), body(args))
                .build();
        return CLIENTS.get(args.getBooleanValue("offer")).send(request, BodyHandlers.ofString());
    }

    private static BodyPublisher body(JSONObject args) {
        int size = args.getIntValue("size");
        if (size == 0) {
            return BodyPublishers.noBody();
        }
        byte[] bytes = new byte[size];
        return args.getBooleanValue("chunked")
                ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes))
                : BodyPublishers.ofByteArray(bytes);
    }
}
