package com.test;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a Java value is, as JSON, without Hessian's help. Integers, doubles, texts, booleans and null are JSON's own; a double is
 * written with a point. The others: {"date":ms}, {"bytes":hex}, {"units":hex of UTF-16} for a text that is no Unicode,
 * {"text":s, "times":n} for a long one, {"double":s} for what JSON has no number for, {"list":[...]}, {"map":[[key, value]...]},
 * {"object":class, "fields":[[name, value]...]}, each with the Java class as its "type", and {"ref":n} for the list, map or
 * object that was opened as the n-th from 0.
 */
final class Said {
    private final Map<Object, Integer> seen = new IdentityHashMap<>();

    String of(Object value) throws IllegalAccessException {
        if (value == null || value instanceof Boolean || value instanceof Byte || value instanceof Short
                || value instanceof Integer || value instanceof Long) {
            return String.valueOf(value);
        }
        if (value instanceof Float || value instanceof Double) {
            double number = ((Number) value).doubleValue();
            return Double.isFinite(number) ? String.valueOf(number) : "{\"double\":\"" + number + "\"}";
        }
        if (value instanceof String || value instanceof Character) {
            return text(value.toString());
        }
        if (value instanceof Date date) {
            return "{\"date\":" + date.getTime() + "}";
        }
        if (value instanceof byte[] bytes) {
            return "{\"bytes\":\"" + HexFormat.of().formatHex(bytes) + "\"}";
        }
        if (seen.containsKey(value)) {
            return "{\"ref\":" + seen.get(value) + "}";
        }
        seen.put(value, seen.size());
        return opened(value);
    }

    private String opened(Object value) throws IllegalAccessException {
        String type = quoted(value.getClass().getName());
        if (value instanceof Map<?, ?> map) {
            List<String> pairs = new ArrayList<>();
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                pairs.add("[" + of(entry.getKey()) + "," + of(entry.getValue()) + "]");
            }
            return "{\"map\":" + pairs + ",\"type\":" + type + "}";
        }
        if (value instanceof Collection<?> || value instanceof Iterator<?> || value.getClass().isArray()) {
            List<String> values = new ArrayList<>();
            for (Object each : listed(value)) {
                values.add(of(each));
            }
            return "{\"list\":" + values + ",\"type\":" + type + "}";
        }
        return "{\"object\":" + type + ",\"fields\":" + fields(value) + "}";
    }

    private static List<Object> listed(Object value) {
        List<Object> found = new ArrayList<>();
        if (value instanceof Iterator<?> iterator) {
            iterator.forEachRemaining(found::add);
        } else if (value instanceof Collection<?> collection) {
            found.addAll(collection);
        } else {
            for (int at = 0; at < Array.getLength(value); at++) {
                found.add(Array.get(value, at));
            }
        }
        return found;
    }

    /** As both implementations know an object's fields: an enum by its name, a number by its text. */
    private List<String> fields(Object value) throws IllegalAccessException {
        List<String> found = new ArrayList<>();
        if (value instanceof Enum<?> constant) {
            found.add("[\"name\"," + quoted(constant.name()) + "]");
        } else if (value instanceof BigDecimal number) {
            found.add("[\"value\"," + quoted(number.toString()) + "]");
        } else {
            for (Class<?> type = value.getClass(); type != Object.class; type = type.getSuperclass()) {
                for (Field field : type.getDeclaredFields()) {
                    if (!Modifier.isStatic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers())) {
                        field.setAccessible(true);
                        found.add("[" + quoted(field.getName()) + "," + of(field.get(value)) + "]");
                    }
                }
            }
        }
        return found;
    }

    private static String text(String text) {
        if (!text.equals(new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8))) {
            String units = text.chars().mapToObj(unit -> String.format("%04x", unit)).collect(Collectors.joining());
            return "{\"units\":\"" + units + "\"}";
        }
        String first = text.isEmpty() ? "" : text.substring(0, text.offsetByCodePoints(0, 1));
        int times = first.isEmpty() ? 0 : text.length() / first.length();
        if (times > 8 && text.equals(first.repeat(times))) {
            return "{\"text\":" + quoted(first) + ",\"times\":" + times + "}";
        }
        return quoted(text);
    }

    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char unit : text.toCharArray()) {
            out.append(unit < 0x20 || unit > 0x7E || unit == '"' || unit == '\\' ? String.format("\\u%04x", (int) unit) : unit);
        }
        return out.append('"').toString();
    }
}
