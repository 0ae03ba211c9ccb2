package org.pyramiddrop.spark;

import java.util.Map;
import org.apache.spark.resource.ResourceInformation;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Backend;

/** Which device a task's model runs on, by the resources that Spark gave the task. */
final class TaskDevice {
  private static final String GPU = "gpu";

  private TaskDevice() {}

  /**
   * The backend of a task.
   *
   * @param asked what the user wants; {@code AUTO} goes by the resources, and without a GPU takes
   *     what the library takes on a machine that has none
   * @param resources the task's, by name
   * @param visible the process's {@code CUDA_VISIBLE_DEVICES}; null where it isn't set
   * @throws IllegalStateException if Spark gave it a GPU other than the first that the process
   *     sees, which is the one a model runs on: another task's model may run there
   */
  static Backend of(
      Backend asked, Map<String, ResourceInformation> resources, @Nullable String visible) {
    ResourceInformation gpus = resources.get(GPU);
    String given = gpus == null || gpus.addresses().length == 0 ? null : gpus.addresses()[0];
    Backend backend =
        asked != Backend.AUTO ? asked : given == null ? Backend.fastestWithoutGpu() : Backend.CUDA;
    if (backend == Backend.CUDA && given != null) {
      refuseAnother(given, visible == null ? "0" : visible.split(",", -1)[0].strip());
    }
    return backend;
  }

  private static void refuseAnother(String given, String first) {
    // A GPU that is named by its UUID can't be told from its number here.
    if (isNumber(given) && isNumber(first) && !given.equals(first)) {
      throw new IllegalStateException(
          "Spark gave this task GPU %s, but a model runs on the first GPU that its process sees, which is %s: start each executor with CUDA_VISIBLE_DEVICES set to its own GPU"
              .formatted(given, first));
    }
  }

  private static boolean isNumber(String address) {
    return !address.isEmpty() && address.chars().allMatch(Character::isDigit);
  }
}
