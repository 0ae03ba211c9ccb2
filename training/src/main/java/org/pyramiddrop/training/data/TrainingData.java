package org.pyramiddrop.training.data;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.OneLine;
import org.pyramiddrop.loader.dataset.DatasetIndex;
import org.pyramiddrop.loader.dataset.ImageFolder;

/**
 * LLaVA's training data: a JSON array of {@code {"id", "image", "conversations": [{"from": "human"
 * or "gpt", "value"}]}}, or such objects line by line, which is recognised by content. {@code
 * image} is missing, a name, or a list of names inside the images' folder. {@code <image>} in a
 * human turn is the place of the sample's next picture and no word; what is left of the turn is
 * stripped. An answer's words are taken as they are.
 *
 * <p>All samples are checked when the data is opened, and read again when they are wanted, so that
 * a file of a gigabyte takes no memory to speak of. Safe for use from several threads.
 */
public final class TrainingData implements AutoCloseable {
  private final DatasetIndex entries;
  private final SampleReader reader;

  /** Places in the file of those that aren't bad. */
  private final int[] good;

  private TrainingData(DatasetIndex entries, SampleReader reader, int[] good) {
    this.entries = entries;
    this.reader = reader;
    this.good = good;
  }

  /**
   * Opens a file and checks every sample in it; pictures must be there, but aren't opened.
   *
   * @param images the folder that pictures are named in
   * @param template of the model that will learn; says whether there may be system turns
   * @param skipped hears of each bad sample that is skipped, in one line
   * @throws IllegalArgumentException if a sample is bad and isn't skipped, if no sample is left, or
   *     if the file can't be read; in one line that names file, line or element, and id
   */
  public static TrainingData open(
      Path file,
      Path images,
      ChatTemplate template,
      BadSamples badSamples,
      Consumer<String> skipped) {
    SampleReader reader = new SampleReader(new ImageFolder(images), template);
    DatasetIndex entries = DatasetIndex.open(file);
    try {
      int[] good = check(entries, reader, badSamples, skipped);
      if (good.length == 0) {
        throw new IllegalArgumentException(
            entries.size() == 0
                ? file + " holds no sample"
                : "%s: all of its %d samples are bad".formatted(file, entries.size()));
      }
      return new TrainingData(entries, reader, good);
    } catch (RuntimeException e) {
      entries.close();
      throw e;
    }
  }

  private static int[] check(
      DatasetIndex entries, SampleReader reader, BadSamples badSamples, Consumer<String> skipped) {
    int[] good = new int[entries.size()];
    int count = 0;
    for (int i = 0; i < entries.size(); i++) {
      try {
        sample(entries, reader, i);
        good[count++] = i;
      } catch (IllegalArgumentException e) {
        if (badSamples == BadSamples.STOP) {
          throw e;
        }
        skipped.accept(OneLine.of(e.getMessage()));
      }
    }
    return Arrays.copyOf(good, count);
  }

  private static TrainingSample sample(DatasetIndex entries, SampleReader reader, int index) {
    try {
      return reader.sample(entries.entry(index));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(OneLine.of(e.getMessage()), e);
    }
  }

  /** How many samples there are, bad ones not counted. */
  public int size() {
    return good.length;
  }

  /** How many bad samples were skipped. */
  public int skipped() {
    return entries.size() - good.length;
  }

  /** Tells these samples from others, for a run that goes on with them. */
  public long checksum() {
    return 31 * (31 * entries.checksum() + good.length) + Arrays.hashCode(good);
  }

  /**
   * Reads a sample.
   *
   * @param index from 0, in the file's order, bad ones not counted
   * @throws IllegalArgumentException if the file or a picture has changed or gone since it was
   *     opened
   */
  public TrainingSample sample(int index) {
    return sample(entries, reader, good[index]);
  }

  /** Closes the file. */
  @Override
  public void close() {
    entries.close();
  }
}
