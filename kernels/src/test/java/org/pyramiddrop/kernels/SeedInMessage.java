package org.pyramiddrop.kernels;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/** Says with every failure how to draw its data again. */
final class SeedInMessage implements TestExecutionExceptionHandler {
  @Override
  public void handleTestExecutionException(ExtensionContext context, Throwable failure) {
    if (failure instanceof TestAbortedException aborted) {
      throw aborted;
    }
    throw new AssertionError(
        "%s [-Dpyramiddrop.seed=%d]".formatted(failure.getMessage(), RandomData.SEED), failure);
  }
}
