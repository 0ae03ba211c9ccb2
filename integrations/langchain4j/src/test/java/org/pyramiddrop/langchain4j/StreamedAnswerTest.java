package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.model.chat.listener.ChatModelErrorContext;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.listener.ChatModelRequestContext;
import dev.langchain4j.model.chat.listener.ChatModelResponseContext;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatModelStreamingEvent;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.pyramiddrop.transformer.Llava;

/** Answers that are told piece by piece, on this thread so that nothing has to be waited for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class StreamedAnswerTest {
  private final List<String> heard = new ArrayList<>();
  private Llava llava;
  private PyramidDropStreamingChatModel model;

  @BeforeAll
  void load() {
    llava = Scene.load();
    model =
        PyramidDropStreamingChatModel.builder()
            .model(llava)
            .executor(Runnable::run)
            .listeners(List.of(new Listener()))
            .build();
  }

  @AfterAll
  void close() {
    llava.close();
  }

  @BeforeEach
  void forget() {
    heard.clear();
  }

  private final class Listener implements ChatModelListener {
    @Override
    public void onRequest(ChatModelRequestContext context) {
      heard.add("request");
    }

    @Override
    public void onResponse(ChatModelResponseContext context) {
      heard.add("response");
    }

    @Override
    public void onError(ChatModelErrorContext context) {
      heard.add("error");
    }
  }

  private static ChatRequest number() {
    return ChatRequest.builder().messages(Scene.ask(Scene.NUMBER)).build();
  }

  private static ChatRequest impossible() {
    return ChatRequest.builder().messages(UserMessage.from("<image>")).build();
  }

  /** Notes what it is told, and fails or cancels where it is told to. */
  private static class Handler implements StreamingChatResponseHandler {
    final List<String> pieces = new ArrayList<>();
    final List<Throwable> errors = new ArrayList<>();
    @Nullable ChatResponse complete;

    @Override
    public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
      pieces.add(piece.text());
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
      complete = response;
    }

    @Override
    public void onError(Throwable error) {
      errors.add(error);
    }
  }

  @Test
  void piecesMakeTheAnswer() {
    Handler handler = new Handler();
    model.chat(number(), handler);
    assertThat(String.join("", handler.pieces)).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(handler.pieces).hasSizeGreaterThan(1);
    assertThat(handler.complete)
        .isNotNull()
        .satisfies(
            response -> assertThat(response.aiMessage().text()).isEqualTo(Scene.NUMBER_ANSWER));
    assertThat(handler.errors).isEmpty();
    assertThat(heard).containsExactly("request", "response");
  }

  @Test
  void behindCancelNothingIsTold() {
    Handler handler =
        new Handler() {
          @Override
          public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
            super.onPartialResponse(piece, context);
            assertThat(context.streamingHandle().isCancelled()).isFalse();
            context.streamingHandle().cancel();
            assertThat(context.streamingHandle().isCancelled()).isTrue();
          }
        };
    model.chat(number(), handler);
    assertThat(handler.pieces).hasSize(1);
    assertThat(handler.complete).isNull();
    assertThat(handler.errors).isEmpty();
    assertThat(heard).containsExactly("request");
  }

  @Test
  void whatAHandlerThrowsIsItsErrorAndTheAnswerGoesOn() {
    IllegalStateException wrong = new IllegalStateException("wrong");
    Handler handler =
        new Handler() {
          @Override
          public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
            super.onPartialResponse(piece, context);
            throw wrong;
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            super.onCompleteResponse(response);
            throw wrong;
          }

          @Override
          public void onError(Throwable error) {
            super.onError(error);
            throw new IllegalStateException("as well");
          }
        };
    model.chat(number(), handler);
    assertThat(String.join("", handler.pieces)).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(handler.complete).isNotNull();
    assertThat(handler.errors)
        .hasSize(handler.pieces.size() + 1)
        .allSatisfy(error -> assertThat(error).isSameAs(wrong));
  }

  @Test
  void aFailureGoesToTheHandler() {
    Handler handler = new Handler();
    model.chat(impossible(), handler);
    assertThat(handler.errors)
        .singleElement()
        .satisfies(error -> assertThat(error).isInstanceOf(InvalidRequestException.class));
    assertThat(handler.complete).isNull();
    assertThat(heard).containsExactly("request", "error");
  }

  /** Notes what it is told; requests as many events at first as it is told to. */
  private static class Subscriber implements Flow.Subscriber<ChatModelStreamingEvent> {
    final List<ChatModelStreamingEvent> events = new ArrayList<>();
    final List<Throwable> errors = new ArrayList<>();
    private final long first;
    int completed;
    Flow.@Nullable Subscription subscription;

    Subscriber(long first) {
      this.first = first;
    }

    @Override
    public void onSubscribe(Flow.Subscription made) {
      subscription = made;
      if (first != 0) {
        made.request(first);
      }
    }

    @Override
    public void onNext(ChatModelStreamingEvent event) {
      events.add(event);
    }

    @Override
    public void onError(Throwable error) {
      errors.add(error);
    }

    @Override
    public void onComplete() {
      completed++;
    }

    Flow.Subscription subscription() {
      return Objects.requireNonNull(subscription);
    }
  }

  private static String text(List<ChatModelStreamingEvent> events) {
    StringBuilder text = new StringBuilder();
    events.forEach(
        event -> text.append(event instanceof PartialResponse piece ? piece.text() : ""));
    return text.toString();
  }

  @Test
  void aSubscriberIsToldPiecesThenTheWhole() {
    Subscriber subscriber = new Subscriber(Long.MAX_VALUE);
    model.chat(number()).subscribe(subscriber);
    assertThat(text(subscriber.events)).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(subscriber.events.getLast()).isInstanceOf(CompleteResponse.class);
    assertThat(subscriber.completed).isEqualTo(1);
    assertThat(subscriber.errors).isEmpty();
    assertThat(heard).containsExactly("request", "response");
  }

  @Test
  void eachEventWaitsForItsRequest() throws InterruptedException {
    Subscriber subscriber = new Subscriber(0);
    Thread answering = new Thread(() -> model.chat(number()).subscribe(subscriber));
    answering.start();
    while (answering.getState() != Thread.State.WAITING) {
      assertThat(answering.isAlive()).isTrue();
      Thread.onSpinWait();
    }
    assertThat(subscriber.events).isEmpty();
    while (answering.isAlive()) {
      subscriber.subscription().request(1);
      answering.join(1);
    }
    assertThat(text(subscriber.events)).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(subscriber.completed).isEqualTo(1);
  }

  @Test
  void aCancelledSubscriptionIsToldNothingMore() {
    Subscriber subscriber =
        new Subscriber(Long.MAX_VALUE) {
          @Override
          public void onNext(ChatModelStreamingEvent event) {
            super.onNext(event);
            subscription().cancel();
          }
        };
    model.chat(number()).subscribe(subscriber);
    assertThat(subscriber.events).hasSize(1);
    assertThat(subscriber.completed).isZero();
    assertThat(subscriber.errors).isEmpty();
    assertThat(heard).containsExactly("request");
  }

  @Test
  void aSubscriberThatThrowsHasCancelled() {
    Subscriber subscriber =
        new Subscriber(Long.MAX_VALUE) {
          @Override
          public void onNext(ChatModelStreamingEvent event) {
            super.onNext(event);
            throw new IllegalStateException("wrong");
          }
        };
    model.chat(number()).subscribe(subscriber);
    assertThat(subscriber.events).hasSize(1);
    assertThat(subscriber.errors).isEmpty();
    assertThat(heard).containsExactly("request");
  }

  @Test
  void failuresAndWrongRequestsEndASubscription() {
    Subscriber failing = new Subscriber(Long.MAX_VALUE);
    model.chat(impossible()).subscribe(failing);
    assertThat(failing.errors)
        .singleElement()
        .satisfies(error -> assertThat(error).isInstanceOf(InvalidRequestException.class));
    assertThat(heard).containsExactly("request", "error");

    Subscriber wrong = new Subscriber(-1);
    model.chat(number()).subscribe(wrong);
    assertThat(wrong.events).isEmpty();
    assertThat(wrong.errors)
        .singleElement()
        .satisfies(error -> assertThat(error).isInstanceOf(IllegalArgumentException.class));
  }
}
