package org.pyramiddrop.serve;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Scheduler;
import org.pyramiddrop.transformer.SchedulerLoad;
import org.pyramiddrop.transformer.Stage;

/** What a server counts, in Prometheus' text format. */
final class Metrics {
  static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

  private static final double NANOS_PER_SECOND = 1e9;
  private static final double[] SECONDS = {.01, .03, .1, .3, 1, 3, 10, 30, 100, 300};
  private static final double[] RATES = {1, 3, 10, 30, 100, 300, 1000, 3000, 10000};

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
  private final Counter requests =
      Counter.builder()
          .name("pyramiddrop_requests_total")
          .help("Chat completions by what they ended with: an HTTP status, or cancelled")
          .labelNames("status")
          .register(registry);
  private final Histogram firstToken =
      Histogram.builder()
          .name("pyramiddrop_time_to_first_token_seconds")
          .help("From a request's body to its first token, waiting for a place included")
          .classicUpperBounds(SECONDS)
          .register(registry);
  private final Histogram request =
      Histogram.builder()
          .name("pyramiddrop_request_seconds")
          .help("From a request's body to the end of its answer")
          .classicUpperBounds(SECONDS)
          .register(registry);
  private final Histogram rate =
      Histogram.builder()
          .name("pyramiddrop_tokens_per_second")
          .help("Tokens of an answer behind its first, by the time from that one to the last")
          .classicUpperBounds(RATES)
          .register(registry);
  private final Counter promptTokens =
      Counter.builder()
          .name("pyramiddrop_prompt_tokens_total")
          .help("Tokens of prompts before any cut, image tokens included")
          .register(registry);
  private final Counter answerTokens =
      Counter.builder()
          .name("pyramiddrop_generated_tokens_total")
          .help("Tokens of answers")
          .register(registry);
  private final Counter imageTokens =
      Counter.builder()
          .name("pyramiddrop_image_tokens_total")
          .help("Image tokens before any cut")
          .register(registry);
  private final Counter keptTokens =
      Counter.builder()
          .name("pyramiddrop_image_tokens_kept_total")
          .help("Image tokens that were there in each stage of the decoder")
          .labelNames("stage")
          .register(registry);

  Metrics(Scheduler scheduler) {
    gauge(
        "pyramiddrop_requests_running",
        "Requests that are answered",
        scheduler,
        load -> load.running());
    gauge(
        "pyramiddrop_requests_waiting",
        "Requests that wait for a place",
        scheduler,
        load -> load.waiting());
    gauge(
        "pyramiddrop_key_value_bytes",
        "Bytes of keys and values of the requests that are answered",
        scheduler,
        load -> load.keyValueBytes());
  }

  private void gauge(
      String name, String help, Scheduler scheduler, ToDoubleFunction<SchedulerLoad> value) {
    GaugeWithCallback.builder()
        .name(name)
        .help(help)
        .callback(callback -> callback.call(value.applyAsDouble(scheduler.load())))
        .register(registry);
  }

  void ended(int status) {
    requests.labelValues(Integer.toString(status)).inc();
  }

  void cancelled() {
    requests.labelValues("cancelled").inc();
  }

  /** Counts the first token of a request that began then, by {@link System#nanoTime}. */
  void firstToken(long began) {
    firstToken.observe(secondsSince(began));
  }

  /** Counts an answer to a request that began then. */
  void answered(Answer answer, long began) {
    request.observe(secondsSince(began));
    if (answer.tokensPerSecond() > 0) {
      rate.observe(answer.tokensPerSecond());
    }
    promptTokens.inc(answer.promptTokens());
    answerTokens.inc(answer.tokenIds().size());
    imageTokens.inc(answer.imageTokens());
    List<Stage> stages = answer.stages();
    for (int stage = 0; stage < stages.size(); stage++) {
      keptTokens.labelValues(Integer.toString(stage)).inc(stages.get(stage).imageTokens());
    }
  }

  private static double secondsSince(long began) {
    return (System.nanoTime() - began) / NANOS_PER_SECOND;
  }

  /** All of it now. */
  byte[] text() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      writer.write(out, registry.scrape());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }
}
