package org.pyramiddrop.bench.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;

/**
 * What a whole model is asked.
 *
 * @param ids the prompt, the image token once
 */
public record ModelInput(List<Integer> ids, TowerInput image) {
  /**
   * A question about an image, in the model's own template and through its own preprocessing.
   *
   * @throws IllegalArgumentException if the model cuts images into tiles
   */
  public static ModelInput of(Path model, Path image, String question) {
    LlavaConfig config = LlavaConfig.read(model);
    if (config.anyResolution()) {
      throw new IllegalArgumentException(
          model + " cuts images into tiles; compare with a model of one view, as LLaVA-1.5 is");
    }
    List<Pixels> crops = ImageProcessor.read(model, config).process(Image.read(image));
    Resolution size = new Resolution(crops.getFirst().height(), crops.getFirst().width());
    String text =
        ChatTemplate.read(model).render(List.of(new ChatTurn(Role.USER, 1, question)), true);
    try (Tokenizer tokenizer = Tokenizer.open(model)) {
      return new ModelInput(
          IntStream.of(tokenizer.encode(text, true)).boxed().toList(),
          new TowerInput(size, ImageLayout.of(config, size), crops));
    }
  }

  /** Random words, and random pixels in their middle. */
  public static ModelInput random(LlavaConfig config, Resolution size, int textTokens, long seed) {
    // Ids from the image token on are no text.
    List<Integer> ids =
        new ArrayList<>(
            new Random(seed).ints(textTokens, 0, config.imageTokenId()).boxed().toList());
    ids.add(textTokens / 2, config.imageTokenId());
    return new ModelInput(ids, TowerInput.random(config, size, seed));
  }
}
