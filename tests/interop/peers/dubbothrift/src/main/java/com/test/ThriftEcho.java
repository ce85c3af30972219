package com.test;

/**
 * What Thrift's compiler would make of this service, as far as Dubbo needs it; the names are the compiler's.
 *
 * <p>service ThriftEcho { string echo(1: string text), i32 add(1: i32 a, 2: i32 b),
 * string fail(1: string why) throws (1: Refused refused), i32 slow(1: i32 ms) }
 */
public final class ThriftEcho {
    private ThriftEcho() {
    }

    public interface Iface {
        String echo(String text);

        int add(int a, int b);

        String fail(String why) throws Refused;

        int slow(int ms);
    }

    public static final class echo_args extends Struct<echo_args> {
        private static final long serialVersionUID = 1;
        public String text;

        public echo_args() {
            super(1, "text");
        }

        public String getText() {
            return text;
        }

        public void setText(String value) {
            text = value;
        }
    }

    public static final class echo_result extends Struct<echo_result> {
        private static final long serialVersionUID = 1;
        public String success;

        public echo_result() {
            super(0, "success");
        }

        public String getSuccess() {
            return success;
        }

        public void setSuccess(String value) {
            success = value;
        }
    }

    public static final class add_args extends Struct<add_args> {
        private static final long serialVersionUID = 1;
        public int a;
        public int b;

        public add_args() {
            super(1, "a", "b");
        }

        public int getA() {
            return a;
        }

        public void setA(int value) {
            a = value;
        }

        public int getB() {
            return b;
        }

        public void setB(int value) {
            b = value;
        }
    }

    public static final class add_result extends Struct<add_result> {
        private static final long serialVersionUID = 1;
        public int success;

        public add_result() {
            super(0, "success");
        }

        public int getSuccess() {
            return success;
        }

        public void setSuccess(int value) {
            success = value;
        }
    }

    public static final class fail_args extends Struct<fail_args> {
        private static final long serialVersionUID = 1;
        public String why;

        public fail_args() {
            super(1, "why");
        }

        public String getWhy() {
            return why;
        }

        public void setWhy(String value) {
            why = value;
        }
    }

    public static final class fail_result extends Struct<fail_result> {
        private static final long serialVersionUID = 1;
        public String success;
        public Refused refused;

        public fail_result() {
            super(0, "success", "refused");
        }

        public String getSuccess() {
            return success;
        }

        public void setSuccess(String value) {
            success = value;
        }

        public Refused getRefused() {
            return refused;
        }

        public void setRefused(Refused value) {
            refused = value;
        }
    }

    public static final class slow_args extends Struct<slow_args> {
        private static final long serialVersionUID = 1;
        public int ms;

        public slow_args() {
            super(1, "ms");
        }

        public int getMs() {
            return ms;
        }

        public void setMs(int value) {
            ms = value;
        }
    }

    public static final class slow_result extends Struct<slow_result> {
        private static final long serialVersionUID = 1;
        public int success;

        public slow_result() {
            super(0, "success");
        }

        public int getSuccess() {
            return success;
        }

        public void setSuccess(int value) {
            success = value;
        }
    }
}
