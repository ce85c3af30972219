package com.test;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Writes every value of {@link Values} with the Hessian2 writer of the named package, a line of JSON for each:
 * {"name":s, "meaning":s, "hex":s, "value":...}.
 */
public final class HessianWriter {
    private HessianWriter() {
    }

    public static void main(String[] args) throws Exception {
        Class<?> writer = Class.forName(args[0] + ".io.Hessian2Output");
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (Values.Case each : Values.all()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            Object output = writer.getConstructor(OutputStream.class).newInstance(bytes);
            // A value that goes away as it is read is written from one and described from another.
            writer.getMethod("writeObject", Object.class).invoke(output, each.make().get());
            writer.getMethod("flush").invoke(output);
            String hex = HexFormat.of().formatHex(bytes.toByteArray());
            out.printf("{\"name\":%s,\"meaning\":%s,\"hex\":\"%s\",\"value\":%s}%n", Said.quoted(each.name()),
                    Said.quoted(each.meaning()), hex, new Said().of(each.make().get()));
        }
    }
}
