package org.pyramiddrop.bench.accuracy.dataset;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Questions about images, and how answers to them are scored.
 *
 * @param name the folder's or the file's, without its ending
 * @param samples at least one, in the file's order
 * @param suffix text put behind each question, "" for none
 */
public record Dataset(String name, List<Sample> samples, Metric metric, String suffix) {
  private static final String QUESTIONS = "questions.jsonl";

  // LLaVA 1.5's evaluation puts this behind each question of TextVQA and of POPE.
  private static final String SHORT_ANSWER = "\nAnswer the question using a single word or phrase.";

  /** Refuses an empty dataset, and one with answers that the metric can't score against. */
  public Dataset {
    samples = List.copyOf(samples);
    if (samples.isEmpty()) {
      throw new IllegalArgumentException(name + " holds no question");
    }
    for (Sample sample : samples) {
      metric.requireScorable(sample.answers());
    }
  }

  /**
   * Reads the questions and finds their images.
   *
   * <p>LLaVA's own evaluation of TextVQA also shows the model the text that a reader of the images
   * found; TextVQA's file has no such text, so scores lie lower than those LLaVA published.
   *
   * @param folderOrFile a file, or a folder with {@code questions.jsonl}
   * @param format {@link DatasetFormat#AUTO} to recognise it by content
   * @param images the folder that images are named in, null for the format's own
   * @throws IllegalArgumentException if there is none, if a line is malformed (named with file and
   *     line), if an image lies outside the folder or is missing, or if there is no question
   */
  public static Dataset read(Path folderOrFile, DatasetFormat format, @Nullable Path images) {
    boolean folder = Files.isDirectory(folderOrFile);
    Path file = folder ? folderOrFile.resolve(QUESTIONS) : folderOrFile;
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          "no file %s; name a file of questions, or a folder with images and %s"
              .formatted(file, QUESTIONS));
    }
    DatasetFormat known = format == DatasetFormat.AUTO ? DatasetFormat.recognise(file) : format;
    return new Dataset(
        name(folderOrFile, folder),
        known.read(file, images == null ? file.resolveSibling(known.images) : images),
        known.metric,
        known == DatasetFormat.JSONL ? "" : SHORT_ANSWER);
  }

  /**
   * A random subset in the original order; the same seed gives the same, and a larger count adds to
   * it.
   *
   * @param count at least 1; as many as there are, or more, gives all
   */
  public Dataset first(int count, long seed) {
    if (count < 1) {
      throw new IllegalArgumentException("expected at least 1 question, not " + count);
    }
    if (count >= samples.size()) {
      return this;
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, samples.size()).boxed().toList());
    Collections.shuffle(order, new Random(seed));
    List<Sample> chosen = order.stream().limit(count).sorted().map(samples::get).toList();
    return new Dataset(name, chosen, metric, suffix);
  }

  public Dataset withMetric(Metric other) {
    return new Dataset(name, samples, other, suffix);
  }

  private static String name(Path folderOrFile, boolean folder) {
    Path last = folderOrFile.toAbsolutePath().normalize().getFileName();
    String name = last == null ? "dataset" : last.toString();
    return folder ? name : name.replaceFirst("\\.jsonl?$", "");
  }

  /**
   * One question about one image.
   *
   * @param id names it; no two samples of a dataset share one
   * @param image an existing file
   * @param question as the dataset has it, without {@link Dataset#suffix}
   * @param answers every accepted one, possibly with repeats (VQA asks ten people); at least one
   */
  public record Sample(String id, Path image, String question, List<String> answers) {
    /** Refuses a sample without an answer. */
    public Sample {
      answers = List.copyOf(answers);
      if (answers.isEmpty()) {
        throw new IllegalArgumentException("question " + id + " has no accepted answer");
      }
    }
  }
}
