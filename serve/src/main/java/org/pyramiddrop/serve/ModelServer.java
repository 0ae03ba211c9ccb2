package org.pyramiddrop.serve;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.SocketException;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.function.Consumer;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Scheduler;

/**
 * Serves a model over HTTP/1.1 as OpenAI's API has it: {@code /v1/chat/completions} and {@code
 * /v1/models}; beside it {@code /health}, {@code /metrics} and a page to try it at {@code /}.
 *
 * <p>Each request has a virtual thread, and one {@link Scheduler} answers them together. It neither
 * logs nor keeps anything that it is asked.
 */
public final class ModelServer implements AutoCloseable {
  /** Connections at once; each takes little until it sends a request. */
  private static final int MOST_CONNECTIONS = 1024;

  /** How long a connection may send or take nothing. */
  private static final long IDLE_MILLIS = 30_000;

  private static final int THREADS = 16;

  private final Server server;
  private final ServerConnector connector;
  private final Scheduler scheduler;
  private final ServerOptions options;

  private ModelServer(
      Llava model, Scheduler scheduler, ServerOptions options, Consumer<Throwable> failures)
      throws IOException {
    this.options = options;
    this.scheduler = scheduler;
    // Platform threads wait for connections; requests run on virtual ones.
    QueuedThreadPool threads = new QueuedThreadPool(THREADS, 4);
    threads.setName("http");
    threads.setVirtualThreadsExecutor(VirtualThreads.getDefaultVirtualThreadsExecutor());
    server = new Server(threads);
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
    connector.setHost(options.host());
    connector.setPort(options.port());
    connector.setIdleTimeout(IDLE_MILLIS);
    server.addConnector(connector);
    server.addBean(new NetworkConnectionLimit(MOST_CONNECTIONS, connector));
    server.setErrorHandler(new Errors());
    server.setStopTimeout(Math.max(1, options.stopWithin().toMillis()));
    Metrics metrics = new Metrics(scheduler);
    ChatHandler chat =
        new ChatHandler(
            model,
            scheduler,
            options,
            new ChatRequestReader(
                options, new ImageReader(options.images(), options.files()), model.config()),
            metrics,
            failures);
    server.setHandler(new GracefulHandler(new Routes(options, chat, metrics, failures)));
  }

  /**
   * Starts serving a model, which is the caller's to close behind the server.
   *
   * @param failures hears of errors that are the server's own, on the thread of the request
   * @throws IOException if it can't listen there, or there is no such folder of files
   */
  public static ModelServer start(Llava model, ServerOptions options, Consumer<Throwable> failures)
      throws IOException {
    Scheduler scheduler = model.scheduler(options.scheduling());
    try {
      ModelServer started = new ModelServer(model, scheduler, options, failures);
      started.listen();
      return started;
    } catch (IOException | RuntimeException | Error e) {
      scheduler.close();
      throw e;
    }
  }

  private void listen() throws IOException {
    try {
      server.start();
    } catch (Exception e) {
      stopServer();
      Throwable cause = e instanceof IOException && e.getCause() != null ? e.getCause() : e;
      boolean address = cause instanceof BindException || cause instanceof SocketException;
      throw new IOException(
          "can't listen on %s:%d: %s"
              .formatted(
                  options.host(),
                  options.port(),
                  address ? cause.getMessage() : ApiException.words(e)),
          e);
    }
  }

  /** Where it listens. */
  public URI address() {
    String host = options.host();
    try {
      InetAddress listening = InetAddress.getByName(host);
      if (listening.isAnyLocalAddress()) {
        host = "localhost";
      }
    } catch (UnknownHostException e) {
      // It listens there all the same.
    }
    return URI.create(
        "http://%s:%d/"
            .formatted(host.contains(":") ? "[" + host + "]" : host, connector.getLocalPort()));
  }

  /**
   * Takes no new requests, waits for running ones as long as the options say, cancels the rest, and
   * ends; a second call does nothing.
   */
  @Override
  public void close() {
    stopServer();
    scheduler.close();
  }

  private void stopServer() {
    try {
      server.stop();
    } catch (Exception e) {
      // Some had not ended in time; the scheduler ends them.
    }
  }
}
