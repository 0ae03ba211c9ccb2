package org.pyramiddrop.langchain4j;

import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.TimeoutException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Reads images from the web, where that is allowed: each address, those of redirects included. */
final class WebImages {
  private static final int MOST_REDIRECTS = 5;

  private final Predicate<URI> allowed;
  private final Duration longest;

  /**
   * Reads from some addresses.
   *
   * @param longest how long one address may take
   */
  WebImages(Predicate<URI> allowed, Duration longest) {
    this.allowed = allowed;
    this.longest = longest;
  }

  /**
   * The bytes at an address.
   *
   * @throws UnsupportedFeatureException if the address, or one it redirects to, isn't allowed
   * @throws InvalidRequestException if there is nothing, or more than that many bytes
   * @throws TimeoutException if it takes too long
   */
  byte[] read(URI url, long maxBytes) {
    URI next = url;
    // Not kept: few requests come with web images, and a client holds a thread.
    try (HttpClient client =
        HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(longest)
            .build()) {
      for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        refuseUnlessAllowed(next);
        HttpResponse<byte[]> response = response(client, next, maxBytes);
        int status = response.statusCode();
        if (status == 200) {
          return response.body();
        }
        if (status < 300 || status > 399) {
          throw new InvalidRequestException(
              "the image at %s can't be read: status %d".formatted(next, status));
        }
        next = redirected(next, response);
      }
    }
    throw new InvalidRequestException(
        "the image at %s can't be read: more than %d redirects".formatted(url, MOST_REDIRECTS));
  }

  private void refuseUnlessAllowed(URI url) {
    boolean web =
        "http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme());
    if (!web || url.getHost() == null || !allowed.test(url)) {
      throw new UnsupportedFeatureException(
          "the image at %s is not supported: the model may not read it from the web; send its bytes,"
                  .formatted(url)
              + " or allow the address with webImages(…) of the model's builder");
    }
  }

  private static URI redirected(URI from, HttpResponse<byte[]> response) {
    String to = response.headers().firstValue("Location").orElse("");
    try {
      if (!to.isEmpty()) {
        return from.resolve(to);
      }
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException(
          "the image at %s redirects to no address".formatted(from), e);
    }
    throw new InvalidRequestException("the image at %s redirects to no address".formatted(from));
  }

  private HttpResponse<byte[]> response(HttpClient client, URI url, long maxBytes) {
    CompletableFuture<HttpResponse<byte[]>> coming =
        client.sendAsync(
            HttpRequest.newBuilder(url).build(),
            BodyHandlers.limiting(BodyHandlers.ofByteArray(), maxBytes));
    try {
      // The body's time counts too.
      return coming.get(longest.toMillis(), TimeUnit.MILLISECONDS);
    } catch (java.util.concurrent.TimeoutException e) {
      throw new TimeoutException(
          "the image at %s took longer than %d ms".formatted(url, longest.toMillis()), e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw new InvalidRequestException(
          "the image at %s can't be read: %s".formatted(url, cause), cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while an image was read from the web");
    } finally {
      coming.cancel(true);
    }
  }
}
