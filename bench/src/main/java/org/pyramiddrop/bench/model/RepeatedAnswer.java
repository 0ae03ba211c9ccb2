package org.pyramiddrop.bench.model;

import java.util.List;
import java.util.function.BiConsumer;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A prompt that is answered again and again, greedily and past any stop token: its recorded prefill
 * and decode step, and its caches.
 */
public final class RepeatedAnswer implements AutoCloseable {
  private final Kernels kernels;
  private final Prompt prompt;
  private final Sampler sampler = new Sampler(Sampling.greedy());
  private final SequenceRunner runner;
  private final BiConsumer<List<ImageCuts>, List<Tensor>> encoder;
  private int steps;

  /**
   * Takes the memory.
   *
   * @param prompt as it enters the decoder under the plan
   * @param furtherTokens that there is room for behind the first one
   * @param encoder of the images: their cuts, if there are any, and where embeddings go
   */
  RepeatedAnswer(
      Engine engine,
      Prompt prompt,
      PruningPlan plan,
      int furtherTokens,
      BiConsumer<List<ImageCuts>, List<Tensor>> encoder) {
    kernels = engine.kernels();
    this.prompt = prompt;
    this.encoder = encoder;
    runner =
        new SequenceRunner(
            kernels, engine.decoder(), SequenceRunner.Shape.of(prompt, plan, furtherTokens));
  }

  /** All token ids, the image token as often as tokens of the image enter the decoder. */
  public int[] ids() {
    return prompt.ids();
  }

  /** The prompt as it enters the decoder. */
  public PromptShape shape() {
    return prompt.shape();
  }

  /** Its images before any cut. */
  public List<ImageShape> imageShapes() {
    return prompt.imageShapes();
  }

  /** Encodes the images, cut in the vision tower where the plan does, and waits for them. */
  public void encode() {
    encoder.accept(runner.imageCuts(), runner.imageEmbeddings());
    runner.imageEmbeddings().forEach(image -> kernels.download(image.rows(image.rows() - 1, 1)));
  }

  /** Runs the prompt with the images as they were encoded last, and waits for the first token. */
  public int prefill() {
    steps = 0;
    return number(runner.prefill(prompt, sampler));
  }

  /** Runs the token that came last, and waits for the one after it. */
  public int decodeStep() {
    int token = runner.decodeStep(steps, sampler);
    steps++;
    return number(token);
  }

  /** From pixels to the first token, which alone is waited for. */
  public int first() {
    encoder.accept(runner.imageCuts(), runner.imageEmbeddings());
    return prefill();
  }

  /** From pixels to an answer of that many tokens, each waited for. */
  public int[] answer(int tokens) {
    int[] answer = new int[tokens];
    answer[0] = first();
    for (int i = 1; i < tokens; i++) {
      answer[i] = decodeStep();
    }
    return answer;
  }

  private static int number(int token) {
    if (token < 0) {
      throw new IllegalStateException("the model's output is not a number");
    }
    return token;
  }

  /** The logits that the last token was chosen by. */
  public float[] logits() {
    return runner.logits();
  }

  /** Bytes that keys and values take, room for further tokens included. */
  public long keyValueBytes() {
    return runner.cacheBytes();
  }

  /** Profiles of the way from ids and embeddings to the first token. */
  public List<Profile> profilePrefill(Profile.Order order, int runs) {
    try (Recording recording = runner.recordPrefill()) {
      return recording.profile(order, runs);
    }
  }

  /** Profiles of the way from one token to the next, the prompt's keys and values before it. */
  public List<Profile> profileDecodeStep(Profile.Order order, int runs) {
    try (Recording recording = runner.recordDecodeStep()) {
      return recording.profile(order, runs);
    }
  }

  @Override
  public void close() {
    runner.close();
  }
}
