package org.pyramiddrop.langchain4j;

import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatModelStreamingEvent;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.TokenListener;

/** An answer that is told to a subscriber, piece by piece as it requests them. */
final class SubscribedAnswer implements Flow.Subscription, TokenListener {
  private final Flow.Subscriber<? super ChatModelStreamingEvent> subscriber;
  private long requested;
  private boolean cancelled;
  private @Nullable IllegalArgumentException misuse;

  SubscribedAnswer(Flow.Subscriber<? super ChatModelStreamingEvent> subscriber) {
    this.subscriber = subscriber;
  }

  /** Answers a request on this thread, on which the subscriber is called. */
  void run(LlavaChat chat, ChatRequest request) {
    ChatResponse response;
    try {
      response = chat.answer(request, this);
    } catch (Throwable e) {
      failed(e);
      return;
    }
    if (tell(new CompleteResponse(response))) {
      telling(subscriber::onComplete);
    }
  }

  @Override
  public boolean onToken(int id, String text) {
    return text.isEmpty() ? !isCancelled() : tell(new PartialResponse(text));
  }

  @Override
  public boolean onProgress(Phase phase, int done, int total) {
    return !isCancelled();
  }

  /** Tells an event once it is wanted; false if the answer ends here. */
  private boolean tell(ChatModelStreamingEvent event) {
    return awaitRequest() && telling(() -> subscriber.onNext(event));
  }

  /** A subscriber that throws has cancelled, by the rules of reactive streams. */
  private boolean telling(Runnable call) {
    try {
      call.run();
      return true;
    } catch (RuntimeException e) {
      cancel();
      return false;
    }
  }

  private void failed(Throwable error) {
    if (!isCancelled()) {
      telling(() -> subscriber.onError(error));
    }
  }

  private boolean awaitRequest() {
    IllegalArgumentException wrong;
    synchronized (this) {
      while (requested == 0 && !cancelled && misuse == null) {
        try {
          wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          cancelled = true;
        }
      }
      wrong = misuse;
      if (wrong == null) {
        requested -= cancelled ? 0 : 1;
        return !cancelled;
      }
    }
    failed(wrong);
    cancel();
    return false;
  }

  @Override
  public synchronized void request(long count) {
    if (count < 1) {
      misuse = new IllegalArgumentException("a subscriber requests 1 event or more, not " + count);
    } else {
      requested = requested + count < 0 ? Long.MAX_VALUE : requested + count;
    }
    notifyAll();
  }

  @Override
  public synchronized void cancel() {
    cancelled = true;
    notifyAll();
  }

  private synchronized boolean isCancelled() {
    return cancelled;
  }
}
