package org.pyramiddrop.training.files;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.StoredTensor;

/**
 * A LoRA of random numbers for a checkpoint, and the numbers of the tensors that it is merged into.
 *
 * @param entries the LoRA, and the projector if it is changed
 * @param merged new numbers by tensor
 */
record RandomLora(List<AdapterWriter.Entry> entries, Map<String, Supplier<float[]>> merged) {
  static final int RANK = 3;
  static final float ALPHA = 4.5f;

  private static final Pattern TARGET =
      Pattern.compile(".*language_model.*\\.(q_proj|v_proj|down_proj)\\.weight");

  static RandomLora of(Checkpoint checkpoint, boolean projector, Random random) {
    List<AdapterWriter.Entry> entries = new ArrayList<>();
    Map<String, Supplier<float[]>> merged = new LinkedHashMap<>();
    for (String name : checkpoint.names()) {
      StoredTensor tensor = checkpoint.tensor(name);
      if (TARGET.matcher(name).matches()) {
        int outputs = tensor.dim(0);
        int inputs = tensor.dim(1);
        float[] a = Numbers.random(RANK * inputs, random);
        float[] b = Numbers.random(outputs * RANK, random);
        String module = name.substring(0, name.length() - ".weight".length());
        entries.add(entry(module + ".lora_A.weight", a, RANK, inputs));
        entries.add(entry(module + ".lora_B.weight", b, outputs, RANK));
        float[] sum = Numbers.floats(tensor);
        for (int i = 0; i < outputs; i++) {
          for (int j = 0; j < inputs; j++) {
            double product = 0;
            for (int k = 0; k < RANK; k++) {
              product += (double) b[i * RANK + k] * a[k * inputs + j];
            }
            sum[i * inputs + j] = (float) (sum[i * inputs + j] + ALPHA / RANK * product);
          }
        }
        merged.put(name, () -> sum);
      } else if (projector && name.contains("multi_modal_projector")) {
        float[] values = Numbers.random(Math.toIntExact(tensor.elements()), random);
        entries.add(new AdapterWriter.Entry(name, tensor.shape(), () -> values));
        merged.put(name, () -> values);
      }
    }
    return new RandomLora(entries, merged);
  }

  private static AdapterWriter.Entry entry(String name, float[] values, long rows, long columns) {
    return new AdapterWriter.Entry(name, List.of(rows, columns), () -> values);
  }
}
