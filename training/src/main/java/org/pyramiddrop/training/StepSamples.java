package org.pyramiddrop.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.training.data.BadSamples;
import org.pyramiddrop.training.data.ConversationEncoder;
import org.pyramiddrop.training.data.EncodedConversation;
import org.pyramiddrop.training.data.SampleOrder;
import org.pyramiddrop.training.data.TrainingData;
import org.pyramiddrop.training.data.TrainingSample;
import org.pyramiddrop.training.model.TrainedSample;

/** Reads the samples that each step takes; which ones follows from seed and step alone. */
public record StepSamples(
    TrainingData data,
    ConversationEncoder encoder,
    ImageProcessor processor,
    LlavaConfig config,
    TrainingOptions.Batch batch,
    long seed) {
  /** Steps that take every sample once. */
  public int stepsPerEpoch() {
    return Math.ceilDiv(data.size(), batch.samples());
  }

  /**
   * The samples of a step, ready for the model.
   *
   * @param step from 1
   * @param skipped hears of samples that are left out, in a line each
   * @throws IllegalArgumentException if one can't be learnt from and isn't to be skipped, or none
   *     is left; the line says where it is
   */
  public List<TrainedSample> of(int step, Consumer<String> skipped) {
    int epoch = (step - 1) / stepsPerEpoch();
    int first = (step - 1) % stepsPerEpoch() * batch.samples();
    int[] order = SampleOrder.of(seed, epoch, data.size());
    List<TrainedSample> samples = new ArrayList<>();
    int last = Math.min(first + batch.samples(), order.length);
    for (int i = first; i < first + order.length; i++) {
      // Of a step whose samples are all bad, the next good one takes the place.
      if (i >= last && !samples.isEmpty()) {
        break;
      }
      try {
        samples.add(read(data.sample(order[i % order.length])));
      } catch (IllegalArgumentException e) {
        if (batch.badSamples() == BadSamples.STOP) {
          throw e;
        }
        skipped.accept(String.valueOf(e.getMessage()));
      }
    }
    if (samples.isEmpty()) {
      throw new IllegalArgumentException("there is no sample left to learn from");
    }
    return samples;
  }

  private TrainedSample read(TrainingSample sample) {
    EncodedConversation conversation = encoder.encode(sample);
    for (int query : conversation.queries()) {
      if (conversation.ids()[query] == config.imageTokenId()) {
        throw new IllegalArgumentException(
            sample.where() + ": an answer has no word right before it to predict it");
      }
    }
    List<ImageLayout> layouts = new ArrayList<>();
    List<List<Pixels>> crops = new ArrayList<>();
    try {
      for (Path file : sample.images()) {
        Image image = Image.read(file);
        layouts.add(processor.layout(image));
        crops.add(processor.process(image));
      }
    } catch (ImageException | CheckpointException e) {
      throw new IllegalArgumentException(sample.where() + ": " + e.getMessage(), e);
    }
    TrainedSample read =
        new TrainedSample(conversation.ids(), conversation.answer(), layouts, crops);
    long tokens = (long) read.ids().length - layouts.size() + read.imageTokens();
    if (tokens > config.text().maxPositions()) {
      throw new IllegalArgumentException(
          "%s: its %d tokens, %d of them of images, don't fit into the model's %d positions"
              .formatted(sample.where(), tokens, read.imageTokens(), config.text().maxPositions()));
    }
    return read;
  }
}
