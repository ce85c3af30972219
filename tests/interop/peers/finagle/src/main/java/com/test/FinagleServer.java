package com.test;

import com.twitter.finagle.ListeningServer;
import com.twitter.finagle.Service;
import com.twitter.finagle.ServiceFactory;
import com.twitter.finagle.ServiceFactory$;
import com.twitter.finagle.Thrift;
import com.twitter.util.Future;
import com.twitter.util.Promise;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.transport.TMemoryBuffer;
import org.apache.thrift.transport.TMemoryInputTransport;

/**
 * Finagle's own Thrift server, which takes plain Thrift and TTwitter on one port.
 * Usage: FinagleServer NAME; commands and names of services are those of the Python peers (thrift_forms.py). `seen`
 * besides says of each call since `reset` what came with it.
 */
public final class FinagleServer extends Service<byte[], byte[]> {
    private static final ThriftEcho ECHO = new ThriftEcho();
    private static final List<Map<String, Object>> SEEN = new ArrayList<>();

    private final String service;
    private final ExecutorService workers = Executors.newCachedThreadPool();

    private FinagleServer(String service) {
        this.service = service;
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        FinagleServer service = new FinagleServer(args[0] + "_thrift_twitter");
        ServiceFactory<byte[], byte[]> factory = ServiceFactory$.MODULE$.apply(() -> {
            ECHO.connected();
            return Future.value(service);
        });
        ListeningServer server = Thrift.server().serve(new InetSocketAddress("127.0.0.1", 0), factory);
        int port = ((InetSocketAddress) server.boundAddress()).getPort();
        Map<String, Lines.Command> commands = ECHO.commands();
        Lines.Command forget = commands.get("reset");
        commands.put("ports", a -> Lines.success("ports", Map.of("thrift-twitter", port)));
        commands.put("seen", a -> seen());
        commands.put("reset", a -> {
            synchronized (SEEN) {
                SEEN.clear();
            }
            return forget.run(a);
        });
        Lines.ready(port);
        Lines.serve(commands);
    }

    private static Object seen() {
        synchronized (SEEN) {
            return Lines.success("seen", new ArrayList<>(SEEN));
        }
    }

    /** Answers on a thread of its own: a call that waits must not hold up the connections of Finagle's event loop. */
    @Override
    public Future<byte[]> apply(byte[] request) {
        Map<String, Object> context = FinagleContext.seen();
        synchronized (SEEN) {
            SEEN.add(context);
        }
        Promise<byte[]> answer = new Promise<>();
        workers.execute(() -> {
            try {
                answer.setValue(answer(request));
            } catch (TException | RuntimeException e) {
                answer.setException(e);
            }
        });
        return answer;
    }

    /** The answer's bytes; none after a oneway, which is how Finagle is told that there is nothing to send. */
    private byte[] answer(byte[] request) throws TException {
        TMemoryBuffer out = new TMemoryBuffer(256);
        boolean multiplexed = reading(request).readMessageBegin().name.contains(":");
        ECHO.process(service + (multiplexed ? ":" : "__"), reading(request), new TBinaryProtocol(out));
        return Arrays.copyOf(out.getArray(), out.length());
    }

    /** Strictly, since the old form's names may be of any length: what is no message would take all memory. */
    private static TBinaryProtocol reading(byte[] request) {
        return new TBinaryProtocol(new TMemoryInputTransport(request), true, true);
    }
}
