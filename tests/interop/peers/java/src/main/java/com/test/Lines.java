package com.test;

import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONObject;
import com.alibaba.fastjson2.JSONWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The line discipline that every peer follows: READY first, then one JSON object in, one JSON object
 * out, and an end when standard input ends, so that no process outlives its test.
 */
final class Lines {
    /** What a peer does for one command. */
    interface Command {
        Object run(JSONObject args) throws Throwable;
    }

    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    private Lines() {
    }

    /** Takes standard output for the lines alone; everything else that prints goes to standard error. */
    static void claimOutput() {
        System.setOut(System.err);
    }

    static void ready(int port) {
        OUT.println("READY " + port);
    }

    /** Answers commands until standard input ends, then ends the process at once. */
    static void serve(Map<String, Command> commands) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (!line.isBlank()) {
                OUT.println(JSON.toJSONString(answer(commands, line), JSONWriter.Feature.WriteNulls));
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static Object answer(Map<String, Command> commands, String line) {
        try {
            JSONObject args = JSON.parseObject(line);
            Command command = commands.get(args.getString("cmd"));
            if (command == null) {
                throw new IllegalArgumentException("no such command: " + line);
            }
            return command.run(args);
        } catch (Throwable e) {
            return failure(e);
        }
    }

    /** The JSON shape of a failed call: the exception's simple class name and its message. */
    static Map<String, Object> failure(Throwable e) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("ok", false);
        result.put("error", e.getClass().getSimpleName());
        result.put("message", String.valueOf(e.getMessage()));
        if (e.getCause() != null && e.getCause() != e) {
            result.put("cause", e.getCause().getClass().getSimpleName());
        }
        return result;
    }

    static Map<String, Object> success(String key, Object value) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("ok", true);
        result.put(key, value);
        return result;
    }
}
