package org.pyramiddrop.bench.compare;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Jlama's matrix kernels in a Java process of their own ({@link JlamaMain}): it switches off bounds
 * checks of all vector accesses in its virtual machine, and neither side's calls shape what the
 * compiler makes of the other's.
 */
final class JlamaSide extends PeerProcess {
  private JlamaSide(Process process) {
    super(process);
  }

  /**
   * Starts the process with this one's class path.
   *
   * @param threads of its pool
   * @throws PeerProcess.Failure if it ends at once
   */
  static JlamaSide start(int threads) {
    Process process;
    try {
      process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--add-modules=jdk.incubator.vector",
                  "--sun-misc-unsafe-memory-access=allow",
                  "-Djlama.force_panama_tensor_operations=true",
                  "-cp",
                  System.getProperty("java.class.path"),
                  JlamaMain.class.getName(),
                  String.valueOf(threads))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
    } catch (IOException e) {
      throw new Failure("Java can't be started for Jlama: " + e.getMessage());
    }
    try {
      return new JlamaSide(process);
    } catch (Failure e) {
      process.destroy();
      throw new Failure("Jlama " + e.getMessage() + "; leave it out with --without jlama");
    }
  }

  @Override
  public String name() {
    return "Jlama";
  }

  @Override
  boolean has(String operation) {
    return operation.equals("linear");
  }
}
