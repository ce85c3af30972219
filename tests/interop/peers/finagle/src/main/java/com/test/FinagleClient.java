package com.test;

import com.alibaba.fastjson2.JSONObject;
import com.twitter.finagle.Dtab;
import com.twitter.finagle.Service;
import com.twitter.finagle.Thrift;
import com.twitter.finagle.context.Contexts;
import com.twitter.finagle.service.RetryBudgets;
import com.twitter.finagle.thrift.ClientId;
import com.twitter.finagle.thrift.ThriftClientRequest;
import com.twitter.finagle.tracing.SpanId;
import com.twitter.finagle.tracing.Trace;
import com.twitter.finagle.tracing.TraceId;
import com.twitter.util.Await;
import com.twitter.util.Duration;
import com.twitter.util.Future;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.transport.TMemoryBuffer;
import org.apache.thrift.transport.TMemoryInputTransport;
import scala.Function0;
import scala.Option;

/**
 * Finagle's own Thrift client; commands are those of the Python peers (thrift_forms.py) with, besides,
 * "upgrade":bool (TTwitter, which is Finagle's default), "id":s (who calls), "trace":hex, "dtab":s, "context":s.
 *
 * <p>It tries nothing twice and keeps out no host that failed, so that each call shows what happened to it.
 */
public final class FinagleClient implements ThriftCalls.Connection {
    private static final Duration PATIENCE = Duration.apply(30, TimeUnit.SECONDS);
    private static final AtomicInteger SEQUENCE = new AtomicInteger();

    private final Service<ThriftClientRequest, byte[]> service;
    private final String prefix;

    private FinagleClient(Service<ThriftClientRequest, byte[]> service, String prefix) {
        this.service = service;
        this.prefix = prefix;
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(ThriftCalls.commands(FinagleClient::connect));
    }

    private static FinagleClient connect(JSONObject a) {
        Thrift.Client client = Thrift.client().withSessionQualifier().noFailFast()
                .withSessionQualifier().noFailureAccrual().withRetryBudget(RetryBudgets.EMPTY);
        if (a.containsKey("id")) {
            client = client.withClientId(new ClientId(a.getString("id")));
        }
        if (!a.getBooleanValue("upgrade", true)) {
            client = client.withNoAttemptTTwitterUpgrade();
        }
        String separator = a.getBooleanValue("multiplexed") ? ":" : "__";
        return new FinagleClient(client.newService(a.getString("target"), "interop"), a.getString("service") + separator);
    }

    @Override
    public ThriftValues call(JSONObject command, ThriftValues asked) throws Exception {
        String method = command.getString("method");
        TMessage message = new TMessage(prefix + method, method.equals("note") ? TMessageType.ONEWAY : TMessageType.CALL,
                SEQUENCE.incrementAndGet());
        ThriftClientRequest request = new ThriftClientRequest(bytes(message, asked), method.equals("note"));
        byte[] answer = Await.result(in(command, () -> service.apply(request)), PATIENCE);
        return request.oneway ? null : result(message, answer);
    }

    /** Makes a call with what the command says of its trace, its delegations and its context. */
    private Future<byte[]> in(JSONObject command, Function0<Future<byte[]>> call) {
        Function0<Future<byte[]>> inner = call;
        if (command.containsKey("trace")) {
            Option<SpanId> id = SpanId.fromString(command.getString("trace"));
            TraceId trace = TraceId.apply(id, id, id.get(), Option.empty());
            inner = around(inner, next -> Trace.letId(trace, false, next));
        }
        if (command.containsKey("context")) {
            inner = around(inner, next -> Contexts.broadcast().let(FinagleContext.KEY, command.getString("context"), next));
        }
        if (command.containsKey("dtab")) {
            inner = around(inner, next -> Dtab.unwind(() -> {
                Dtab.setLocal(Dtab.read(command.getString("dtab")));
                return next.apply();
            }));
        }
        return inner.apply();
    }

    private static <T> Function0<T> around(Function0<T> inner, java.util.function.Function<Function0<T>, T> outer) {
        return () -> outer.apply(inner);
    }

    private static byte[] bytes(TMessage message, ThriftValues body) throws TException {
        TMemoryBuffer out = new TMemoryBuffer(256);
        TBinaryProtocol protocol = new TBinaryProtocol(out);
        protocol.writeMessageBegin(message);
        body.write(protocol);
        protocol.writeMessageEnd();
        return Arrays.copyOf(out.getArray(), out.length());
    }

    private static ThriftValues result(TMessage asked, byte[] answer) throws TException {
        TBinaryProtocol in = new TBinaryProtocol(new TMemoryInputTransport(answer));
        TMessage message = in.readMessageBegin();
        if (message.type == TMessageType.EXCEPTION) {
            TApplicationException told = new TApplicationException();
            told.read(in);
            throw told;
        }
        if (message.seqid != asked.seqid || !message.name.equals(asked.name)) {
            throw new TApplicationException(TApplicationException.BAD_SEQUENCE_ID, asked + " answered by " + message);
        }
        ThriftValues result = new ThriftValues();
        result.read(in);
        return result;
    }

    @Override
    public void close() {
        service.close();
    }
}
