package com.test;

import com.twitter.finagle.Dtab;
import com.twitter.finagle.context.Contexts;
import com.twitter.finagle.context.MarshalledContext;
import com.twitter.finagle.thrift.ClientId;
import com.twitter.finagle.tracing.Trace;
import com.twitter.io.Buf;
import com.twitter.io.Bufs;
import com.twitter.util.Return;
import com.twitter.util.Try;
import java.util.LinkedHashMap;
import java.util.Map;
import scala.Option;

/** A broadcast context of the tests' own, and what Finagle knows of the call that is being served. */
final class FinagleContext extends MarshalledContext.Key<String> {
    static final FinagleContext KEY = new FinagleContext();

    private FinagleContext() {
        Contexts.broadcast().super("com.test.Note");
    }

    @Override
    public Buf marshal(String value) {
        return Bufs.utf8Buf(value);
    }

    @Override
    public Try<String> tryUnmarshal(Buf body) {
        return new Return<>(Bufs.asUtf8String(body));
    }

    /** Who called, in which trace, with which delegations and context: all of it comes by TTwitter's header alone. */
    static Map<String, Object> seen() {
        Map<String, Object> seen = new LinkedHashMap<>();
        Option<ClientId> client = ClientId.current();
        seen.put("client", client.isEmpty() ? null : client.get().name());
        seen.put("trace", Trace.id().traceId().toString());
        seen.put("dtab", Dtab.local().show());
        Option<String> context = Contexts.broadcast().get(KEY);
        seen.put("context", context.isEmpty() ? null : context.get());
        return seen;
    }
}
