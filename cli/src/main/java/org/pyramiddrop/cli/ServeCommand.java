package org.pyramiddrop.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jline.utils.Signals;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.serve.ModelServer;
import org.pyramiddrop.serve.ServerOptions;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.SchedulerLimits;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Serves a model over HTTP until a signal ends it. */
@Command(
    name = "serve",
    description = {
      "Answers requests over HTTP as OpenAI's API has it: /v1/chat/completions and /v1/models; beside"
          + " it /health, /metrics and a page to try it at /. Prints its address once it listens.",
      "SIGTERM or Ctrl-C stops it: it takes no new requests, ends running ones, and ends with 0. A"
          + " second one ends it at once."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ServeCommand implements Callable<Integer> {
  /** Holds the key where --key-file names no file. */
  static final String KEY = "PYRAMIDDROP_API_KEY";

  private static final long MEBIBYTE = 1L << 20;
  private static final ServerOptions DEFAULTS = ServerOptions.defaults("");

  private final PrintWriter out;
  private final PrintWriter err;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--name",
      paramLabel = "TEXT",
      description = "What requests call the model; the name of its folder if it isn't given.")
  private @Nullable String name;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      description = "Where to listen; ${DEFAULT-VALUE}, which other machines can't reach.")
  private String host = DEFAULTS.host();

  @Option(
      names = "--port",
      paramLabel = "N",
      description = "The port; ${DEFAULT-VALUE}. 0 takes one that is free.")
  private int port = 8080;

  @Option(
      names = "--key-file",
      paramLabel = "FILE",
      description =
          "A file whose first line is a key that requests have to bring. Without it, what "
              + KEY
              + " holds; without both, anybody may ask.")
  private @Nullable Path keyFile;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "The longest answer where a request says nothing; ${DEFAULT-VALUE}.")
  private int maxTokens = 128;

  @Mixin private PruningOptions pruning = new PruningOptions();

  @Option(
      names = "--rows",
      paramLabel = "N",
      description = "How many requests are answered together; ${DEFAULT-VALUE}.")
  private int rows = DEFAULTS.scheduling().rows();

  @Option(
      names = "--queue",
      paramLabel = "N",
      description = "How many may wait for that; one more is refused. ${DEFAULT-VALUE}.")
  private int queue = DEFAULTS.scheduling().waiting();

  @Option(
      names = "--kv-memory",
      paramLabel = "MIB",
      description =
          "Keys and values of all requests that are answered; half of Java's heap if it isn't given.")
  private @Nullable Long keyValueMebibytes;

  @Option(
      names = "--max-body",
      paramLabel = "MIB",
      description = "The longest request; ${DEFAULT-VALUE}.")
  private int bodyMebibytes = DEFAULTS.mostBodyBytes() >> 20;

  @Option(
      names = "--max-image-pixels",
      paramLabel = "N",
      description = "The most pixels of an image, width times height; ${DEFAULT-VALUE}.")
  private long pixels = DEFAULTS.images().maxPixels();

  @Option(
      names = "--allow-files",
      paramLabel = "DIR",
      description =
          "Let requests name images in this folder by file: URLs. Nothing is ever fetched from the"
              + " web.")
  private @Nullable Path files;

  @Option(
      names = "--stop-within",
      paramLabel = "SECONDS",
      description = "How long running requests have when the server stops; ${DEFAULT-VALUE}.")
  private long stopSeconds = DEFAULTS.stopWithin().toSeconds();

  ServeCommand(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    ServerOptions options = options();
    LlavaConfig config = model.config();
    options.answering().pruning().schedule(config.text().layers());
    model.checkBackend();
    CountDownLatch stopped = new CountDownLatch(1);
    try (Llava llava = load()) {
      try (ModelServer server = start(llava, options)) {
        stopOn("INT", stopped);
        stopOn("TERM", stopped);
        out.println("serving %s at %s".formatted(options.model(), server.address()));
        out.flush();
        stopped.await();
        Signals.registerDefault("INT");
        Signals.registerDefault("TERM");
        out.println("stopping");
        out.flush();
      }
    }
    return 0;
  }

  private Llava load() {
    Progress progress = new Progress("loading the model");
    try (progress) {
      return model.load();
    }
  }

  private ModelServer start(Llava llava, ServerOptions options) {
    try {
      return ModelServer.start(llava, options, this::report);
    } catch (IOException e) {
      throw new RunFailedException(e.getMessage() == null ? e.toString() : e.getMessage(), e);
    }
  }

  private static void stopOn(String signal, CountDownLatch stopped) {
    Signals.register(signal, stopped::countDown);
  }

  private void report(Throwable failure) {
    synchronized (err) {
      err.println("pyramiddrop: a request failed: " + ExitReason.message(failure));
      err.flush();
    }
  }

  private ServerOptions options() {
    if (bodyMebibytes < 1 || bodyMebibytes > Integer.MAX_VALUE / MEBIBYTE) {
      throw new UsageException("--max-body must be 1 to 2047, got " + bodyMebibytes);
    }
    atLeastOne("--rows", rows);
    atLeastOne("--queue", queue);
    Long memory = keyValueMebibytes;
    if (memory != null) {
      atLeastOne("--kv-memory", memory);
      if (memory > Long.MAX_VALUE / MEBIBYTE) {
        throw new UsageException("--kv-memory " + memory + " is more than can be");
      }
    }
    if (stopSeconds < 0) {
      throw new UsageException("--stop-within must not be negative, got " + stopSeconds);
    }
    if (files != null && !Files.isDirectory(files)) {
      throw new UsageException("--allow-files " + files + ": no such folder");
    }
    SchedulerLimits scheduling = DEFAULTS.scheduling().withRows(rows).withWaiting(queue);
    if (memory != null) {
      scheduling = scheduling.withKeyValueBytes(memory * MEBIBYTE);
    }
    ImageLimits images = DEFAULTS.images();
    return ServerOptions.defaults(name == null ? model.name() : name)
        .withAddress(host, port)
        .withAnswering(Options.defaults().withPruning(pruning.plan()).withMaxTokens(maxTokens))
        .withScheduling(scheduling)
        .withImages(new ImageLimits(images.maxBytes(), pixels, images.maxScans(), images.maxTime()))
        .withMostBodyBytes((int) (bodyMebibytes * MEBIBYTE))
        .withKey(key())
        .withFiles(files)
        .withStopWithin(Duration.ofSeconds(stopSeconds));
  }

  private static void atLeastOne(String option, long value) {
    if (value < 1) {
      throw new UsageException(option + " must be at least 1, got " + value);
    }
  }

  private @Nullable String key() {
    if (keyFile == null) {
      return System.getenv(KEY);
    }
    try {
      String key = Files.readString(keyFile).lines().findFirst().orElse("").strip();
      if (key.isEmpty()) {
        throw new UsageException("--key-file " + keyFile + ": its first line is empty");
      }
      return key;
    } catch (NoSuchFileException _) {
      throw new UsageException("--key-file " + keyFile + ": no such file");
    } catch (IOException e) {
      throw new UsageException("--key-file " + keyFile + " can't be read: " + e.getMessage());
    }
  }
}
