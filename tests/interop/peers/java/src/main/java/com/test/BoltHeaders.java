package com.test;

import com.alipay.remoting.CustomSerializerManager;
import com.alipay.remoting.DefaultCustomSerializer;
import com.alipay.remoting.InvokeContext;
import com.alipay.remoting.exception.DeserializationException;
import com.alipay.remoting.exception.SerializationException;
import com.alipay.remoting.rpc.RequestCommand;
import com.alipay.remoting.rpc.ResponseCommand;
import com.alipay.remoting.rpc.protocol.RpcRequestCommand;
import com.alipay.remoting.rpc.protocol.RpcResponseCommand;
import com.alipay.sofa.rpc.codec.bolt.SimpleMapSerializer;
import java.util.Map;

/** Puts SOFARPC's header map (its own SimpleMapSerializer) into Bolt frames; the content is sent as it is. */
final class BoltHeaders extends DefaultCustomSerializer {
    private final SimpleMapSerializer maps = new SimpleMapSerializer();

    static void register() {
        BoltHeaders serializer = new BoltHeaders();
        CustomSerializerManager.registerCustomSerializer(BoltCall.class.getName(), serializer);
        CustomSerializerManager.registerCustomSerializer(BoltReply.class.getName(), serializer);
    }

    @Override
    public <T extends RequestCommand> boolean serializeHeader(T request, InvokeContext context)
            throws SerializationException {
        BoltCall call = (BoltCall) ((RpcRequestCommand) request).getRequestObject();
        request.setHeader(maps.encode(call.headers));
        return true;
    }

    @Override
    public <T extends RequestCommand> boolean serializeContent(T request, InvokeContext context) {
        request.setContent(((BoltCall) ((RpcRequestCommand) request).getRequestObject()).content);
        return true;
    }

    @Override
    public <T extends RequestCommand> boolean deserializeHeader(T request) throws DeserializationException {
        ((RpcRequestCommand) request).setRequestHeader(maps.decode(request.getHeader()));
        return true;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends RequestCommand> boolean deserializeContent(T request) {
        RpcRequestCommand command = (RpcRequestCommand) request;
        byte[] content = command.getContent() == null ? new byte[0] : command.getContent();
        command.setRequestObject(new BoltCall((Map<String, String>) command.getRequestHeader(), content));
        return true;
    }

    @Override
    public <T extends ResponseCommand> boolean serializeHeader(T response) throws SerializationException {
        if (((RpcResponseCommand) response).getResponseObject() instanceof BoltReply reply) {
            response.setHeader(maps.encode(reply.headers));
            return true;
        }
        return false;
    }

    @Override
    public <T extends ResponseCommand> boolean serializeContent(T response) {
        if (((RpcResponseCommand) response).getResponseObject() instanceof BoltReply reply) {
            response.setContent(reply.content);
            return true;
        }
        return false;
    }

    @Override
    public <T extends ResponseCommand> boolean deserializeHeader(T response, InvokeContext context)
            throws DeserializationException {
        ((RpcResponseCommand) response).setResponseHeader(maps.decode(response.getHeader()));
        return true;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends ResponseCommand> boolean deserializeContent(T response, InvokeContext context) {
        RpcResponseCommand command = (RpcResponseCommand) response;
        byte[] content = command.getContent() == null ? new byte[0] : command.getContent();
        command.setResponseObject(new BoltReply((Map<String, String>) command.getResponseHeader(), content));
        return true;
    }
}
