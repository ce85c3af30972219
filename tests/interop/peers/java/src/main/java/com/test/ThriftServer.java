package com.test;

import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.thrift.TMultiplexedProcessor;
import org.apache.thrift.TProcessor;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.server.ServerContext;
import org.apache.thrift.server.THsHaServer;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TServerEventHandler;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TNonblockingServerSocket;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TTransport;

/**
 * Apache Thrift's own servers: unframed forms by TThreadPoolServer, framed ones by THsHaServer, which does not block.
 * Usage: ThriftServer NAME; commands and names of services are those of the Python peers (thrift_forms.py).
 */
public final class ThriftServer implements TServerEventHandler {
    private static final int WORKERS = 64;
    private static final ThriftEcho ECHO = new ThriftEcho();

    private ThriftServer() {
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Map<String, Integer> ports = new LinkedHashMap<>();
        for (String form : ThriftForms.ALL) {
            String service = ThriftForms.service(args[0], form);
            TMultiplexedProcessor both = new TMultiplexedProcessor();
            both.registerProcessor(service, processor(""));
            both.registerDefault(processor(service + "__"));
            ports.put(form, start(form, both));
        }
        Lines.ready(ports.get("thrift"));
        Map<String, Lines.Command> commands = ECHO.commands();
        commands.put("ports", a -> Lines.success("ports", ports));
        Lines.serve(commands);
    }

    private static int start(String form, TProcessor processor) throws Exception {
        InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
        TServer server;
        int port;
        if (ThriftForms.framed(form)) {
            TNonblockingServerSocket socket = new TNonblockingServerSocket(any);
            port = socket.getPort();
            server = new THsHaServer(new THsHaServer.Args(socket).processor(processor)
                    .protocolFactory(ThriftForms.protocol(form)).minWorkerThreads(WORKERS).maxWorkerThreads(WORKERS));
        } else {
            TServerSocket socket = new TServerSocket(any);
            port = socket.getServerSocket().getLocalPort();
            server = new TThreadPoolServer(new TThreadPoolServer.Args(socket).processor(processor)
                    .protocolFactory(ThriftForms.protocol(form)));
        }
        server.setServerEventHandler(new ThriftServer());
        Thread thread = new Thread(server::serve, form);
        thread.setDaemon(true);
        thread.start();
        return port;
    }

    /** Answers the calls of one service, with or without the prefix of its methods' names. */
    private static TProcessor processor(String prefix) {
        return (in, out) -> ECHO.process(prefix, in, out);
    }

    @Override
    public ServerContext createContext(TProtocol in, TProtocol out) {
        ECHO.connected();
        return null;
    }

    @Override
    public void preServe() {
    }

    @Override
    public void deleteContext(ServerContext context, TProtocol in, TProtocol out) {
    }

    @Override
    public void processContext(ServerContext context, TTransport in, TTransport out) {
    }
}
