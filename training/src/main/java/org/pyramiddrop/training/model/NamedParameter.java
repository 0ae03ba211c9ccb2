package org.pyramiddrop.training.model;

import java.util.List;
import org.pyramiddrop.kernels.Parameter;

/**
 * A parameter that training changes.
 *
 * @param name of the tensor in the checkpoint, or of a LoRA's matrix
 * @param shape of that tensor; its numbers are the parameter's, row by row
 * @param part of the model that it belongs to
 */
public record NamedParameter(String name, List<Long> shape, ModelPart part, Parameter parameter) {
  /** Keeps its own copy of the shape. */
  public NamedParameter {
    shape = List.copyOf(shape);
  }
}
