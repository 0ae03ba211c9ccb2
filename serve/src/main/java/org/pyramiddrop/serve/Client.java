package org.pyramiddrop.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;

/** Who asked, at the other end of a connection. */
final class Client {
  private final Request request;
  private final Response response;
  private boolean gone;

  Client(Request request, Response response) {
    this.request = request;
    this.response = response;
    // An answer may take longer than a connection may be idle between requests.
    request.addIdleTimeoutListener(timeout -> false);
  }

  /** Writes a part of the response's body, and waits until it is with the system. */
  void write(boolean last, ByteBuffer bytes) throws IOException {
    Content.Sink.write(response, last, bytes);
  }

  /**
   * Whether the client has closed its side of the connection, now that the request's body is read.
   * HTTP/1.1 has no other way to say that nobody waits for the answer.
   */
  boolean isGone() {
    EndPoint endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
    if (gone || !(endPoint instanceof SocketChannelEndPoint socket)) {
      return gone;
    }
    SocketChannel channel = socket.getChannel();
    try {
      // Doesn't block: the channel is a selector's. Nothing else reads it before the response ends.
      int read = channel.read(ByteBuffer.allocate(1));
      // A byte of a next request, which nobody may send before this response and expect to be read.
      gone = read != 0;
    } catch (IOException e) {
      gone = true;
    }
    return gone;
  }
}
