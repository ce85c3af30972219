package com.test;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/** The values: every boundary of every compact form, and what refers, nests and contains itself. */
final class Values {
    record Case(String name, String meaning, Supplier<Object> make) {
    }

    enum Color { RED, GREEN }

    static class Point implements Serializable {
        private static final long serialVersionUID = 1L;
        int x;
        int y;

        Point(int x, int y) {
            this.x = x;
            this.y = y;
        }
    }

    static class Named extends Point {
        private static final long serialVersionUID = 1L;
        String name;
        Object next;

        Named(String name, Object next) {
            super(1, 2);
            this.name = name;
            this.next = next;
        }
    }

    static class Primitives implements Serializable {
        private static final long serialVersionUID = 1L;
        boolean flag = true;
        byte small = -128;
        short medium = 32767;
        int whole = -262145;
        long large = 1L << 40;
        float single = 0.5f;
        double real = 3.14159;
        char unit = 'c';
    }

    static class Empty implements Serializable {
        private static final long serialVersionUID = 1L;
    }

    private static final int[] INTS = {0, 1, -1, -16, -17, 47, 48, -2048, -2049, 2047, 2048, -262144, -262145, 262143, 262144,
        Integer.MIN_VALUE, Integer.MAX_VALUE};
    private static final long[] LONGS = {0, -8, -9, 15, 16, -2048, -2049, 2047, 2048, -262144, -262145, 262143, 262144,
        Integer.MIN_VALUE, Integer.MAX_VALUE, Integer.MIN_VALUE - 1L, Integer.MAX_VALUE + 1L, Long.MIN_VALUE, Long.MAX_VALUE};
    private static final double[] DOUBLES = {0.0, -0.0, 1.0, -1.0, 2.0, 127.0, -128.0, 128.0, -129.0, 32767.0, -32768.0, 32768.0,
        -32769.0, 0.001, 12.25, 65.536, -12.25, 2147483.647, 2147483.648, 3.14159, 1e300, Double.MIN_VALUE, Double.MAX_VALUE,
        Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
    private static final long[] DATES = {0, 1, -1, 60_000, -60_000, 894621091000L, 894621060000L, 253402300799999L,
        60_000L * Integer.MAX_VALUE, 60_000L * Integer.MIN_VALUE, 60_000L * (Integer.MAX_VALUE + 1L)};
    private static final int[] LENGTHS = {1, 31, 32, 255, 256, 1023, 1024, 2000};
    private static final int[] SIZES = {0, 1, 15, 16, 255, 256, 1023, 1024, 9000};

    private final List<Case> cases = new ArrayList<>();

    static List<Case> all() {
        Values values = new Values();
        values.scalars();
        values.texts();
        values.lists();
        values.maps();
        values.objects();
        return values.cases;
    }

    private void add(String name, String meaning, Supplier<Object> make) {
        cases.add(new Case(name, meaning, make));
    }

    private void scalars() {
        add("null", "null", () -> null);
        add("true", "true", () -> true);
        add("false", "false", () -> false);
        for (int value : INTS) {
            add("int-" + value, "an int", () -> value);
        }
        for (long value : LONGS) {
            add("long-" + value, "a long", () -> value);
        }
        for (double value : DOUBLES) {
            add("double-" + value, "a double", () -> value);
        }
        for (long value : DATES) {
            add("date-" + value, "a date, in milliseconds", () -> new Date(value));
        }
        for (int size : SIZES) {
            add("bytes-" + size, size + " bytes", () -> bytes(size));
        }
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        for (int at = 0; at < size; at++) {
            bytes[at] = (byte) at;
        }
        return bytes;
    }

    private void texts() {
        add("text-empty", "an empty text", () -> "");
        for (int length : LENGTHS) {
            add("text-" + length, length + " characters of one byte", () -> "x".repeat(length));
        }
        add("text-e-acute-31", "31 characters of two bytes", () -> "\u00e9".repeat(31));
        add("text-kanji-32", "32 characters of three bytes", () -> "\u6f22".repeat(32));
        add("text-emoji", "an emoji, which is two characters", () -> "\ud83d\ude00");
        add("text-emoji-16", "16 emojis, which are 32 characters", () -> "\ud83d\ude00".repeat(16));
        add("text-mixed", "characters of one, two, three and six bytes", () -> "a\u00e9\u6f22\ud83d\ude00z");
        add("text-nul", "a character 0", () -> "a\u0000b");
        add("text-0x7f-to-0x801", "characters at which the encoding gets longer", () -> "\u007f\u0080\u07ff\u0800\uffff");
        add("text-lone-high", "half of an emoji, the first", () -> "a\ud83d");
        add("text-lone-low", "half of an emoji, the second", () -> "\ude00a");
        add("text-braces-40", "characters from z on in a text of 40", () -> "z{|}~".repeat(8));
        add("text-braces-1100", "the same in a text of 1,100", () -> "z{|}~".repeat(220));
        add("text-chunked", "32,770 characters, an emoji where Java cuts them in two",
                () -> "x".repeat(32767) + "\ud83d\ude00y");
        add("char", "a character, which becomes a text", () -> 'c');
    }

    private void lists() {
        add("list-empty", "an empty ArrayList", ArrayList::new);
        add("list-7", "an ArrayList of seven", () -> new ArrayList<>(List.of(1, 2, 3, 4, 5, 6, 7)));
        add("list-8", "an ArrayList of eight", () -> new ArrayList<>(List.of(1, 2, 3, 4, 5, 6, 7, 8)));
        add("list-mixed", "an ArrayList of everything", 
                () -> new ArrayList<>(Arrays.asList(null, true, 1, 2L, 2.5, "s", new Date(0), bytes(2))));
        add("list-typed", "a LinkedList, by its type", () -> new LinkedList<>(List.of("a", "b")));
        add("list-typed-8", "a LinkedList of eight", () -> new LinkedList<>(List.of(1, 2, 3, 4, 5, 6, 7, 8)));
        add("list-of-lists", "lists in a list; the second of a type refers to the first's",
                () -> new ArrayList<>(List.of(new LinkedList<>(List.of(1)), new LinkedList<>(List.of(2)))));
        add("list-the-same-twice", "a list that holds another twice", () -> twice());
        add("list-in-itself", "a list that holds itself", () -> itself());
        add("iterator", "an iterator: a list that lasts until its end", () -> List.of(1, "two", 3.5).iterator());
        add("set", "a HashSet of one", () -> new HashSet<>(List.of("only")));
        add("ints", "an int[]", () -> new int[] {1, -17, 48, 262144});
        add("longs", "a long[]", () -> new long[] {1, 1L << 40});
        add("doubles", "a double[]", () -> new double[] {0.0, 2.5});
        add("booleans", "a boolean[]", () -> new boolean[] {true, false});
        add("strings", "a String[]", () -> new String[] {"a", null, "c"});
        add("strings-9", "a String[] of nine", () -> new String[] {"1", "2", "3", "4", "5", "6", "7", "8", "9"});
        add("objects", "an Object[]", () -> new Object[] {1, "a", null});
        add("ints-of-ints", "an int[][]", () -> new int[][] {{1}, {2, 3}});
    }

    private static Object twice() {
        List<Object> inner = new ArrayList<>(List.of(1));
        return new ArrayList<>(List.of(inner, inner));
    }

    private static Object itself() {
        List<Object> list = new ArrayList<>();
        list.add(list);
        return list;
    }

    private void maps() {
        add("map-empty", "an empty HashMap", () -> new java.util.HashMap<>());
        add("map-1", "a HashMap of one", () -> new java.util.HashMap<>(Map.of("k", "v")));
        add("map-typed", "a TreeMap, by its type", () -> new TreeMap<>(Map.of("a", 1, "b", 2)));
        add("map-of-ints", "a TreeMap with ints for keys", () -> new TreeMap<>(Map.of(1, "one", 262144, "many")));
        add("map-null-key", "a HashMap with null for a key", () -> nullKey());
        add("map-of-maps", "a LinkedHashMap in another", () -> nested());
        add("map-in-itself", "a map that holds itself", () -> mapInItself());
    }

    private static Object nullKey() {
        Map<Object, Object> map = new java.util.HashMap<>();
        map.put(null, 1);
        return map;
    }

    private static Object nested() {
        Map<Object, Object> map = new LinkedHashMap<>();
        map.put("inner", new LinkedHashMap<>(Map.of("k", 1)));
        map.put("list", new ArrayList<>(List.of(1, 2)));
        return map;
    }

    private static Object mapInItself() {
        Map<Object, Object> map = new java.util.HashMap<>();
        map.put("self", map);
        return map;
    }

    private void objects() {
        add("object", "an object of two fields", () -> new Point(1, 262144));
        add("object-of-primitives", "fields of every primitive type", Primitives::new);
        add("object-empty", "an object of no fields", Empty::new);
        add("objects-of-a-class", "three objects, of which the first brings the class definition",
                () -> new ArrayList<>(List.of(new Point(1, 2), new Point(3, 4), new Point(5, 6))));
        add("object-of-a-subclass", "an object that inherits fields", () -> new Named("n", null));
        add("object-the-same-twice", "a list that holds an object twice", () -> sameTwice());
        add("object-in-itself", "an object that holds itself", () -> objectInItself());
        add("objects-in-a-ring", "two objects that hold each other", () -> ring());
        add("object-in-a-field", "an object in another's field, of another class", () -> new Named("outer", new Point(3, 4)));
        add("enum", "a constant of an enum", () -> Color.GREEN);
        add("decimal", "a BigDecimal, which is written as its text", () -> new BigDecimal("12345678901234567890.123"));
        add("classes-17", "objects of 17 classes, more than one byte refers to", Values::classes);
    }

    private static Object sameTwice() {
        Point point = new Point(1, 2);
        return new ArrayList<>(List.of(point, point));
    }

    private static Object objectInItself() {
        Named named = new Named("self", null);
        named.next = named;
        return named;
    }

    private static Object ring() {
        Named first = new Named("first", null);
        first.next = new Named("second", first);
        return first;
    }

    private static Object classes() {
        return new ArrayList<>(List.of(new C0(), new C1(), new C2(), new C3(), new C4(), new C5(), new C6(), new C7(), new C8(),
                new C9(), new C10(), new C11(), new C12(), new C13(), new C14(), new C15(), new C16(), new C0(), new C16()));
    }

    static class Numbered implements Serializable {
        private static final long serialVersionUID = 1L;
        int number = 7;
    }

    static final class C0 extends Numbered { }

    static final class C1 extends Numbered { }

    static final class C2 extends Numbered { }

    static final class C3 extends Numbered { }

    static final class C4 extends Numbered { }

    static final class C5 extends Numbered { }

    static final class C6 extends Numbered { }

    static final class C7 extends Numbered { }

    static final class C8 extends Numbered { }

    static final class C9 extends Numbered { }

    static final class C10 extends Numbered { }

    static final class C11 extends Numbered { }

    static final class C12 extends Numbered { }

    static final class C13 extends Numbered { }

    static final class C14 extends Numbered { }

    static final class C15 extends Numbered { }

    static final class C16 extends Numbered { }
}
