package org.pyramiddrop.bench.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * PyTorch and transformers in a Python process: {@code torch_side.py}, or {@code torch_gpu.py} on a
 * GPU.
 */
public final class TorchSide extends PeerProcess {
  static final String NAME = "PyTorch";

  private static final String ADVICE = "; set PYTHON to one with torch and transformers";

  private TorchSide(Process process) {
    super(process);
  }

  /**
   * Starts the process and waits until it has imported PyTorch.
   *
   * @param python an interpreter that has torch and transformers
   * @param more of the script's arguments
   * @throws PeerProcess.Failure if it can't be started or lacks a library
   */
  public static TorchSide start(String python, Path script, int threads, String... more) {
    if (!Files.isRegularFile(script)) {
      throw new IllegalArgumentException(
          "no script at " + script + "; run from the project's root");
    }
    List<String> command = new ArrayList<>();
    command.addAll(List.of(python, script.toString(), "--threads", String.valueOf(threads)));
    command.addAll(List.of(more));
    Process process;
    try {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    } catch (IOException e) {
      throw new Failure(python + " can't be started" + ADVICE);
    }
    try {
      return new TorchSide(process);
    } catch (Failure e) {
      process.destroy();
      throw new Failure(python + " " + e.getMessage() + ADVICE);
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  boolean has(String operation) {
    return true;
  }
}
