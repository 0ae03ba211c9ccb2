package org.pyramiddrop.transformer;

import java.util.Locale;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** An answer as Java Flight Recorder sees it, from the question to the last token. */
@Name("org.pyramiddrop.Answer")
@Label("Answer")
@Description("A question that was answered, and where its time went")
@Category("PyramidDrop")
@StackTrace(false)
final class AnswerEvent extends Event {
  private static final double NANOS_PER_MILLI = 1e6;

  @Label("Prompt Tokens")
  @Description("Tokens of the prompt, image tokens included, before any cut")
  int promptTokens;

  @Label("Image Tokens")
  @Description("Image tokens before any cut")
  int imageTokens;

  @Label("Answer Tokens")
  @Description("Generated tokens")
  int answerTokens;

  @Label("Finish")
  @Description("Why the answer ended: stop, length or cancelled")
  String finish = "";

  @Label("Time to First Token")
  @Description("Vision and prefill, waiting for other questions included")
  @Timespan(Timespan.NANOSECONDS)
  long timeToFirstToken;

  @Label("Tokens per Second")
  @Description("Tokens behind the first one, by the time of all decode steps")
  double tokensPerSecond;

  @Label("Vision")
  @Description("Vision tower and projector over the images")
  @Timespan(Timespan.NANOSECONDS)
  long vision;

  @Label("Prefill")
  @Description("The decoder over the prompt, up to the first token")
  @Timespan(Timespan.NANOSECONDS)
  long prefill;

  @Label("Decode")
  @Description("Every decode step")
  @Timespan(Timespan.NANOSECONDS)
  long decode;

  @Label("Backend")
  @Description("The device: cpu, native or cuda")
  String backend = "";

  /** One that begins now. */
  static AnswerEvent begun() {
    AnswerEvent event = new AnswerEvent();
    event.begin();
    return event;
  }

  /** Ends it, and writes it down if a recording wants it. */
  void answered(Answer answer, String device) {
    end();
    if (!shouldCommit()) {
      return;
    }
    promptTokens = answer.promptTokens();
    imageTokens = answer.imageTokens();
    answerTokens = answer.tokenIds().size();
    finish = answer.finish().name().toLowerCase(Locale.ROOT);
    Timings timings = answer.timings();
    timeToFirstToken = nanos(timings.timeToFirstTokenMillis());
    tokensPerSecond = answer.tokensPerSecond();
    vision = nanos(timings.visionMillis());
    prefill = nanos(timings.prefillMillis());
    decode = nanos(timings.decodeMillis());
    backend = device;
    commit();
  }

  private static long nanos(double millis) {
    return Math.round(millis * NANOS_PER_MILLI);
  }
}
