package com.test;

import com.alibaba.fastjson2.JSONObject;
import org.apache.thrift.TException;
import org.apache.thrift.TServiceClient;
import org.apache.thrift.protocol.TMultiplexedProtocol;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;
import org.apache.thrift.transport.layered.TFramedTransport;

/** Apache Thrift's own client, which checks each answer's id; commands are those of the Python peers (thrift_forms.py). */
public final class ThriftClient extends TServiceClient implements ThriftCalls.Connection {
    private static final int TIMEOUT_MS = 30_000;

    private final String prefix;

    private ThriftClient(TProtocol in, TProtocol out, String prefix) {
        super(in, out);
        this.prefix = prefix;
    }

    public static void main(String[] args) throws Exception {
        Lines.claimOutput();
        Lines.ready(0);
        Lines.serve(ThriftCalls.commands(ThriftClient::connect));
    }

    private static ThriftClient connect(JSONObject a) throws TException {
        String[] target = a.getString("target").split(":");
        String form = a.getString("form");
        TTransport transport = new TSocket(target[0], Integer.parseInt(target[1]), TIMEOUT_MS);
        if (ThriftForms.framed(form)) {
            transport = new TFramedTransport(transport);
        }
        transport.open();
        TProtocol in = ThriftForms.protocol(form).getProtocol(transport);
        if (a.getBooleanValue("multiplexed")) {
            return new ThriftClient(in, new TMultiplexedProtocol(in, a.getString("service")), "");
        }
        return new ThriftClient(in, in, a.getString("service") + "__");
    }

    @Override
    public ThriftValues call(JSONObject command, ThriftValues asked) throws TException {
        String method = command.getString("method");
        if (method.equals("note")) {
            sendBaseOneway(prefix + method, asked);
            return null;
        }
        sendBase(prefix + method, asked);
        ThriftValues result = new ThriftValues();
        receiveBase(result, prefix + method);
        return result;
    }

    @Override
    public void close() {
        getInputProtocol().getTransport().close();
    }
}
