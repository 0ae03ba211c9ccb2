package org.pyramiddrop.spark;

import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;

/**
 * The models that are open in this JVM. Each is opened by the first task that wants it and closed
 * when the JVM ends. They are static because nothing else is common to an executor's tasks, each of
 * which gets its own copy of all that it runs.
 */
final class OpenModels {
  private static final String VECTOR_API = "jdk.incubator.vector";
  private static final String JAVA_OPTIONS =
      "--add-modules " + VECTOR_API + " --enable-native-access=ALL-UNNAMED";
  private static final String CORES = "spark.executor.cores";

  private static final Map<Key, Llava> OPEN = new HashMap<>();

  /** A model on a device. */
  private record Key(ExecutorModel model, Backend device) {}

  private OpenModels() {}

  /**
   * The model for a task; other tasks that want one wait while it is loaded.
   *
   * @throws IllegalStateException if it can't be loaded for want of Java's options, which it names,
   *     or the task was given a GPU that it can't run on
   * @throws DeviceException if its device can't be had
   * @throws org.pyramiddrop.loader.CheckpointException if the folder is none of a model that can be
   *     run
   */
  static Llava forTask(ExecutorModel model, TaskContext task) {
    Backend device =
        TaskDevice.of(model.backend(), task.resourcesJMap(), System.getenv("CUDA_VISIBLE_DEVICES"));
    int cores = SparkEnv.get().conf().getInt(CORES, Runtime.getRuntime().availableProcessors());
    return open(new Key(model, device), cores);
  }

  private static synchronized Llava open(Key key, int cores) {
    Llava open = OPEN.get(key);
    if (open == null) {
      open = load(key, cores);
      if (OPEN.isEmpty()) {
        Runtime.getRuntime()
            .addShutdownHook(Thread.ofPlatform().name("close models").unstarted(OpenModels::close));
      }
      OPEN.put(key, open);
    }
    return open;
  }

  private static Llava load(Key key, int cores) {
    try {
      return Llava.load(key.model().path(), key.model().loading(key.device(), cores));
    } catch (DeviceException e) {
      if (hasJavaOptions()) {
        throw e;
      }
      throw new IllegalStateException(
          "%s. The task's Java was started without %s: put it into spark.executor.extraJavaOptions, or in local mode among your program's own options"
              .formatted(e.getMessage(), JAVA_OPTIONS),
          e);
    }
  }

  private static boolean hasJavaOptions() {
    return ModuleLayer.boot().findModule(VECTOR_API).isPresent()
        && OpenModels.class.getModule().isNativeAccessEnabled();
  }

  private static synchronized void close() {
    OPEN.values().forEach(Llava::close);
    OPEN.clear();
  }
}
