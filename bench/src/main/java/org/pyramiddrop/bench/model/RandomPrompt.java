package org.pyramiddrop.bench.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.pruning.PromptShape;

/** A prompt of random token ids and random image embeddings, for a decoder alone. */
public record RandomPrompt(Engine engine, Prompt prompt, long seed) {
  static RandomPrompt of(Engine engine, PromptShape shape, long seed) {
    List<Prompt.Span> spans = new ArrayList<>();
    int at = 0;
    for (int i = 0; i < shape.images().size(); i++) {
      at += shape.text().get(i);
      spans.add(new Prompt.Span(at, shape.images().get(i)));
      at += shape.images().get(i);
    }
    int tokens = shape.textTokens() + shape.imageTokens();
    int[] ids = new Random(seed).ints(tokens, 0, engine.decoder().vocabulary()).toArray();
    return new RandomPrompt(engine, new Prompt(ids, spans), seed);
  }

  /** Draws the images' embeddings. */
  void draw(List<Tensor> images) {
    for (int i = 0; i < images.size(); i++) {
      int size = images.get(i).rows() * images.get(i).columns();
      engine.kernels().upload(RandomNumbers.floats(size, seed + i), images.get(i));
    }
  }
}
