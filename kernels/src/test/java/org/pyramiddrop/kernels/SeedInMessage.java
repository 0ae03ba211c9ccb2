package org.pyramiddrop.kernels;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

/** Says with every failure how to draw its data again. */
final class SeedInMessage implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable failure) {
    throw new AssertionError(
        "%s [-Dpyramiddrop.seed=%d]".formatted(failure.getMessage(), RandomData.SEED), failure);
  }
}
