package org.pyramiddrop.bench.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** A prompt of random token ids and random image embeddings, for a decoder alone. */
public final class RandomPrompt implements AutoCloseable {
  private final Engine engine;
  private final Prompt prompt;
  private final Resources owned = new Resources();
  private final List<Tensor> images;

  RandomPrompt(Engine engine, PromptShape shape, long seed) {
    this.engine = engine;
    Decoder decoder = engine.decoder();
    List<Prompt.Span> spans = new ArrayList<>();
    int at = 0;
    for (int i = 0; i < shape.images().size(); i++) {
      at += shape.text().get(i);
      spans.add(new Prompt.Span(at, shape.images().get(i)));
      at += shape.images().get(i);
    }
    int tokens = shape.textTokens() + shape.imageTokens();
    prompt = new Prompt(new Random(seed).ints(tokens, 0, decoder.vocabulary()).toArray(), spans);
    images = engine.allocateEmbeddings(spans, owned);
    for (int i = 0; i < images.size(); i++) {
      int size = images.get(i).rows() * images.get(i).columns();
      engine.kernels().upload(RandomNumbers.floats(size, seed + i), images.get(i));
    }
  }

  /**
   * Gives the prompt what an answer has: caches with room for it, prefill and step as recordings.
   *
   * @param furtherTokens that there is room for behind the first one
   */
  public RepeatedAnswer answer(PruningPlan plan, int furtherTokens) {
    RepeatedAnswer answer = new RepeatedAnswer(engine, prompt, plan, furtherTokens, this::copy);
    answer.encode();
    return answer;
  }

  private void copy(List<Tensor> embeddings) {
    for (int i = 0; i < images.size(); i++) {
      engine.kernels().copy(images.get(i), embeddings.get(i));
    }
  }

  Prompt prompt() {
    return prompt;
  }

  /** The embedded prompt, which the caller closes. */
  Tensor embed(Indices ids) {
    return engine.decoder().embedPrompt(ids, prompt.images(), images);
  }

  @Override
  public void close() {
    owned.close();
  }
}
