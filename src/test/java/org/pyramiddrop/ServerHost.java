package org.pyramiddrop;

import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.imageio.ImageIO;

/**
 * A server that knows nothing of the library: its application's jars have a class loader of their
 * own, which the threads that answer requests don't have as theirs, and ImageIO has looked around
 * before them.
 */
final class ServerHost {
  private ServerHost() {}

  /**
   * Serves one request, in which the application's main method runs.
   *
   * @param arguments the application's class path, its main class, and its arguments
   */
  public static void main(String[] arguments) throws Exception {
    ImageIO.getReaderFormatNames();
    List<URL> jars = new ArrayList<>();
    for (String jar : arguments[0].split(File.pathSeparator, -1)) {
      jars.add(Path.of(jar).toUri().toURL());
    }
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        URLClassLoader application =
            new URLClassLoader(jars.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
      server.setExecutor(threads);
      server.createContext(
          "/",
          exchange -> {
            String failure = failure(application, arguments);
            byte[] body = failure.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
          });
      server.start();
      URI own = URI.create("http://localhost:%d/".formatted(server.getAddress().getPort()));
      try (var response = own.toURL().openStream()) {
        System.out.println(new String(response.readAllBytes(), StandardCharsets.UTF_8));
      }
      server.stop(0);
    }
  }

  private static String failure(ClassLoader application, String[] arguments) throws IOException {
    try {
      application
          .loadClass(arguments[1])
          .getMethod("main", String[].class)
          .invoke(null, (Object) Arrays.copyOfRange(arguments, 2, arguments.length));
      return "";
    } catch (InvocationTargetException e) {
      return String.valueOf(e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IOException(e);
    }
  }
}
