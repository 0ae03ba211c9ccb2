package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.engine.StopStrings;
import org.pyramiddrop.transformer.engine.TextStream;
import org.pyramiddrop.transformer.pruning.Flops;

/** One answer as its tokens come, up to the reason it ends. */
final class Generation {
  private final Model model;
  private final int most;
  private final int likeliest;
  private final TextStream stream;
  private final StopStrings stops;
  private final TokenListener listener;
  private final StringBuilder text = new StringBuilder();
  private final List<Integer> ids = new ArrayList<>();
  private final List<TokenProbability> probabilities = new ArrayList<>();
  private Finish finish = Finish.LENGTH;

  /**
   * Begins an answer.
   *
   * @param most tokens it may have
   */
  Generation(Model model, int most, TextStream stream, Options options, TokenListener listener) {
    this.model = model;
    this.most = most;
    this.stream = stream;
    this.listener = listener;
    likeliest = options.logProbabilities();
    stops = new StopStrings(options.stop());
  }

  /** A token and, where the answer tells log-probabilities, the logits it was sampled from. */
  static final class SampledToken {
    private final int token;
    private final float[] logits;

    private SampledToken(int token, float[] logits) {
      this.token = token;
      this.logits = logits;
    }
  }

  /**
   * What a runner sampled last, within the turn it did so in.
   *
   * @param token -1 if a logit is NaN
   */
  SampledToken sampled(int token, SequenceRunner runner) {
    return new SampledToken(token, likeliest >= 0 && token >= 0 ? runner.logits() : new float[0]);
  }

  /** Accepts the next token, and says whether another one is wanted. */
  boolean accept(SampledToken sampled) {
    int token = sampled.token;
    if (token < 0) {
      throw new NanLogitsException(model.folder(), model.dtype());
    }
    if (model.stopTokens().contains(token)) {
      return end(Finish.STOP);
    }
    ids.add(token);
    if (likeliest >= 0) {
      probabilities.add(TokenProbability.of(sampled.logits, token, likeliest));
    }
    String piece = stops.add(stream.add(token));
    text.append(piece);
    if (!listener.onToken(token, piece) || Thread.currentThread().isInterrupted()) {
      return end(Finish.CANCELLED);
    }
    if (stops.found()) {
      return end(Finish.STOP);
    }
    return ids.size() < most || end(Finish.LENGTH);
  }

  /**
   * Ends the answer; bytes that never became a character, and what may have been the beginning of a
   * stop string, are told with the last token again.
   */
  private boolean end(Finish why) {
    String rest = stops.add(stream.finish()) + stops.finish();
    text.append(rest);
    finish = stops.found() && why == Finish.LENGTH ? Finish.STOP : why;
    if (!rest.isEmpty() && why != Finish.CANCELLED) {
      listener.onToken(ids.getLast(), rest);
    }
    return false;
  }

  /** How many tokens of the answer decode steps have run; the one accepted last is the next. */
  int tokensRun() {
    return ids.size() - 1;
  }

  /**
   * The answer, once no token is wanted any more.
   *
   * @param cuts what cuts before the decoder made of the images
   * @param top the highest logits of the first step
   * @param flops what the prompt cost
   */
  Answer answer(
      Prompt prompt,
      SequenceRunner runner,
      List<CutTokens> cuts,
      List<Stage> stages,
      List<TokenLogit> top,
      Flops flops,
      Timings timings) {
    return new Answer(
        text.toString(),
        ids,
        finish,
        prompt.originalLength(),
        prompt.originalImageTokens(),
        stages,
        top,
        flops,
        timings,
        runner.cacheBytes(),
        probabilities,
        cuts);
  }
}
