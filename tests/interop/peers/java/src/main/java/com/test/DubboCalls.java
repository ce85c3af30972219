package com.test;

import com.alibaba.fastjson2.JSONObject;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.dubbo.rpc.service.GenericService;

/** Turns a command into one call of {@link EchoService} and knows what the answer must be. */
final class DubboCalls {
    static final String SCALARS = "true,-1,300,70000,1099511627776,1.5,3.14159,é,894621091000,😀";

    private final JSONObject args;
    private final int index;
    private Object expected;

    DubboCalls(JSONObject args, int index) {
        this.args = args;
        this.index = index;
    }

    Object expected() {
        return expected;
    }

    private <T> T expect(T value) {
        expected = value;
        return value;
    }

    private String text() {
        String text = args.getString("text");
        if (text == null && args.containsKey("size")) {
            return "é😀z".repeat(args.getIntValue("size") / 4);
        }
        return text == null || args.getIntValue("count", 1) == 1 ? text : text + "-" + index;
    }

    private byte[] bytes() {
        byte[] bytes = new byte[args.getIntValue("size", 0)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 10) + index);
        }
        return bytes;
    }

    Object invoke(EchoService service) throws Exception {
        boolean cyclic = args.getBooleanValue("cyclic", false);
        switch (args.getString("method")) {
            case "echo":
                return service.echo(expect(text()));
            case "echoBytes":
                return service.echoBytes(expect(bytes()));
            case "sleep":
                expect("slept " + args.getLongValue("ms"));
                return service.sleep(args.getLongValue("ms"));
            case "fail":
                return service.fail(text());
            case "failRuntime":
                return service.failRuntime(text());
            case "add":
                expect(args.getIntValue("a") + index + args.getIntValue("b"));
                return service.add(args.getIntValue("a") + index, args.getIntValue("b"));
            case "person":
                Person person = service.person(Person.sample(cyclic));
                expect(person.isSample(cyclic) ? person : "another person");
                return person;
            case "any":
                return service.any(expect(shape(args.getString("shape"))));
            case "list":
                return service.list(expect(sampleList()));
            case "map":
                return service.map(expect(sampleMap()));
            case "scalars":
                expect(SCALARS);
                return service.scalars(true, (byte) -1, (short) 300, 70_000, 1L << 40, 1.5f, 3.14159, 'é',
                        new Date(894621091000L), "😀");
            case "ints":
                return service.ints(expect(new int[] {0, -1, 47, 48, -2048, 262_143, 262_144, Integer.MIN_VALUE}));
            case "strings":
                return service.strings(expect(new String[] {"", "a", null, "é😀", "x".repeat(40)}));
            case "people":
                Person[] people = service.people(new Person[] {Person.sample(true), Person.sample(false), null});
                expect(people.length == 3 && people[0].isSample(true) && people[1].isSample(false) ? people : "others");
                return people;
            case "tell":
                service.tell(text());
                return null;
            case "nothing":
                return service.nothing();
            case "whoami":
                String who = service.whoami();
                return expect(who);
            case "attachments":
                return expect(service.attachments());
            default:
                throw new IllegalArgumentException(args.getString("method"));
        }
    }

    private static List<Object> sampleList() {
        return new ArrayList<>(Arrays.asList(1, 2L, "three", null, true, 4.5, new Date(0), new ArrayList<>(List.of("in", "ner"))));
    }

    private static Map<String, Object> sampleMap() {
        Map<String, Object> map = new HashMap<>();
        map.put("int", 1);
        map.put("null", null);
        map.put("list", new ArrayList<>(List.of(1, 2)));
        map.put("map", new HashMap<>(Map.of("k", "v")));
        return map;
    }

    /** The values that `any` is called with, by name: each takes another way through Hessian2. */
    private Object shape(String name) {
        switch (name) {
            case "null":
                return null;
            case "int":
                return args.getIntValue("value");
            case "long":
                return args.getLongValue("value");
            case "double":
                return args.getDoubleValue("value");
            case "decimal":
                return new BigDecimal("12345678901234567890.5");
            case "date":
                return new Date(894621091000L);
            case "minute":
                return new Date(894621060000L);
            case "string":
                return text();
            case "bytes":
                return bytes();
            case "true":
                return true;
            case "person":
                return Person.sample(args.getBooleanValue("cyclic", false));
            case "list":
                return sampleList();
            case "longlist":
                return new ArrayList<>(Collections.nCopies(300, "x"));
            case "map":
                return sampleMap();
            case "orderedmap":
                return new LinkedHashMap<>(sampleMap());
            case "set":
                return new LinkedHashSet<>(List.of("a", "b"));
            case "cycle":
                Map<String, Object> self = new HashMap<>();
                self.put("self", self);
                return self;
            case "nested":
                Object value = "end";
                for (int i = 0; i < args.getIntValue("depth", 20); i++) {
                    value = new ArrayList<>(Collections.singletonList(value));
                }
                return value;
            default:
                throw new IllegalArgumentException(name);
        }
    }

    static Object generic(GenericService service, JSONObject a) {
        switch (a.getString("method")) {
            case "add":
                return service.$invoke("add", new String[] {"int", "int"},
                        new Object[] {a.getIntValue("a"), a.getIntValue("b")});
            case "person":
                Map<String, Object> person = new HashMap<>(Map.of("name", a.getString("text"), "age", 7));
                person.put("class", "com.test.Person");
                return service.$invoke("person", new String[] {"com.test.Person"}, new Object[] {person});
            case "whoami":
                return service.$invoke("whoami", new String[0], new Object[0]);
            default:
                return service.$invoke(a.getString("method"), new String[] {"java.lang.String"},
                        new Object[] {a.getString("text")});
        }
    }

    static boolean equal(Object sent, Object got) {
        if (sent instanceof Map<?, ?> map && map.containsKey("self")) {
            return got instanceof Map<?, ?> other && other.get("self") == other;
        }
        if (sent instanceof Person person && got instanceof Person other) {
            return person == other || other.isSample(other.getFriend() == other);
        }
        return Objects.deepEquals(sent, got);
    }
}
