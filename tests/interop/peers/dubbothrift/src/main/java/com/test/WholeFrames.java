package com.test;

import com.alibaba.dubbo.remoting.Channel;
import com.alibaba.dubbo.remoting.Codec2;
import com.alibaba.dubbo.remoting.buffer.ChannelBuffer;
import java.io.IOException;

/**
 * Gives Dubbo's codec nothing but whole frames; Dubbo puts it around the codec by itself, because of its constructor.
 *
 * <p>Alone, ThriftCodec takes a frame for whole when its last 4 bytes are yet to come (it forgets to count the first
 * size), and loses it then: that happens wherever a read of the network ends there.
 */
public final class WholeFrames implements Codec2 {
    private static final int SIZE = 4;

    private final Codec2 codec;

    public WholeFrames(Codec2 codec) {
        this.codec = codec;
    }

    @Override
    public void encode(Channel channel, ChannelBuffer buffer, Object message) throws IOException {
        codec.encode(channel, buffer, message);
    }

    @Override
    public Object decode(Channel channel, ChannelBuffer buffer) throws IOException {
        if (buffer.readableBytes() < SIZE) {
            return DecodeResult.NEED_MORE_INPUT;
        }
        int size = 0;
        for (int i = 0; i < SIZE; i++) {
            size = size << 8 | buffer.getByte(buffer.readerIndex() + i) & 0xFF;
        }
        return buffer.readableBytes() < SIZE + size ? DecodeResult.NEED_MORE_INPUT : codec.decode(channel, buffer);
    }
}
