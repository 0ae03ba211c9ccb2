package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;

/**
 * What a whole model is given.
 *
 * @param ids the prompt, the image token once
 * @param pixels the image as the vision tower takes it
 */
record ModelInput(List<Integer> ids, Pixels pixels) {
  /**
   * A question about an image, in the model's own template and through its own preprocessing.
   *
   * @throws IllegalArgumentException if the model cuts images into tiles
   */
  static ModelInput of(Path model, Path image, String question) {
    LlavaConfig config = LlavaConfig.read(model);
    if (config.anyResolution()) {
      throw new IllegalArgumentException(
          model + " cuts images into tiles; compare with a model of one view, as LLaVA-1.5 is");
    }
    Pixels pixels = ImageProcessor.read(model, config).process(Image.read(image)).getFirst();
    String text =
        ChatTemplate.read(model).render(List.of(new ChatTurn(Role.USER, 1, question)), true);
    try (Tokenizer tokenizer = Tokenizer.open(model)) {
      return new ModelInput(IntStream.of(tokenizer.encode(text, true)).boxed().toList(), pixels);
    }
  }

  /** Random pixels, with random tokens of text before and behind them. */
  static ModelInput random(LlavaConfig config, long seed) {
    int side = config.vision().imageSize();
    return new ModelInput(
        ModelOnDevice.randomIds(config, ModelWork.TEXT_TOKENS, seed),
        TowerInput.random(config, new Resolution(side, side), seed).crops().getFirst());
  }
}
