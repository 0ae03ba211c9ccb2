package org.pyramiddrop.serve;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.NanLogitsException;
import org.pyramiddrop.transformer.QueueFullException;
import org.pyramiddrop.transformer.Scheduler;
import org.pyramiddrop.transformer.Submission;

/**
 * Answers a chat completion, on a thread of its own: puts it to the scheduler, and sends what comes
 * back. A client that goes away cancels its request.
 */
final class ChatHandler {
  private static final Duration LOOK = Duration.ofMillis(250);

  /** What the scheduler tells: a text, or the end. */
  private sealed interface Event {
    /** Text that is new. */
    record Text(String text) implements Event {}

    /** The answer, or why there is none. */
    record End(@Nullable Answer answer, @Nullable Throwable failure) implements Event {}
  }

  private final Llava model;
  private final Scheduler scheduler;
  private final ServerOptions options;
  private final ChatRequestReader reader;
  private final ImageBudget budget;
  private final Metrics metrics;
  private final Consumer<Throwable> failures;

  /**
   * Makes one.
   *
   * @param failures hears of errors that are the server's own
   */
  ChatHandler(
      Llava model,
      Scheduler scheduler,
      ServerOptions options,
      ChatRequestReader reader,
      Metrics metrics,
      Consumer<Throwable> failures) {
    this.model = model;
    this.scheduler = scheduler;
    this.options = options;
    this.reader = reader;
    this.metrics = metrics;
    this.failures = failures;
    budget = new ImageBudget(options.imageBytes());
  }

  /** Where an answer goes. */
  interface Sink {
    /** Sends a whole answer. */
    void send(int status, byte[] json) throws IOException;

    /** Begins a stream of events. */
    void beginStream();

    /** Whether a stream has begun, whose status is sent then. */
    boolean streaming();
  }

  /**
   * Answers a request.
   *
   * @param body of it
   * @throws ApiException if it has no answer, before anything is sent
   * @throws IOException if the client is gone
   */
  void answer(byte[] body, Client client, Sink sink) throws IOException, InterruptedException {
    long began = System.nanoTime();
    try (ImageBudget.Part images = budget.part()) {
      ChatRequest asked = reader.read(body, images);
      ChatWriter writer = new ChatWriter(model, options.model(), asked);
      LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
      Submission submission = submit(asked, events, began);
      boolean ended = false;
      try {
        while (!ended) {
          ended = take(events, client, sink, writer, began);
        }
      } finally {
        if (!ended) {
          submission.cancel();
          awaitEnd(submission);
        }
      }
    }
  }

  private Submission submit(ChatRequest asked, LinkedBlockingQueue<Event> events, long began) {
    try {
      boolean[] first = {true};
      Submission submission =
          scheduler.submit(
              asked.request(),
              (id, text) -> {
                if (first[0]) {
                  first[0] = false;
                  metrics.firstToken(began);
                }
                return asked.stream() ? events.add(new Event.Text(text)) : true;
              });
      CompletableFuture<Answer> _ =
          submission
              .answer()
              .whenComplete((answer, failure) -> events.add(new Event.End(answer, failure)));
      return submission;
    } catch (QueueFullException e) {
      throw ApiException.busy(ApiException.words(e));
    } catch (IllegalArgumentException | ChatTemplateException e) {
      throw ApiException.badValue(null, ApiException.words(e));
    } catch (IllegalStateException e) {
      throw ApiException.stopping();
    }
  }

  /** Sends what comes next; says whether that was the last. */
  private boolean take(
      LinkedBlockingQueue<Event> events, Client client, Sink sink, ChatWriter writer, long began)
      throws IOException, InterruptedException {
    Event event = events.poll(LOOK.toMillis(), TimeUnit.MILLISECONDS);
    if (client.isGone()) {
      throw new IOException("the client is gone");
    }
    switch (event) {
      case null -> {}
      case Event.Text(String text) -> {
        if (!sink.streaming()) {
          sink.beginStream();
          client.write(false, ByteBuffer.wrap(writer.begin()));
        }
        if (!text.isEmpty()) {
          client.write(false, ByteBuffer.wrap(writer.text(text)));
        }
      }
      case Event.End end -> {
        Answer answer = end.answer();
        if (answer == null) {
          fail(end.failure(), client, sink, writer);
        } else {
          metrics.answered(answer, began);
          end(answer, client, sink, writer);
        }
        return true;
      }
    }
    return false;
  }

  private void end(Answer answer, Client client, Sink sink, ChatWriter writer) throws IOException {
    if (answer.finish() == Finish.CANCELLED) {
      // Only a server that stops cancels what somebody still waits for.
      fail(new CancellationException("the server is stopping"), client, sink, writer);
      return;
    }
    if (!writer.streams()) {
      metrics.ended(200);
      sink.send(200, writer.whole(answer));
      return;
    }
    if (!sink.streaming()) {
      sink.beginStream();
      client.write(false, ByteBuffer.wrap(writer.begin()));
    }
    metrics.ended(200);
    client.write(true, ByteBuffer.wrap(writer.end(answer)));
  }

  private void fail(@Nullable Throwable failure, Client client, Sink sink, ChatWriter writer)
      throws IOException {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    ApiException error = error(cause);
    if (!sink.streaming()) {
      throw error;
    }
    metrics.ended(error.status());
    client.write(true, ByteBuffer.wrap(writer.failed(error)));
  }

  private ApiException error(@Nullable Throwable cause) {
    return switch (cause) {
      case CancellationException _ -> ApiException.stopping();
      case IllegalStateException _ -> ApiException.stopping();
      case IllegalArgumentException e -> ApiException.badValue(null, ApiException.words(e));
      case ImageException e -> ApiException.badImage(null, ApiException.words(e));
      case NanLogitsException e -> told(e);
      case CheckpointException e -> told(e);
      case OutOfMemoryError e -> {
        failures.accept(e);
        yield ApiException.busy("there isn't memory enough for this request; ask again later");
      }
      case null -> ApiException.failed("no answer");
      default -> {
        failures.accept(cause);
        yield ApiException.failed("the model failed; the server's log says why");
      }
    };
  }

  private ApiException told(RuntimeException e) {
    failures.accept(e);
    return ApiException.failed(ApiException.words(e));
  }

  /** Waits until nobody reads the request's images any more. */
  private static void awaitEnd(Submission submission) {
    try {
      submission.answer().join();
    } catch (CompletionException | CancellationException e) {
      // It was cancelled.
    }
  }
}
